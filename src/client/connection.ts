/**
 * Connection: one TCP connection to one broker, with typed requests that may overlap.
 *
 * A broker answers in the order it was asked, so answers are matched by that order and the correlation id only proves
 * it. For the same reason a request without its answer holds up all those behind it: when the oldest one runs out of
 * time the connection is of no use any more and closes, failing them all.
 *
 * Requests made in one turn of the event loop leave in one write. A response is decoded in memory of its own, so
 * views into it (records) stay good for as long as they are kept.
 */
import { readInt32 } from "../bytes/int64.ts";
import { decodeResponse, encodeRequest } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import { VERSION } from "../version.ts";
import { timerMs, withinLimits } from "./call.ts";
import { AnswerError, check, ConnectionError } from "./errors.ts";
import { logIn, type SaslOptions } from "./sasl.ts";

/** What a connection needs of a socket; a Deno.TcpConn and a Deno.TlsConn are one. */
export interface Socket {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** Told to the broker with every request, for its logs and quotas. */
  readonly clientId?: string;
  /** How long making a connection may take, 10 s if not given. */
  readonly connectTimeoutMs?: number;
  /** How long a request may stay unanswered, 30 s if not given. */
  readonly requestTimeoutMs?: number;
  /** A longer response closes the connection; 128 MiB if not given. */
  readonly maxResponseBytes?: number;
  /** TLS with what is given here; plain TCP if not given. */
  readonly tls?: TlsOptions;
  /** Who the client is, where the broker asks. */
  readonly sasl?: SaslOptions;
  /** Makes the socket, in the place of `tls`. */
  readonly dial?: (
    address: { hostname: string; port: number },
    /** Aborted when nobody waits for the socket any more; one that comes all the same is closed. */
    signal: AbortSignal,
  ) => Promise<Socket>;
}

/** Levels of features that the whole cluster goes by ("transaction.version"), as of an epoch; -1 before any. */
export interface FinalizedFeatures {
  readonly epoch: number;
  readonly levels: ReadonlyMap<string, number>;
}

/** All are PEM. */
export interface TlsOptions {
  /** Whose certificates of brokers are trusted, besides those that the system trusts. */
  readonly caCerts?: readonly string[];
  /** The client's own certificate and its key, where the broker asks for one. */
  readonly cert?: string;
  readonly key?: string;
}

export class Connection {
  /** "host:port", for people. */
  readonly address: string;
  readonly #socket: Socket;
  readonly #clientId: string;
  readonly #requestTimeoutMs: number;
  readonly #maxResponseBytes: number;
  readonly #versions = new Map<number, { min: number; max: number }>();
  #features: FinalizedFeatures = { epoch: -1, levels: new Map() };
  /** Requests without an answer yet, oldest first; `#head` is the first that counts. */
  #waiting: Waiting[] = [];
  #head = 0;
  #correlationId = 0;
  #out: Uint8Array[] = [];
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAtMs = 0;
  #failure: ConnectionError | null = null;
  /** When the log-in is about to end, so that another connection should take over. */
  #isStaleAtMs = Infinity;
  #isRetired = false;

  /**
   * Connects, and asks the broker which versions it speaks. Throws ConnectionError, also when `signal` is aborted before
   * that is answered; nothing is left open then.
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const address = `${options.host}:${options.port}`;
    const dial = options.dial ?? dialerOf(options.tls);
    const dialing = new AbortController();
    let socket: Socket;
    try {
      const maxMs = options.connectTimeoutMs ?? 10_000;
      const dialed = dial({ hostname: options.host, port: options.port }, dialing.signal);
      socket = await withinLimits(dialed, {
        maxMs,
        signal,
        late: () => new Error(`not within ${maxMs} ms`),
        unwanted: closeQuietly,
      });
    } catch (cause) {
      dialing.abort();
      throw new ConnectionError(`Cannot connect to ${address}: ${messageOf(cause)}`, { cause });
    }
    const connection = new Connection(socket, address, options), end = () => connection.close();
    signal?.addEventListener("abort", end);
    try {
      await connection.#negotiate();
      if (options.sasl !== undefined) await connection.#logIn(options.sasl);
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      signal?.removeEventListener("abort", end);
    }
    return connection;
  }

  private constructor(socket: Socket, address: string, options: ConnectionOptions) {
    this.address = address;
    this.#socket = socket;
    this.#clientId = options.clientId ?? "runnel";
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.#maxResponseBytes = options.maxResponseBytes ?? 128 << 20;
    this.#readAll().catch((error) => this.#fail(messageOf(error), error));
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  /** What the cluster had finalised when this connection was made. */
  get features(): FinalizedFeatures {
    return this.#features;
  }

  /** Whether its log-in ends soon (KIP-368): what is in flight has time, and nothing new should begin here. */
  get isStale(): boolean {
    return performance.now() >= this.#isStaleAtMs;
  }

  /** Closes it when what is in flight has been answered. */
  retire(): void {
    this.#isRetired = true;
    if (this.inFlight === 0) this.close();
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#waiting.length - this.#head;
  }

