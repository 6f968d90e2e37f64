/**
 * What the package needs of its runtime: Deno's own where there is Deno, else the little that is needed of it made of
 * node:*, for Node and Bun. It goes into the package as a module of its own, and nothing is put into the global scope.
 *
 * Files and locks are not in it: a broker on a directory needs flock, which Node has not.
 */
import net from "node:net";
import tls from "node:tls";
import { readFileSync, statSync } from "node:fs";
import { inspect } from "node:util";

// deno-lint-ignore no-explicit-any -- there is Deno, or there is not; known when it runs
const runtime = globalThis as any;

/** Of Deno's errors those that are told apart. */
const KINDS = [
  "AddrInUse",
  "AddrNotAvailable",
  "BadResource",
  "BrokenPipe",
  "ConnectionAborted",
  "ConnectionRefused",
  "ConnectionReset",
  "Interrupted",
  "NotCapable",
  "NotConnected",
  "NotFound",
  "PermissionDenied",
  "TimedOut",
  "UnexpectedEof",
] as const;
type Kind = new (message: string, options?: ErrorOptions) => Error;
const errors: Readonly<Record<typeof KINDS[number], Kind>> = runtime.Deno?.errors ??
  Object.fromEntries(KINDS.map((name) => [name, errorNamed(name)]));

function errorNamed(name: string): Kind {
  return class extends Error {
    override readonly name = name;
  };
}

const BY_CODE: Readonly<Record<string, Kind>> = {
  EADDRINUSE: errors.AddrInUse,
  EADDRNOTAVAIL: errors.AddrNotAvailable,
  EACCES: errors.PermissionDenied,
  EPERM: errors.PermissionDenied,
  ENOENT: errors.NotFound,
  EPIPE: errors.BrokenPipe,
  ECONNABORTED: errors.ConnectionAborted,
  ECONNREFUSED: errors.ConnectionRefused,
  ECONNRESET: errors.ConnectionReset,
  ENOTCONN: errors.NotConnected,
  ETIMEDOUT: errors.TimedOut,
};

/** An error of Node's as Deno has it. */
export function asOfDeno(error: Error & { code?: string }): Error {
  const kind = BY_CODE[error.code ?? ""];
  return kind === undefined ? error : new kind(error.message, { cause: error });
}

/** A socket of Node's that is read and written as one of Deno's. One read and one write at a time. */
export class Conn {
  readonly #socket: net.Socket;
  #rest: Uint8Array | null = null;
  #error: Error | null = null;
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    const wake = () => this.#wake?.();
    socket.on("readable", wake);
    socket.on("end", wake);
    socket.on("close", wake);
    socket.on("error", (error) => {
      this.#error = asOfDeno(error);
      wake();
    });
  }

  get localAddr() {
    return { hostname: this.#socket.localAddress ?? "", port: this.#socket.localPort ?? 0 };
  }

  get remoteAddr() {
    return { hostname: this.#socket.remoteAddress ?? "", port: this.#socket.remotePort ?? 0 };
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      this.#rest ??= this.#socket.read() as Uint8Array | null;
      if (this.#rest !== null) {
        const part = this.#rest.subarray(0, into.length);
        into.set(part);
        this.#rest = part.length < this.#rest.length ? this.#rest.subarray(part.length) : null;
        return part.length;
      }
      if (this.#isClosed) throw new errors.BadResource("The socket is closed");
      if (this.#error !== null) throw this.#error;
      if (this.#socket.readableEnded) return null;
      if (this.#socket.destroyed) throw new errors.ConnectionReset("The socket was closed");
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#isClosed) return Promise.reject(new errors.BadResource("The socket is closed"));
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) {
          reject(this.#isClosed ? new errors.BadResource("The socket is closed") : asOfDeno(error));
        } else resolve(bytes.length);
      });
    });
  }

  close(): void {
    if (this.#isClosed) throw new errors.BadResource("The socket is closed");
    this.#isClosed = true;
    this.#socket.destroy();
    this.#wake?.();
  }

  setNoDelay(isOn = true): void {
    this.#socket.setNoDelay(isOn);
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }
}

type Address = { hostname: string; port: number; signal?: AbortSignal };

function connect({ hostname, port, signal }: Address): Promise<Conn> {
  return connected(net.connect({ host: hostname, port, allowHalfOpen: true }), "connect", signal);
}

async function connectTls(
  { hostname, port, caCerts = [], cert, key, signal }: Address & {
    caCerts?: readonly string[];
    cert?: string;
    key?: string;
  },
) {
  const ca = caCerts.length === 0 ? undefined : [...tls.rootCertificates, ...caCerts];
  const servername = net.isIP(hostname) === 0 ? hostname : undefined;
  const conn = await connected(
    tls.connect({ host: hostname, port, ca, cert, key, servername }),
    "secureConnect",
    signal,
  );
  return Object.assign(conn, { handshake: () => Promise.resolve() }); // it was made
}

/** Of an attempt that is given up nothing is left, which would keep the process. */
function connected(socket: net.Socket, event: string, signal?: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const end = () => socket.destroy(signal!.reason);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
    socket.once("error", (error) => {
      signal?.removeEventListener("abort", end);
      reject(asOfDeno(error));
    });
    socket.once(event, () => {
      signal?.removeEventListener("abort", end);
      resolve(new Conn(socket));
    });
  });
}

/** With errors of Deno's kinds. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asOfDeno(error as Error);
  }
}

function noFiles(): never {
  throw new Error(
    "A data directory needs Deno, whose lock Node does not have: in Node and Bun storage.path is memory://",
  );
}

/** What stands in for Deno. */
export const denoOnNode = {
  errors,
  inspect,
  connect,
  connectTls,
  SeekMode: { Start: 0, Current: 1, End: 2 },
  statSync: (path: string) => {
    const stat = attempt(() => statSync(path));
    return Object.assign(stat, { isFile: stat.isFile(), isDirectory: stat.isDirectory() });
  },
  readTextFileSync: (path: string) => attempt(() => readFileSync(path, "utf8")),
  readFileSync: (path: string) => attempt(() => new Uint8Array(readFileSync(path))),
  openSync: noFiles,
  mkdirSync: noFiles,
  realPathSync: noFiles,
};

/** The stack of what is to be given back, for Node 22, which has `Symbol.asyncDispose` and not this. */
export class AsyncStack implements AsyncDisposable {
  #ends: (() => unknown)[] = [];

  use<T extends AsyncDisposable | Disposable>(value: T): T {
    const { [Symbol.asyncDispose]: late, [Symbol.dispose]: soon } = value as
      & Partial<AsyncDisposable>
      & Partial<Disposable>;
    this.#ends.push(() => (late ?? soon)!.call(value));
    return value;
  }

  defer(end: () => unknown): void {
    this.#ends.push(end);
  }

  move(): AsyncStack {
    const moved = new AsyncStack();
    moved.#ends = this.#ends;
    this.#ends = [];
    return moved;
  }

  disposeAsync(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  /** From the top, every one; throws the last error, with the one before it as what it suppressed, when all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ends = this.#ends.splice(0).reverse();
    let failure: { readonly error: unknown } | null = null;
    for (const end of ends) {
      try {
        await end();
      } catch (error) {
        failure = {
          error: failure === null
            ? error
            : Object.assign(new Error(String(error), { cause: error }), {
              name: "SuppressedError",
              error,
              suppressed: failure.error,
            }),
        };
      }
    }
    if (failure !== null) throw failure.error;
  }
}

export const Deno = runtime.Deno ?? denoOnNode;
export const AsyncDisposableStack = runtime.AsyncDisposableStack ?? AsyncStack;
