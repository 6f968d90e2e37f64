/**
 * Load: one connection that sends requests encoded beforehand and looks at answers as little as it can, so that the
 * machine's time goes to the broker.
 *
 * `keepBusy` repeats one request; `exchange` sends one and gives its answer. Answers come in order, so all requests may
 * carry the same correlation id.
 */
import { encodeRequest } from "../src/protocol/frame.ts";
import { joined } from "../src/protocol/codec.ts";
import type { Api, Encodable, Fields, Message } from "../src/protocol/schema.ts";
import { readInt32 } from "../src/bytes/int64.ts";
import { parseAddress } from "../src/client/cluster.ts";
import type { Histogram } from "./histogram.ts";

/** A request's bytes, size in front. */
export function encoded<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  version: number,
  body: Encodable<Message<Q>>,
): Uint8Array {
  return joined(encodeRequest(api, version, { correlationId: 1, clientId: "bench" }, body)).slice();
}

export class LoadConnection {
  readonly #socket: Deno.Conn;
  #buffer = new Uint8Array(1 << 16);
  #start = 0;
  #end = 0;

  /** `caCert` (PEM): by TLS, and whom to trust there. */
  static async open(address: string, caCert?: string): Promise<LoadConnection> {
    const { host, port } = parseAddress(address);
    if (caCert === undefined) {
      const socket = await Deno.connect({ hostname: host, port });
      socket.setNoDelay(true);
      return new LoadConnection(socket);
    }
    const socket = await Deno.connectTls({ hostname: host, port, caCerts: [caCert] });
    await socket.handshake();
    return new LoadConnection(socket);
  }

  private constructor(socket: Deno.Conn) {
    this.#socket = socket;
  }

  /** The answer to one request, without its size; good until the next call. */
  async exchange(request: Uint8Array): Promise<Uint8Array> {
    await this.#write(request);
    return await this.#next();
  }

  /**
   * Keeps `inFlight` copies of a request on their way until `isOver`, then waits for the answers that are due. Every
   * answer's time goes to `latency`; `check` sees the first answer, each of another length, and some in between.
   */
  async keepBusy(
    request: Uint8Array,
    { inFlight, isOver, latency, check }: {
      inFlight: number;
      isOver: () => boolean;
      latency: () => Histogram | null;
      check: (answer: Uint8Array) => void;
    },
  ): Promise<void> {
    const copies = new Uint8Array(request.length * inFlight);
    for (let i = 0; i < inFlight; i++) copies.set(request, i * request.length);
    const sentMs: number[] = new Array(inFlight).fill(performance.now());
    let oldest = 0, due = inFlight, usualLength = -1, answers = 0;
    await this.#write(copies);
    while (due > 0) {
      let answer: Uint8Array | null = await this.#next();
      const nowMs = performance.now();
      const histogram = latency();
      let taken = 0;
      for (; answer !== null; answer = this.#held()) {
        if (answer.length !== usualLength || answers++ % CHECKED_EVERY === 0) check(answer);
        usualLength = answer.length;
        histogram?.add(nowMs - sentMs[oldest]);
        sentMs[oldest] = nowMs; // the request that takes its place leaves at once
        oldest = (oldest + 1) % inFlight;
        taken++;
      }
      if (isOver()) due -= taken;
      else await this.#write(copies.subarray(0, taken * request.length));
    }
  }

  close(): void {
    this.#socket.close();
  }

  async #next(): Promise<Uint8Array> {
    for (;;) {
      const frame = this.#held();
      if (frame) return frame;
      this.#makeRoom();
      const read = await this.#socket.read(this.#buffer.subarray(this.#end));
      if (read === null) throw new Error("The broker closed the connection under load");
      this.#end += read;
    }
  }

  /** A whole frame that has arrived already, or null. */
  #held(): Uint8Array | null {
    const held = this.#end - this.#start;
    if (held < 4) return null;
    const size = readInt32(this.#buffer, this.#start);
    if (held - 4 < size) return null;
    const from = this.#start + 4;
    this.#start = from + size;
    return this.#buffer.subarray(from, from + size);
  }

  #makeRoom(): void {
    const held = this.#end - this.#start;
    const needed = held >= 4 ? readInt32(this.#buffer, this.#start) + 4 : 4;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
    } else if (this.#start + needed > this.#buffer.length || held === 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else {
      return;
    }
    this.#start = 0;
    this.#end = held;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = await this.#socket.write(bytes);
    while (written < bytes.length) written += await this.#socket.write(bytes.subarray(written));
  }
}

const CHECKED_EVERY = 64;

/** The phases of a run: what is answered while warming up is not counted. */
export class Phases {
  readonly #startMs = performance.now();

  constructor(readonly warmUpMs: number, readonly measureMs: number) {}

  get isMeasuring(): boolean {
    const ms = performance.now() - this.#startMs;
    return ms >= this.warmUpMs && ms < this.warmUpMs + this.measureMs;
  }

  get isOver(): boolean {
    return performance.now() - this.#startMs >= this.warmUpMs + this.measureMs;
  }

  get seconds(): number {
    return this.measureMs / 1000;
  }
}