  /**
   * The highest version of an API that both sides speak, not above `atMost`. Throws an Error when there is none.
   */
  versionFor(api: { key: number; name: string; min: number; max: number }, atMost = api.max) {
    const range = this.#versions.get(api.key);
    const version = Math.min(range?.max ?? -1, api.max, atMost);
    if (range === undefined || version < Math.max(range.min, api.min)) {
      const theirs = range ? `${range.min} to ${range.max}` : "no version";
      throw new Error(
        `${api.name}: ${this.address} speaks ${theirs}, needed was one of ${api.min} to ${
          Math.min(api.max, atMost)
        }`,
      );
    }
    return version;
  }

  /**
   * Sends a request; resolves with the decoded response. Byte fields of the request may be sent as they are, so they
   * must not change until then. Throws ConnectionError when the connection ends first or the time runs out.
   */
  request<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
    { timeoutMs = this.#requestTimeoutMs }: { timeoutMs?: number } = {},
  ): Promise<Decoded<Message<R>>> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#send(api, version, body);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        correlationId: this.#correlationId,
        deadlineMs: performance.now() + timeoutMs,
        accept: (frame) => resolve(decodeResponse(api, version, frame).body),
        reject,
      });
      this.#watchOldest();
    });
  }

  /** Sends a request that has no answer: Produce with acks=0. */
  send<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
  ): void {
    if (this.#failure) throw this.#failure;
    this.#send(api, version, body);
  }

  /** Resolves when all that was sent so far has gone to the socket. Throws ConnectionError. */
  async written(): Promise<void> {
    const isLate = () => this.#fail("the broker takes nothing");
    const timer = this.#isWriting ? setTimeout(isLate, timerMs(this.#requestTimeoutMs)) : undefined;
    await this.#writing;
    clearTimeout(timer);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Closes at once; what is unanswered fails with ConnectionError. */
  close(): void {
    this.#fail("the client closed the connection");
  }

  /**
   * Asks in the newest version first. A broker that does not know it answers in version 0 with
   * UNSUPPORTED_VERSION, and is then asked in that.
   */
  async #negotiate(): Promise<void> {
    const about = `versions of ${this.address}`;
    const ask = { clientSoftwareName: "runnel", clientSoftwareVersion: VERSION };
    // Version 4 is the newest that asks nothing more: 5 checks a cluster and node id that are not known yet.
    let response = await this.#askVersions(4, ask);
    if (response.errorCode === UNSUPPORTED_VERSION) response = await this.#askVersions(0, {});
    check(response.errorCode, about);
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion });
    }
    this.#features = {
      epoch: response.finalizedFeaturesEpoch,
      levels: new Map(response.finalizedFeatures.map((one) => [one.name, one.maxVersionLevel])),
    };
  }

  async #logIn(options: SaslOptions): Promise<void> {
    const lifetimeMs = await logIn(this, options);
    if (lifetimeMs > 0) this.#isStaleAtMs = performance.now() + lifetimeMs * STALE_AT;
  }

  #askVersions(
    version: number,
    body: Encodable<typeof ApiVersions.request>,
  ): Promise<Decoded<typeof ApiVersions.response>> {
    this.#send(ApiVersions, version, body);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        correlationId: this.#correlationId,
        deadlineMs: performance.now() + this.#requestTimeoutMs,
        accept: (frame) => {
          // The error code comes first in every version, so an answer in version 0 shows itself.
          const isRefused = frame.length >= 6 && (frame[4] << 8 | frame[5]) === UNSUPPORTED_VERSION;
          resolve(decodeResponse(ApiVersions, isRefused ? 0 : version, frame).body);
        },
        reject,
      });
      this.#watchOldest();
    });
  }

  #send<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    version: number,
    body: Encodable<Message<Q>>,
  ): void {
    const correlationId = (this.#correlationId + 1) & 0x7fffffff;
    const header = { correlationId, clientId: this.#clientId };
    const chunks = encodeRequest(api, version, header, body); // may throw: nothing is changed before it
    this.#correlationId = correlationId;
    for (const chunk of chunks) this.#out.push(chunk);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = Promise.resolve().then(() => this.#writeAll())
      .catch((error) => this.#fail(messageOf(error), error));
  }

  async #writeAll(): Promise<void> {
    while (this.#out.length > 0 && this.#failure === null) {
      const chunks = this.#out;
      this.#out = [];
      for (const bytes of joinedSmall(chunks)) {
        let written = await this.#socket.write(bytes);
        while (written < bytes.length) {
          written += await this.#socket.write(bytes.subarray(written));
        }
      }
    }
    this.#isWriting = false;
  }

  /**
   * Frames are copied out of the reading buffer when they came whole, which small ones do. Of a larger one the rest is
   * read straight into the memory it will stay in.
   */
  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    let held = 0;
    for (;;) {
      const read = await this.#socket.read(buffer.subarray(held));
      if (read === null || this.#failure) return this.#fail("the broker closed the connection");
      held += read;
      let at = 0;
      while (held - at >= 4) {
        const size = this.#checkedSize(readInt32(buffer, at));
        const from = at + 4;
        if (held - from >= size) {
          this.#accept(buffer.slice(from, from + size));
          at = from + size;
        } else if (size + 4 <= READ_BYTES) {
          break;
        } else {
          this.#accept(await this.#readLarge(size, buffer.subarray(from, held)));
          at = held = 0;
        }
      }
      buffer.copyWithin(0, at, held);
      held -= at;
    }
  }

  async #readLarge(size: number, beginning: Uint8Array): Promise<Uint8Array> {
    const frame = new Uint8Array(size);
    frame.set(beginning);
    let filled = beginning.length;
    while (filled < size) {
      const read = await this.#socket.read(frame.subarray(filled));
      if (read === null) throw new Error(`the broker closed with ${filled} of ${size} bytes sent`);
      filled += read;
    }
    return frame;
  }

  #checkedSize(size: number): number {
    if (size >= 4 && size <= this.#maxResponseBytes) return size;
    if (size === HTTP) {
      throw new Error("it speaks HTTP, not Kafka (of Runnel: http_port, not kafka_port)");
    }
    if (size >>> 16 === TLS_ALERT) {
      throw new Error("it speaks TLS, and was spoken to in clear (security.protocol)");
    }
    throw new Error(`a response of ${size} bytes, allowed are 4 to ${this.#maxResponseBytes}`);
  }

  #accept(frame: Uint8Array): void {
    const waiting = this.#head < this.#waiting.length ? this.#waiting[this.#head++] : null;
    if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    const correlationId = readInt32(frame, 0);
    if (waiting === null || waiting.correlationId !== correlationId) {
      const error = new Error(
        `an answer to request ${correlationId}, ${waiting?.correlationId ?? "none"} was due`,
      );
      waiting?.reject(new ConnectionError(`${this.address}: ${error.message}`));
      throw error;
    }
    this.#watchOldest();
    try {
      waiting.accept(frame);
    } catch (error) {
      waiting.reject(
        new AnswerError(`${this.address} answers what no broker does: ${messageOf(error)}`),
      );
    }
    if (this.#isRetired && this.inFlight === 0) this.close();
  }

  /** One timer, for the oldest request: the ones behind it cannot be answered earlier. It may go off early, never late. */
  #watchOldest(): void {
    if (this.inFlight === 0) return;
    const { deadlineMs } = this.#waiting[this.#head];
    if (this.#timer !== null && this.#timerAtMs <= deadlineMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = deadlineMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.inFlight > 0 && this.#waiting[this.#head].deadlineMs <= performance.now()) {
        this.#fail("no answer in time");
      }
      this.#watchOldest();
    }, timerMs(Math.max(1, deadlineMs - performance.now())));
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#failure) return;
    const failure = new ConnectionError(`Connection to ${this.address}: ${why}`, { cause });
    this.#failure = failure;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const left = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    this.#out = [];
    closeQuietly(this.#socket);
    for (const waiting of left) waiting.reject(failure);
  }
}

