/**
 * Listener: accepts connections on every listen address, up to a limit, and sweeps away those whose peers are silent or
 * too slow: now and then, and more often while others wait for the memory that they hold.
 */
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import { CLOSE } from "../handlers/handler.ts";
import type { Turn } from "../background/turn.ts";
import type { BufferPool } from "../bytes/pool.ts";
import { Descriptors } from "../storage/backends/descriptors.ts";
import { CLOSE_REASONS, Connection, type ConnectionLimits, type Dispatch } from "./connection.ts";
import { RequestMemory } from "./request_memory.ts";
import { isDisconnect } from "./socket.ts";

export interface ListenerOptions {
  readonly addresses: readonly string[];
  /** 0 takes any free port, the same one on every address. */
  readonly port: number;
  readonly tcpNodelay: boolean;
  readonly maxConnections: number;
  /** Opens something, to see whether there is a descriptor for it; absent: there always is, until there is none. */
  readonly tryOpen?: () => { close(): void };
  readonly limits: ConnectionLimits;
  /** Bytes of requests in memory over all connections. */
  readonly maxBufferedBytes: number;
  readonly pool: BufferPool;
  readonly turn: Turn;
  /** Counted as connections come and go. */
  readonly counters: ConnectionCounters;
  /** Told of what goes wrong. */
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

export interface ConnectionCounters {
  open: number;
  accepted: number;
  refused: number;
  readonly closed: Map<string, number>;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #memory: RequestMemory;
  readonly #descriptors: Descriptors | null;
  #cancelSweep: () => void = () => {};
  /** When the next sweep is due. */
  #sweepAtMs = Infinity;
  /** When all connections are looked at again. */
  #usualAtMs = 0;
  #dispatch: Dispatch = () => CLOSE;
  #lastId = 0;
  #relievedMs = -Infinity;
  #isClosed = false;

