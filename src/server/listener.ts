/**
 * Listener: accepts connections on every listen address, up to a limit, and sweeps away those that are silent for
 * too long.
 */
import { CLOSE } from "../handlers/handler.ts";
import type { BufferPool } from "../bytes/pool.ts";
import { Connection, type ConnectionLimits, type Dispatch, isDisconnect } from "./connection.ts";

export interface ListenerOptions {
  readonly addresses: readonly string[];
  /** 0 takes any free port, the same one on every address. */
  readonly port: number;
  readonly tcpNodelay: boolean;
  readonly maxConnections: number;
  /** A connection that asks nothing for so long is closed. */
  readonly idleTimeoutMs: number;
  /** A frame that stops arriving half way for so long closes its connection. */
  readonly frameTimeoutMs: number;
  readonly limits: ConnectionLimits;
  readonly pool: BufferPool;
  /** Counted up and down as connections come and go. */
  readonly counters: { open: number; accepted: number; refused: number };
  /** Told of what goes wrong while accepting. */
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #connections = new Set<Connection>();
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #dispatch: Dispatch = () => CLOSE;
  #lastId = 0;
  #closed = false;

  /** Binds its addresses at once; throws what Deno.listen throws (AddrInUse, PermissionDenied, AddrNotAvailable). */
  constructor(options: ListenerOptions) {
    this.#options = options;
    let port = options.port;
    try {
      for (const hostname of options.addresses) {
        const listener = Deno.listen({ hostname, port });
        port = listener.addr.port;
        this.#listeners.push(listener);
      }
    } catch (error) {
      for (const listener of this.#listeners) listener.close();
      throw error;
    }
  }

  /** Accepts from now on; who connected before has waited in the kernel's queue. */
  start(dispatch: Dispatch): void {
    this.#dispatch = dispatch;
    for (const listener of this.#listeners) this.#accept(listener);
    const { frameTimeoutMs, idleTimeoutMs } = this.#options;
    const everyMs = Math.max(50, Math.min(frameTimeoutMs, idleTimeoutMs) / 4);
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(everyMs, 5000));
  }

  /** The port that was bound. */
  get port(): number {
    return this.#listeners[0].addr.port;
  }

  /** Accepts no more, lets requests in work finish for at most `graceMs`, then closes what is left. */
  async stop(graceMs: number): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const listener of this.#listeners) listener.close();
    for (const connection of [...this.#connections]) connection.stop(); // long polls answer with what they have
    const deadlineMs = performance.now() + graceMs;
    while (this.#connections.size > 0 && performance.now() < deadlineMs) {
      for (const connection of this.#connections) if (!connection.isBusy) connection.close();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const connection of this.#connections) connection.close();
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    while (!this.#closed) {
      try {
        this.#welcome(await listener.accept());
      } catch (error) {
        if (this.#closed) return;
        if (isDisconnect(error)) continue; // gone before it was accepted
        // Out of descriptors, most likely: the connections there are go on, and new ones wait in the kernel.
        this.#options.onProblem("accept_failed", { error: String(error) });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #welcome(socket: Deno.TcpConn): void {
    const options = this.#options;
    if (this.#connections.size >= options.maxConnections) {
      options.counters.refused++;
      socket.close();
      options.onProblem("connection_refused", { limit: options.maxConnections });
      return;
    }
    if (options.tcpNodelay) socket.setNoDelay(true);
    const connection = new Connection(socket, {
      id: ++this.#lastId,
      peer: (socket.remoteAddr as Deno.NetAddr).hostname,
      peerPort: (socket.remoteAddr as Deno.NetAddr).port,
      local: (socket.localAddr as Deno.NetAddr).hostname,
      pool: options.pool,
      limits: options.limits,
      dispatch: this.#dispatch,
    });
    this.#connections.add(connection);
    options.counters.accepted++;
    options.counters.open++;
    connection.serve().catch((error) => {
      options.onProblem("connection_failed", {
        peer: connection.peer,
        error: String(error?.stack ?? error),
      });
    }).finally(() => {
      this.#connections.delete(connection);
      options.counters.open--;
    });
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) {
      const silentMs = nowMs - connection.lastReadMs;
      if (connection.isMidFrame && !connection.isBusy && silentMs > this.#options.frameTimeoutMs) {
        connection.close();
      } else if (!connection.isBusy && silentMs > this.#options.idleTimeoutMs) {
        connection.close();
      }
    }
  }
}