interface Waiting {
  readonly correlationId: number;
  readonly deadlineMs: number;
  readonly accept: (frame: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

const UNSUPPORTED_VERSION = 35;
/** The share of a log-in's life after which Kafka's clients begin the next. */
const STALE_AT = 0.85;
/** What an answer's size is when what came is "HTTP", and how it begins when it is an alert of TLS 1.x. */
const HTTP = 0x48545450;
const TLS_ALERT = 0x1503;
const READ_BYTES = 1 << 16;
const JOIN_BYTES = 1 << 16;

function dialerOf(tls: TlsOptions | undefined): NonNullable<ConnectionOptions["dial"]> {
  if (tls === undefined) return dialTcp;
  const { caCerts = [], cert, key } = tls,
    own = cert !== undefined && key !== undefined ? { cert, key } : {};
  return async (address, signal) => {
    const options = { ...address, caCerts: [...caCerts], ...own, signal };
    const socket = await Deno.connectTls(options);
    const end = () => closeQuietly(socket);
    signal.addEventListener("abort", end);
    if (signal.aborted) end(); // connecting hears of no signal where there is TLS
    try {
      await socket.handshake();
    } catch (error) {
      closeQuietly(socket); // a handshake that failed leaves it open
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
    return socket;
  };
}

async function dialTcp(
  address: { hostname: string; port: number },
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await Deno.connect({ ...address, signal });
  socket.setNoDelay(true);
  return socket;
}

function closeQuietly(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // closed already, by the other side
  }
}

/** Neighbours that are small together become one array; large chunks stay as they are. */
function joinedSmall(chunks: readonly Uint8Array[]): Uint8Array[] {
  if (chunks.length === 1) return chunks as Uint8Array[];
  const joined: Uint8Array[] = [];
  for (let i = 0; i < chunks.length;) {
    let bytes = chunks[i].length, end = i + 1;
    while (end < chunks.length && bytes + chunks[end].length <= JOIN_BYTES) {
      bytes += chunks[end++].length;
    }
    if (end === i + 1) joined.push(chunks[i]);
    else joined.push(concat(chunks.slice(i, end), bytes));
    i = end;
  }
  return joined;
}

function concat(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);
