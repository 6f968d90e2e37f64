/**
 * Tls: TLS over node:net and node:tls, which ask clients for certificates and take another certificate while they listen
 * (Deno 2.9 and later; tls_trial.ts finds out). The handshake begins when secure() is called, not when a peer connects.
 *
 * Each connection is accepted plain and handed to a tls.Server that listens nowhere: a new certificate is a new such
 * server, from the next handshake on, and whoever is connected stays.
 */
import type { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import type { ClientAuth } from "../../config/listener_settings.ts";
import { PeerTrust, type PresentedCertificate } from "./peer_trust.ts";
import { listen } from "./tcp.ts";
import { addressOf, closeQuietly } from "./tcp_transport.ts";
import type { TlsMaterial } from "./tls_material.ts";
import {
  type Address,
  type Handshake,
  HandshakeError,
  LISTEN_BACKLOG,
  listenError,
  type Transport,
  type TransportListener,
} from "./transport.ts";

export interface TlsContextOptions {
  readonly clientAuth: ClientAuth;
  /** The wall clock, for certificates. */
  readonly nowMs: () => number;
}

/** What a listener shows and whom it trusts, now. */
export class TlsContext {
  readonly #options: TlsContextOptions;
  readonly #trust: PeerTrust;
  /** Handshakes under way, by both ends of the connection. */
  readonly #pending = new Map<string, Pending>();
  #server: tls.Server;

  constructor(material: TlsMaterial, options: TlsContextOptions) {
    this.#options = options;
    this.#trust = new PeerTrust(options.clientAuth, options.nowMs);
    this.#server = this.#newServer(material);
  }

  /** From the next handshake on. */
  use(material: TlsMaterial): void {
    this.#server = this.#newServer(material);
  }

  /** Shakes hands over a plain connection. Rejects with HandshakeError, also when the peer or this end closes it. */
  begin(plain: net.Socket): Promise<{ socket: tls.TLSSocket; handshake: Handshake }> {
    return new Promise((resolve, reject) => {
      if (plain.destroyed) return reject(goneError());
      const key = keyOf(plain), server = this.#server;
      const settle = () => this.#pending.delete(key);
      const refuse = (error: Error) => {
        settle();
        plain.destroy();
        reject(error);
      };
      this.#pending.set(key, {
        secured: (socket) => {
          settle();
          try {
            resolve({ socket, handshake: this.#judge(socket) });
          } catch (error) {
            socket.destroy();
            plain.destroy();
            reject(error);
          }
        },
        refused: (error) => refuse(new HandshakeError(error.message)),
      });
      plain.once(
        "close",
        () => refuse(goneError()),
      );
      server.emit("connection", plain);
    });
  }

  #newServer({ certificate, key, clientCa }: TlsMaterial): tls.Server {
    const asks = this.#options.clientAuth !== "none";
    const server = tls.createServer({
      cert: certificate,
      key,
      minVersion: "TLSv1.2",
      requestCert: asks,
      rejectUnauthorized: false, // judged here, where it can be said why
      ca: asks ? clientCa : undefined,
      // None: the session has its own, and this one would keep what came of a handshake that failed until it strikes.
      handshakeTimeout: -1,
    });
    server.on("secureConnection", (socket) => {
      socket.on("error", ignore); // told to whoever reads or writes
      const pending = this.#pending.get(keyOf(socket));
      if (pending === undefined) socket.destroy();
      else pending.secured(socket);
    });
    server.on("tlsClientError", (error, socket) => {
      socket.on("error", ignore);
      this.#pending.get(keyOf(socket))?.refused(error);
    });
    this.#trust.use(clientCa);
    return server;
  }

  #judge(socket: tls.TLSSocket): Handshake {
    const protocol = socket.getProtocol(), cipher = socket.getCipher()?.name ?? null;
    const presented = this.#options.clientAuth === "none" ? null : presentedBy(socket);
    return { protocol, cipher, peerCertificate: this.#trust.judge(presented) };
  }
}

interface Pending {
  secured(socket: tls.TLSSocket): void;
  refused(error: Error): void;
}

/** Listens; throws what Deno.listen throws. Whoever comes from now on is accepted, and waits here. */
export async function listenTls(
  address: Address,
  context: TlsContext,
): Promise<TransportListener> {
  return new TlsListener(await bind(address), context);
}

/**
 * Has the address, and listens when it is opened; throws what Deno.listen throws. A server of node:net accepts whoever
 * comes as soon as it listens: while a broker starts they would take the descriptors that it needs for that.
 */