  /** Binds its addresses at once; throws what Deno.listen throws (AddrInUse, PermissionDenied, AddrNotAvailable). */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#descriptors = options.tryOpen === undefined ? null : new Descriptors({
      most: options.maxConnections,
      firstStep: FIRST_CONNECTIONS,
      lastStep: LAST_STEP,
      reserve: RESERVED_DESCRIPTORS,
      believedMs: BELIEVED_MS,
      tryOpen: options.tryOpen,
      clock: this.#clock,
    });
    this.#timers = options.timers ?? systemTimers;
    this.#memory = new RequestMemory({
      bytes: options.maxBufferedBytes,
      connections: () => this.#connections.size,
      onWait: () => this.#sweepWithin(PRESSED_SWEEP_MS),
    });
    for (const reason of CLOSE_REASONS) options.counters.closed.set(reason, 0);
    options.pool.onScarce = () => this.#sweepWithin(PRESSED_SWEEP_MS);
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
    this.#sweepWithin(this.#usualSweepMs);
  }

  /** The port that was bound. */
  get port(): number {
    return this.#listeners[0].addr.port;
  }

  /** Bytes of requests that are reserved. */
  get reservedBytes(): number {
    return this.#memory.reservedBytes;
  }

  /** Accepts no more, lets requests in work finish for at most `graceMs`, then closes what is left. */
  async stop(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#cancelSweep();
    for (const listener of this.#listeners) listener.close();
    for (const connection of [...this.#connections]) connection.stop(); // long polls answer with what they have
    const deadlineMs = this.#clock.monotonicMs() + graceMs;
    while (this.#connections.size > 0 && this.#clock.monotonicMs() < deadlineMs) {
      for (const connection of this.#connections) {
        if (!connection.isBusy) connection.close("stopping");
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const connection of this.#connections) connection.close("stopping");
  }

  /** Files found no descriptor: the connections that have been silent longest give theirs back. */
  relieve(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#relievedMs + RELIEF_MS) return; // what was closed takes a turn to be free
    this.#relievedMs = nowMs;
    const keep = this.#connections.size - RELIEF;
    this.#descriptors?.lower(keep);
    const bySilence = [...this.#connections]
      .sort((a, b) => b.silentMs(nowMs) - a.silentMs(nowMs));
    for (const connection of bySilence.slice(0, RELIEF)) connection.close("descriptors");
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    while (!this.#isClosed) {
      try {
        this.#welcome(await listener.accept());
      } catch (error) {
        if (this.#isClosed) return;
        if (isDisconnect(error)) continue; // gone before it was accepted
        // Out of descriptors, most likely: new connections wait in the kernel until some go.
        this.#options.onProblem("accept_failed", { error: String(error) });
        this.relieve();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #welcome(socket: Deno.TcpConn): void {
    const options = this.#options, open = this.#connections.size;
    const need = open >= options.maxConnections
      ? `limits.max_connections is ${options.maxConnections}`
      : this.#descriptors === null || this.#descriptors.admits(open)
      ? null
      : "the descriptors left are kept for files: let the process have more (ulimit -n, LimitNOFILE)";
    if (need !== null) {
      options.counters.refused++;
      socket.close();
      options.onProblem("connection_refused", { open, need });
      return;
    }
    if (options.tcpNodelay) socket.setNoDelay(true);
    const peer = (socket.remoteAddr as Deno.NetAddr).hostname;
    const connection = new Connection(socket, {
      id: ++this.#lastId,
      peer,
      peerPort: (socket.remoteAddr as Deno.NetAddr).port,
      local: (socket.localAddr as Deno.NetAddr).hostname,
      pool: options.pool,
      memory: this.#memory,
      limits: options.limits,
      clock: this.#clock,
      turn: options.turn,
      dispatch: this.#dispatch,
      onFault: (error) => {
        const stack = error instanceof Error ? error.stack : undefined;
        options.onProblem("connection_failed", { peer, error: String(error), stack });
      },
    });
    this.#connections.add(connection);
    options.counters.accepted++;
    options.counters.open++;
    connection.serve().finally(() => {
      const { closed } = options.counters, reason = connection.reason!;
      this.#connections.delete(connection);
      options.counters.open--;
      closed.set(reason, (closed.get(reason) ?? 0) + 1);
    });
  }

  get #usualSweepMs(): number {
    const { frameTimeoutMs, idleTimeoutMs } = this.#options.limits;
    return Math.min(Math.max(50, Math.min(frameTimeoutMs, idleTimeoutMs) / 4), 5000);
  }

  #sweepWithin(ms: number): void {
    const atMs = this.#clock.monotonicMs() + ms;
    if (this.#isClosed || atMs >= this.#sweepAtMs) return;
    this.#cancelSweep();
    this.#sweepAtMs = atMs;
    this.#cancelSweep = this.#timers.after(ms, () => {
      this.#sweepAtMs = Infinity;
      this.#sweep();
    });
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const { minBytesPerSecond } = this.#options.limits;
    if (nowMs >= this.#usualAtMs) {
      this.#usualAtMs = nowMs + this.#usualSweepMs;
      for (const connection of this.#connections) connection.sweep(nowMs);
    }
    this.#memory.sweep(nowMs, minBytesPerSecond);
    if (this.#options.pool.isAwaited) this.#sweepReplies(nowMs);
    const isPressed = this.#memory.isPressed || this.#options.pool.isAwaited;
    this.#sweepWithin(isPressed ? PRESSED_SWEEP_MS : this.#usualSweepMs);
  }

  /** Replies that nobody takes make room for those that somebody waits for, the largest first. */
  #sweepReplies(nowMs: number): void {
    const slow = [...this.#connections].filter((connection) =>
      connection.unsentBytes > 0 && connection.slowReplyMs(nowMs) >= PRESSED_SLOW_MS
    );
    slow.sort((a, b) => b.unsentBytes - a.unsentBytes);
    for (const connection of slow) {
      if (!this.#options.pool.isAwaited) break;
      connection.close("memory");
    }
  }
}

/** Connections that every process has descriptors for. */
const FIRST_CONNECTIONS = 16;
const LAST_STEP = 1024;
/** What connections leave: for the first logs, the journal, metadata, HTTP and whatever is opened for a moment. */
const RESERVED_DESCRIPTORS = 96;
const BELIEVED_MS = 5000;
/** How many connections go when files found no descriptor. */
const RELIEF = 16;
const RELIEF_MS = 100;
const PRESSED_SWEEP_MS = 100;
/** As with requests: see request_memory.ts. */
const PRESSED_SLOW_MS = 300;
