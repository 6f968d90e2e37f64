/** Tcp of the package: what src/server/transport/tcp.ts is in Deno, over node:net. The bundle has it in that one's place. */
import net from "node:net";
import { TcpTransport } from "../../src/server/transport/tcp_transport.ts";
import {
  type Address,
  LISTEN_BACKLOG,
  listenError,
  type Transport,
  type TransportListener,
} from "../../src/server/transport/transport.ts";
import { asOfDeno, Conn, Deno } from "runnel-runtime";

/** As in Deno, but for what it answers: Node binds in a later turn. */
export function listenTcp({ host, port }: Address): Promise<TransportListener> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.once("error", (error) => reject(listenError(asOfDeno(error), { host, port })));
    server.listen({ host, port, backlog: LISTEN_BACKLOG }, () => resolve(new TcpListener(server)));
  });
}

/** For listeners of TLS, which bind before they are ready. */
export function listen(_address: Address): never {
  throw new Error(
    "The npm package listens without TLS: for a listener with TLS run the broker with Deno, from source",
  );
}

/** Those that nobody has accepted yet, as while a quota lets them wait: Node takes them out of the system's hands. */
export const MAX_ARRIVED = 256;

class TcpListener implements TransportListener {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #come: Transport[] = [];
  #waiting: PromiseWithResolvers<Transport> | null = null;
  #isClosed = false;

  constructor(server: net.Server) {
    this.#server = server;
    const { address: host, port } = server.address() as net.AddressInfo;
    this.address = { host, port };
    server.on("connection", (socket) => {
      const come = new TcpTransport(new Conn(socket)); // which hears of its errors from now on
      if (this.#isClosed || this.#come.length >= MAX_ARRIVED) return come.close();
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting === null) this.#come.push(come);
      else waiting.resolve(come);
    });
    server.on("error", (error) => this.#reject(asOfDeno(error)));
  }

  accept(): Promise<Transport> {
    if (this.#isClosed) return Promise.reject(new Deno.errors.BadResource("Listener is closed"));
    const come = this.#come.shift();
    if (come !== undefined) return Promise.resolve(come);
    this.#waiting ??= Promise.withResolvers<Transport>();
    return this.#waiting.promise;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server.close();
    for (const come of this.#come.splice(0)) come.close();
    this.#reject(new Deno.errors.BadResource("Listener is closed"));
  }

  #reject(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