export function holdTls(address: Address, context: TlsContext): TransportListener {
  return new TlsListener(listen(address), context);
}

function bind({ host, port }: Address): Promise<net.Server> {
  const server = net.createServer({ pauseOnConnect: true });
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(listenError(asOfDeno(error), { host, port })));
    server.listen({ host, port, backlog: LISTEN_BACKLOG }, () => resolve(server));
  });
}

/**
 * A server of node:net that found no descriptor accepts nobody any more, and says so to nobody (seen in Deno 2.9.6). So
 * one to which nobody has come for a while is called by the listener itself; one that does not hear that is replaced.
 */
class TlsListener implements TransportListener {
  readonly address: Address;
  readonly #context: TlsContext;
  readonly #arrived: Transport[] = [];
  #call: ReturnType<typeof setInterval> | undefined;
  /** Null until it is opened. */
  #server: net.Server | null = null;
  #held: Deno.TcpListener | null = null;
  #waiting: { resolve(transport: Transport): void; reject(error: unknown): void } | null = null;
  #isClosed = false;
  /** Who has come so far. */
  #count = 0;
  #countAtLook = 0;
  /** The listener's own call under way. */
  #caller: net.Socket | null = null;

  constructor(place: net.Server | Deno.TcpListener, context: TlsContext) {
    this.#context = context;
    if (place instanceof net.Server) {
      const { address: host, port } = place.address() as net.AddressInfo;
      this.address = { host, port };
      this.#begin(place);
    } else {
      this.address = addressOf(place.addr);
      this.#held = place;
    }
  }

