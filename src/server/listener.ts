/**
 * Listener: accepts connections wherever clients may come in, up to a limit, and sweeps away those whose peers are
 * silent or too slow: now and then, and more often while others wait for the memory that they hold. When there are as
 * many as there may be, the oldest that has not said who it is makes room.
 */
import { type Clock, systemClock, systemTimers, type Timers } from "../clock.ts";
import { CLOSE, type ConnectionInfo } from "../handlers/handler.ts";
import type { Turn } from "../background/turn.ts";
import type { BufferPool } from "../bytes/pool.ts";
import type { ConnectionQuotas, NotLetIn } from "../quotas/connection_quotas.ts";
import { Descriptors } from "../storage/backends/descriptors.ts";
import { CLOSE_REASONS, Connection, type ConnectionLimits, type Dispatch } from "./connection.ts";
import { Handshakes } from "./handshakes.ts";
import { RequestMemory } from "./request_memory.ts";
import { Session, type SessionLimits, type SessionListener } from "./session.ts";
import { errorKind, type Transport, type TransportListener } from "./transport/transport.ts";

/** An address that is listened on, and what is asked of those who come by it. */
export interface Entrance {
  readonly transport: TransportListener;
  readonly session: SessionListener;
}

export interface ListenerOptions {
  /** Closed with the listener. */
  readonly entrances: readonly Entrance[];
  readonly tcpNodelay: boolean;
  readonly maxConnections: number;
  /** Of addresses and listeners; absent: there are none. */
  readonly quotas?: ConnectionQuotas;
  /** Opens something, to see whether there is a descriptor for it; absent: there always is, until there is none. */
  readonly tryOpen?: () => { close(): void };
  readonly limits: ConnectionLimits & SessionLimits;
  /** Bytes of requests in memory over all connections. */
  readonly maxBufferedBytes: number;
  readonly pool: BufferPool;
  readonly turn: Turn;
  /** Counted as connections come and go. */
  readonly counters: ConnectionCounters;
  /** Told of handshakes: which certificate's principal was let in, or why nobody was. */
  readonly onHandshake?: (
    end:
      & { readonly peer: string; readonly listener: string }
      & (
        | { readonly principal: string }
        | { readonly reason: string }
      ),
  ) => void;
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
  readonly #connections = new Set<Connection>();
  /** Those that were not authenticated when they came, oldest first; looked through when there is no more room. */
  readonly #newcomers = new Set<Connection>();
  /** What ends those that are kept waiting for their end. */
  readonly #turnedAway = new Set<() => void>();
  readonly #memory: RequestMemory;
  readonly #handshakes: Handshakes;
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
    this.#handshakes = new Handshakes({
      monotonicMs: () => this.#clock.monotonicMs(),
      onWait: () => this.#sweepWithin(PRESSED_SWEEP_MS),
      inAll: handshakesInAll(options),
    });
    for (const reason of CLOSE_REASONS) options.counters.closed.set(reason, 0);
    options.pool.onScarce = () => this.#sweepWithin(PRESSED_SWEEP_MS);
  }

  /** Accepts from now on; who connected before has waited in the kernel's queue. Rejects where nobody can be listened to. */
  async start(dispatch: Dispatch): Promise<void> {
    this.#dispatch = dispatch;
    await Promise.all(this.#options.entrances.map(({ transport }) => transport.open?.()));
    if (this.#isClosed) return;
    for (const entrance of this.#options.entrances) this.#accept(entrance);
    this.#sweepWithin(this.#usualSweepMs);
  }

  /** Who is connected now. */
  clients(): Iterable<ConnectionInfo> {
    return this.#connections;
  }

  /** Bytes of requests that are reserved. */
  get reservedBytes(): number {
    return this.#memory.reservedBytes;
  }

  /** Accepts no more, lets requests in work finish for at most `graceMs`, then closes what is left. */
  async stop(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#cancelSweep();
    for (const { transport } of this.#options.entrances) transport.close();
    for (const end of [...this.#turnedAway]) end();
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

  async #accept({ transport, session }: Entrance): Promise<void> {
    while (!this.#isClosed) {
      try {
        const accepted = await transport.accept();
        const delayMs = this.#options.quotas?.delayMs(session.name) ?? 0;
        if (delayMs > 0) await this.#pause(delayMs);
        if (this.#isClosed) accepted.close();
        else this.#welcome(accepted, session);
      } catch (error) {
        if (this.#isClosed) return;
        if (errorKind(error) === "disconnected") continue; // gone before it was accepted
        // Out of descriptors, most likely: new connections wait in the kernel until some go.
        this.#options.onProblem("accept_failed", { error: String(error) });
        this.relieve();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  #welcome(transport: Transport, listener: SessionListener): void {
    const options = this.#options;
    const peer = transport.peer.host;
    const notLetIn = options.quotas?.enter(peer, listener.name) ?? null;
    if (notLetIn !== null) return this.#turnAway(transport, notLetIn);
    const need = this.#refusal();
    if (need !== null && !this.#makeRoom()) {
      options.quotas?.leave(peer, listener.name);
      options.counters.refused++;
      transport.close();
      options.onProblem("connection_refused", { peer, open: this.#connections.size, need });
      return;
    }
    if (options.tcpNodelay) transport.setNoDelay();
    const nowMs = this.#clock.monotonicMs();
    const session = new Session(listener, options.limits, nowMs, peer);
    const connection = new Connection(transport, {
      id: ++this.#lastId,
      session,
      pool: options.pool,
      memory: this.#memory,
      handshakes: this.#handshakes,
      limits: options.limits,
      clock: this.#clock,
      timers: this.#timers,
      turn: options.turn,
      dispatch: this.#dispatch,
      onFault: (error) => {
        const stack = error instanceof Error ? error.stack : undefined;
        options.onProblem("connection_failed", { peer, error: String(error), stack });
      },
      onSecured: () => {
        const { principal, handshake } = session;
        if (session.state !== "authenticated" || !handshake?.peerCertificate) return;
        options.onHandshake?.({ peer, listener: listener.name, principal });
      },
      onRefused: (error) => {
        const reason = error instanceof Error ? error.message : String(error);
        options.onHandshake?.({ peer, listener: listener.name, reason });
        options.onProblem("handshake_failed", { peer, listener: listener.name, reason });
      },
      onNonsense: (reason) =>
        options.onProblem("malformed_request", { peer, listener: listener.name, reason }),
    });
    if (session.state !== "authenticated") this.#newcomers.add(connection);
    this.#connections.add(connection);
    options.counters.accepted++;
    options.counters.open++;
    connection.serve().finally(() => {
      const { closed } = options.counters, reason = connection.reason!;
      this.#connections.delete(connection);
      this.#newcomers.delete(connection);
      options.quotas?.leave(peer, listener.name);
      options.counters.open--;
      closed.set(reason, (closed.get(reason) ?? 0) + 1);
    });
  }

  /** Closes one that a quota does not let in; an address that comes too fast is kept waiting for that, as by Kafka. */
  #turnAway(transport: Transport, { need, afterMs }: NotLetIn): void {
    this.#options.counters.refused++;
    const peer = transport.peer.host, open = this.#connections.size;
    this.#options.onProblem("connection_refused", { peer, open, need });
    if (afterMs === 0 || this.#turnedAway.size >= MAX_TURNED_AWAY) return transport.close();
    const end = () => {
      cancel();
      this.#turnedAway.delete(end);
      transport.close();
    };
    const cancel = this.#timers.after(afterMs, end);
    this.#turnedAway.add(end);
  }

  /** Lets time pass; less of it when it is closed. */
  async #pause(ms: number): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + ms;
    for (
      let leftMs = ms;
      leftMs > 0 && !this.#isClosed;
      leftMs = untilMs - this.#clock.monotonicMs()
    ) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, 50)));
    }
  }

  /** Why there is no room for another connection; null where there is. */
  #refusal(): string | null {
    const { maxConnections } = this.#options, open = this.#connections.size;
    if (open >= maxConnections) return `limits.max_connections is ${maxConnections}`;
    return this.#descriptors === null || this.#descriptors.admits(open)
      ? null
      : "the descriptors left are kept for files: let the process have more (ulimit -n, LimitNOFILE)";
  }

  /** Closes the oldest connection that has not said who it is; false where each has. */
  #makeRoom(): boolean {
    for (const connection of this.#newcomers) {
      this.#newcomers.delete(connection);
      if (connection.session.state === "authenticated") continue;
      connection.close("unauthenticated");
      this.#connections.delete(connection);
      return true;
    }
    return false;
  }

  get #usualSweepMs(): number {
    const { frameTimeoutMs, idleTimeoutMs, authenticationTimeoutMs } = this.#options.limits;
    const shortest = Math.min(frameTimeoutMs / 4, idleTimeoutMs / 4, authenticationTimeoutMs / 8);
    return Math.min(Math.max(50, shortest), 5000);
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
      this.#sweepAll(nowMs);
    }
    this.#memory.sweep(nowMs, minBytesPerSecond);
    this.#handshakes.sweep();
    if (this.#options.pool.isAwaited) this.#sweepReplies(nowMs);
    const isPressed = this.#memory.isPressed || this.#options.pool.isAwaited ||
      this.#handshakes.isPressed;
    this.#sweepWithin(isPressed ? PRESSED_SWEEP_MS : this.#usualSweepMs);
  }

  /** All that came together may have to go together: others have their turns between. */
  async #sweepAll(nowMs: number): Promise<void> {
    const { turn } = this.#options;
    let count = 0;
    for (const connection of this.#connections) {
      connection.sweep(nowMs);
      if (++count % CONNECTIONS_A_LOOK === 0 && turn.isLong) await turn.next();
      if (this.#isClosed) return;
    }
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

/** TLS handshakes that may be under way: what they hold is a fourth of the memory for requests at most, and none is of more connections than half of all. */
function handshakesInAll({ maxBufferedBytes, maxConnections }: ListenerOptions): number {
  const byMemory = Math.floor(maxBufferedBytes / 4 / HANDSHAKE_BYTES);
  return Math.max(1, Math.min(byMemory, Math.ceil(maxConnections / 2)));
}

/** One that has stopped in the middle takes 55 to 100 KiB (bench:floods hello). */
const HANDSHAKE_BYTES = 1 << 17;
/** Connections that every process has descriptors for. */
const FIRST_CONNECTIONS = 16;
const LAST_STEP = 1024;
/** How many are swept before it is asked whether others should have a turn. */
const CONNECTIONS_A_LOOK = 16;
/** What connections leave: for the first logs, the journal, metadata, HTTP and whatever is opened for a moment. */
const RESERVED_DESCRIPTORS = 96;
const BELIEVED_MS = 5000;
/** Kept waiting for their end at one time; who comes beyond is closed at once. */
const MAX_TURNED_AWAY = 100;
/** How many connections go when files found no descriptor. */
const RELIEF = 16;
const RELIEF_MS = 100;
const PRESSED_SWEEP_MS = 100;
/** As with requests: see request_memory.ts. */
const PRESSED_SLOW_MS = 300;