  /** In the place of what had the address. */
  async open(): Promise<void> {
    if (this.#held === null) return;
    closeQuietly(this.#held);
    this.#held = null;
    const server = await bind(this.address);
    if (this.#isClosed) server.close();
    else this.#begin(server);
  }

  accept(): Promise<Transport> {
    const next = this.#arrived.shift();
    if (next !== undefined) return Promise.resolve(next);
    if (this.#isClosed) return Promise.reject(new Deno.errors.BadResource("Listener is closed"));
    return new Promise((resolve, reject) => this.#waiting = { resolve, reject });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#call);
    this.#caller?.destroy();
    if (this.#held !== null) closeQuietly(this.#held);
    this.#server?.close();
    for (const transport of this.#arrived.splice(0)) transport.close();
    this.#waiting?.reject(new Deno.errors.BadResource("Listener is closed"));
    this.#waiting = null;
  }

  #begin(server: net.Server): void {
    this.#server = server;
    this.#serve(server);
    this.#call = setInterval(() => this.#look(), LOOK_MS);
  }

  #serve(server: net.Server): void {
    server.on("connection", (plain) => {
      plain.on("error", ignore);
      this.#count++;
      const isOwn = this.#caller !== null && plain.remotePort === this.#caller.localPort;
      if (this.#isClosed || isOwn || this.#arrived.length >= MAX_ARRIVED) plain.destroy();
      else this.#arrives(new TlsTransport(plain, this.#context));
    });
    server.on("error", (error) => this.#waiting?.reject(error));
  }

  #look(): void {
    const isSilent = this.#count === this.#countAtLook,
      wasCalled = this.#caller?.connecting === false;
    this.#countAtLook = this.#count;
    this.#caller?.destroy();
    this.#caller = null;
    if (!isSilent) return;
    if (wasCalled) return void this.#replace().catch(ignore); // tried again at the next look
    const { host, port } = this.address;
    const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
    this.#caller = net.connect({ host: reachable, port });
    this.#caller.on("error", ignore); // no descriptor for it either
  }

  async #replace(): Promise<void> {
    const deaf = this.#server!;
    await new Promise<void>((resolve) => {
      deaf.close(() => resolve());
      setTimeout(resolve, CLOSE_MS); // its connections stay
    });
    if (this.#isClosed) return;
    const server = await bind(this.address);
    if (this.#isClosed) return void server.close();
    this.#server = server;
    this.#serve(server);
  }

  #arrives(transport: Transport): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#arrived.push(transport);
    else waiting.resolve(transport);
  }
}

/** Those that nobody has accepted yet, as while a quota lets them wait; a plain listener's are the system's meanwhile. */
const MAX_ARRIVED = 256;
/** How often it is looked whether somebody came. */
const LOOK_MS = 5000;

class TlsTransport implements Transport {
  readonly peer: Address;
  readonly local: Address;
  readonly #plain: net.Socket;
  readonly #context: TlsContext;
  #socket: tls.TLSSocket | null = null;
  /** What of a chunk did not fit where it was read to. */
  #rest: Uint8Array | null = null;
  #error: Error | null = null;
  #hasEnded = false;
  #wake: (() => void) | null = null;
  #isClosed = false;

  constructor(plain: net.Socket, context: TlsContext) {
    this.#plain = plain;
    this.#context = context;
    this.peer = { host: plain.remoteAddress ?? "", port: plain.remotePort ?? 0 };
    this.local = { host: plain.localAddress ?? "", port: plain.localPort ?? 0 };
  }

  async secure(mayBegin?: () => Promise<void>): Promise<Handshake> {
    await somethingCame(this.#plain);
    const first = this.#plain.read() as Buffer | null;
    // Who came and said nothing only looked whether somebody is here.
    if (first === null) throw new Deno.errors.ConnectionReset("it went without a word");
    if (first[0] !== TLS_HANDSHAKE) throw new HandshakeError("it speaks no TLS");
    this.#plain.unshift(first);
    await mayBegin?.();
    const { socket, handshake } = await this.#context.begin(this.#plain);
    this.#socket = socket;
    socket.on("readable", () => this.#stir());
    socket.on("end", () => this.#ends(null));
    socket.on("close", () => this.#ends(null));
    socket.on("error", (error) => this.#ends(error));
    if (socket.destroyed || this.#isClosed) this.#ends(null);
    return handshake;
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      const chunk = this.#rest ?? this.#socket!.read() as Buffer | null;
      if (chunk !== null) return this.#give(chunk, into);
      if (this.#error !== null) throw this.#error;
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.length > WRITE_BYTES ? bytes.subarray(0, WRITE_BYTES) : bytes;
    return new Promise((resolve, reject) => {
      this.#socket!.write(part, (error) => error ? reject(error) : resolve(part.length));
    });
  }

  /** What is on its way out may leave, and the peer is told that this is the end, unless it does not take it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ends(null);
    const socket = this.#socket, plain = this.#plain;
    if (socket === null || socket.destroyed || socket.writableLength > 0) {
      socket?.destroy();
      plain.destroy();
      return;
    }
    const timer = setTimeout(() => plain.destroy(), CLOSE_MS);
    plain.once("close", () => clearTimeout(timer));
    socket.end(() => {
      socket.destroy();
      plain.destroy();
    });
  }

  setNoDelay(): void {
    this.#plain.setNoDelay(true);
  }

  endWrites(): void {
    this.#socket?.end();
  }

  #give(chunk: Uint8Array, into: Uint8Array): number {
    const count = Math.min(chunk.length, into.length);
    into.set(count === chunk.length ? chunk : chunk.subarray(0, count));
    this.#rest = count === chunk.length ? null : chunk.subarray(count);
    return count;
  }

  #ends(error: Error | null): void {
    this.#hasEnded = true;
    this.#error ??= error;
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/**
 * Resolves when the peer has said something, or went. What only opens a connection costs a socket until then, and not
 * what TLS needs besides.
 */
function somethingCame(plain: net.Socket): Promise<void> {
  if (plain.destroyed || plain.readableLength > 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      plain.off("readable", done);
      plain.off("close", done);
      resolve();
    };
    plain.on("readable", done);
    plain.on("close", done);
  });
}

/** Written at once, so that it shows how fast the peer takes what is large. */
const WRITE_BYTES = 1 << 16;
/** The type of the record that a handshake begins with. */
const TLS_HANDSHAKE = 0x16;
/** How long the last words may take. */
const CLOSE_MS = 1000;

function presentedBy(socket: tls.TLSSocket): PresentedCertificate | null {
  const der = socket.getPeerX509Certificate()?.raw;
  return der === undefined ? null : {
    der: new Uint8Array(der),
    isAuthorized: socket.authorized === true,
    reason: String(socket.authorizationError),
    isResumed: socket.isSessionReused() !== false,
  };
}

function goneError(): HandshakeError {
  return new HandshakeError("it went before the handshake was done");
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** What a start knows to say of errors of listening, it knows by Deno's kinds. */
function asOfDeno(error: Error & { code?: string }): Error {
  const kinds: Record<string, new (message: string) => Error> = {
    EADDRINUSE: Deno.errors.AddrInUse,
    EADDRNOTAVAIL: Deno.errors.AddrNotAvailable,
    EACCES: Deno.errors.PermissionDenied,
  };
  const kind = kinds[error.code ?? ""];
  return kind === undefined ? error : new kind(error.message);
}

const ignore = () => {};
