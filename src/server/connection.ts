/**
 * Connection: frames in, replies out, in the order the requests came.
 *
 * All requests that one read brings are dispatched at once, and all replies that are ready together leave in one
 * write: that is what makes many small requests cheap. While more is queued than the limits allow, nothing is read,
 * so that a client which does not take its replies is stopped by TCP and costs bounded memory.
 *
 * A peer has to move: a request that has begun and a reply that waits to be taken must not be slower than
 * `minBytesPerSecond` for `frameTimeoutMs`. Between requests a peer may be silent until `idleTimeoutMs`.
 */
import type { Turn } from "../background/turn.ts";
import type { BufferPool } from "../bytes/pool.ts";
import { type Clock, systemTimers, type Timers } from "../clock.ts";
import { CLOSE, type ConnectionInfo, NO_REPLY } from "../handlers/handler.ts";
import type { SaslConversation } from "../security/sasl/conversation.ts";
import type { Handshakes } from "./handshakes.ts";
import { BAD_FRAME, Inbox } from "./inbox.ts";
import { Mute } from "./mute.ts";
import { Outbox } from "./outbox.ts";
import { Pace } from "./pace.ts";
import type { RequestMemory } from "./request_memory.ts";
import type { Session } from "./session.ts";
import { errorKind, HandshakeError, type Transport } from "./transport/transport.ts";
import { isWide } from "./wide_requests.ts";
import { wrongSize } from "./wrong_size.ts";

/** The bytes of one reply, its size in front; or none, or the end of the connection. */
export type Reply = readonly Uint8Array[] | typeof NO_REPLY | typeof CLOSE;

/** Answers one frame (without its size). The frame's memory is the connection's again when the call returns. */
export type Dispatch = (frame: Uint8Array, connection: ConnectionInfo) => Reply | Promise<Reply>;

export interface ConnectionLimits {
  /** Requests in work before reading stops. */
  readonly maxQueuedRequests: number;
  /** Bytes of replies waiting to leave before reading stops. */
  readonly maxQueuedBytes: number;
  /** How long a peer may be slower than `minBytesPerSecond` with a request that has begun, or a reply that waits. */
  readonly frameTimeoutMs: number;
  readonly minBytesPerSecond: number;
  /** How long it may ask nothing. */
  readonly idleTimeoutMs: number;
}

/** Why a connection ended; a label, so there are these and no others. */
export const CLOSE_REASONS = [
  "peer",
  "protocol",
  "handshake",
  "unauthenticated",
  "idle",
  "slow_request",
  "slow_reply",
  "memory",
  "descriptors",
  "error",
  "stopping",
] as const;
export type CloseReason = typeof CLOSE_REASONS[number];

export interface ConnectionOptions {
  readonly id: number;
  readonly session: Session;
  readonly pool: BufferPool;
  readonly memory: RequestMemory;
  readonly handshakes: Handshakes;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** Without them, the system's. */
  readonly timers?: Timers;
  readonly turn: Turn;
  readonly dispatch: Dispatch;
  /** Told of an error of a kind that no peer causes by going. The connection has ended. */
  readonly onFault: (error: unknown) => void;
  /** Told that a peer was let in by TLS. */
  readonly onSecured?: () => void;
  /** Told why a peer was not let in by TLS. The connection has ended. */
  readonly onRefused: (error: unknown) => void;
  /** Told what came in place of a request. The connection ends when what was asked before is answered. */
  readonly onNonsense: (reason: string) => void;
}

export class Connection implements ConnectionInfo {
  readonly id: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly local: string;
  readonly session: Session;
  /** As ConnectionInfo. */
  readonly sasl: SaslConversation | null;
  clientSoftwareName = "unknown";
  clientSoftwareVersion = "unknown";
  clientId: string | null = null;
  readonly ends = new Set<() => void>();
  isEnding = false;
  isReader = false;
  requests = 0;
  held: Promise<void> | null = null;
  /** Null while it is open. */
  reason: CloseReason | null = null;

  readonly #transport: Transport;
  readonly #options: ConnectionOptions;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #arriving = new Pace();
  readonly #leaving = new Pace();
  /** As #leaving, looked at while memory is scarce. */
  readonly #scarce = new Pace();
  /** Requests that are not answered yet, oldest first. */
  readonly #queue: Pending[] = [];
  #isStopping = false;
  /** The connection ends with a reply that is decided: nothing more is read. */
  #isDeaf = false;
  /** It closes when what is on its way out has left. */
  #isLast = false;
  #roomAgain: (() => void) | null = null;
  /** Null where no quota binds its client, so far. */
  #mute: Mute | null = null;

  constructor(transport: Transport, options: ConnectionOptions) {
    this.id = options.id;
    this.peer = transport.peer.host;
    this.peerPort = transport.peer.port;
    this.local = transport.local.host;
    this.session = options.session;
    this.sasl = options.session.sasl;
    this.#transport = transport;
    this.#options = options;
    const { pool, memory, clock, session } = options;
    const cut = () => this.close("memory");
    this.#inbox = new Inbox(transport, { pool, memory, clock, frames: session, cut });
    this.#outbox = new Outbox(transport, {
      pool,
      onSent: () => this.#makeRoom(),
      onDrained: () => this.#hasSent(),
      onFailed: (error) => this.#fail(error),
    });
  }

  /** Who asks. */
  get principal(): string {
    return this.session.principal;
  }

  /** As ConnectionInfo. */
  get isByToken(): boolean {
    return this.session.isByToken;
  }

  /** As ConnectionInfo. */
  get sessionEndsMs(): number {
    return this.session.endsMs;
  }

  /** The name of the listener it came by. */
  get listener(): string {
    return this.session.listener.name;
  }

  /** As ConnectionInfo. */
  admits(apiKey: number): boolean {
    return this.session.admits(apiKey);
  }

  /** Whether requests are in work or replies on their way. */
  get isBusy(): boolean {
    return this.#queue.length > 0 || this.#outbox.isBusy;
  }

  /** Bytes of replies that wait for the peer. */
  get unsentBytes(): number {
    return this.#outbox.bytes;
  }

  /** How long nothing has come. */
  silentMs(nowMs: number): number {
    return nowMs - this.#inbox.lastReadMs;
  }

  /** Serves until the peer goes, breaks the protocol, or stop() is called. Never throws. */
  async serve(): Promise<void> {
    try {
      if (this.#transport.secure !== undefined && !await this.#secure()) return;
      while (!this.#isStopping && !this.#isDeaf && await this.#inbox.fill(this.#mute !== null)) {
        if (this.#mute?.isOn) await this.#unmuted(this.#mute); // it came while there was nothing to do but to read
        if (this.reason !== null) return;
        await this.#takeFrames();
        if (this.reason !== null) return;
      }
      if (this.reason === null) await this.#finish();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.close(this.#isDeaf ? "protocol" : this.#isStopping ? "stopping" : "peer");
      this.#inbox.release();
    }
  }

  /** Reads no further request; resolves by itself once what is in work has been answered. */
  stop(): void {
    this.#isStopping = true;
    this.#mute?.end();
    this.#endPolls();
    if (!this.isBusy) this.close("stopping");
  }

  close(reason: CloseReason): void {
    if (this.reason !== null) return;
    this.reason = reason;
    this.#inbox.close();
    this.#transport.close();
    this.#mute?.end();
    this.#endPolls();
    this.#makeRoom();
    this.#outbox.close();
  }

  /** As ConnectionInfo. */
  hold(until: Promise<unknown>): void {
    const held = until.then(ignore, ignore);
    this.held = this.held === null ? held : Promise.all([this.held, held]).then(ignore);
  }

  /** As ConnectionInfo. */
  pace(ms: number): void {
    if (this.reason !== null || this.#isStopping) return;
    this.#mute ??= new Mute(this.#options.clock, this.#options.timers ?? systemTimers);
    this.#mute.lengthen(ms);
  }

  /** Closes it when its peer is silent or too slow. Called from time to time. */
  sweep(nowMs: number): void {
    const { frameTimeoutMs, minBytesPerSecond, idleTimeoutMs } = this.#options.limits;
    if (this.session.isLate(nowMs)) {
      this.close(this.session.state === "securing" ? "handshake" : "unauthenticated");
    } else if (this.session.isRevoked()) {
      this.close("unauthenticated");
    } else if (this.#arriving.look(this.#inbox, nowMs, minBytesPerSecond) > frameTimeoutMs) {
      this.close("slow_request");
    } else if (this.#leaving.look(this.#outbox, nowMs, minBytesPerSecond) > frameTimeoutMs) {
      this.close("slow_reply");
    } else if (!this.isBusy && this.silentMs(nowMs) > idleTimeoutMs) {
      this.close("idle");
    }
  }

  /** How long the peer has been too slow to take what waits for it. Called at shorter times while memory is scarce. */
  slowReplyMs(nowMs: number): number {
    return this.#scarce.look(this.#outbox, nowMs, this.#options.limits.minBytesPerSecond);
  }

  /** The handshake; false when the peer is not let in. */
  async #secure(): Promise<boolean> {
    const { turn, handshakes } = this.#options;
    let leave = () => {};
    try {
      // A flood of handshakes is begun a few at a time, so that those who are in are answered between.
      const handshake = await this.#transport.secure!(async () => {
        leave = await handshakes.enter(this.peer, () => this.close("handshake"));
        while (turn.isLong && this.reason === null) await turn.next();
      });
      this.session.secured(handshake);
      this.#options.onSecured?.();
      return this.reason === null;
    } catch (error) {
      if (this.reason !== null) return false; // closed meanwhile, which is why
      const isGone = errorKind(error) === "disconnected" && !(error instanceof HandshakeError);
      this.close(isGone ? "peer" : "handshake");
      if (!isGone) this.#options.onRefused(error);
      return false;
    } finally {
      leave();
    }
  }

  #endPolls(): void {
    this.isEnding = true;
    for (const end of this.ends) end();
    this.ends.clear();
  }

  /** Dispatches every complete frame that is here. */
  async #takeFrames(): Promise<void> {
    let count = 0, wasQuick = true;
    for (let frame = this.#inbox.next(); frame !== null; frame = this.#inbox.next()) {
      if (frame === BAD_FRAME) {
        this.#options.onNonsense(wrongSize(this.#inbox.frameSize, this.session.maxFrameBytes));
        this.#reply(CLOSE);
        break;
      }
      if (this.#options.pool.spareBytes === 0 && !isSmall(frame)) await this.#memory();
      if (!wasQuick && this.#options.turn.isLong) {
        this.#outbox.flush();
        await this.#options.turn.next();
      }
      if (this.reason !== null) return;
      wasQuick = isQuick(frame);
      if (isWide(frame) && !this.session.isStranger) await this.#takeWide(frame);
      else this.#take(this.#options.dispatch(frame, this));
      if (this.reason !== null || this.#isDeaf) break;
      if (this.held !== null) await this.#release();
      if (this.#mute?.isOn) await this.#unmuted(this.#mute);
      if (++count % FRAMES_A_LOOK === 0 && this.#options.turn.isLong) {
        this.#outbox.flush();
        await this.#options.turn.next();
      }
      if (this.#isFull()) {
        this.#outbox.flush();
        await this.#room();
      }
      if (this.reason !== null) return;
    }
    this.requests += count; // once for all that a read brings
    if (this.held !== null) await this.#release();
    this.#outbox.flush();
  }

  /** Takes one that may name very many things, when it may be decoded and answered. */
  async #takeWide(frame: Uint8Array): Promise<void> {
    const { memory, pool, dispatch } = this.#options;
    this.#outbox.flush();
    let leave = await memory.wide.enter(this, frame.length);
    while (pool.spareBytes === 0 && !this.isEnding) {
      leave();
      await this.#memory();
      leave = await memory.wide.enter(this, frame.length);
    }
    if (this.reason !== null) return leave();
    let reply: Reply | Promise<Reply> = CLOSE;
    try {
      reply = dispatch(frame, this);
    } finally {
      if (!(reply instanceof Promise)) leave();
    }
    this.#take(reply instanceof Promise ? reply.finally(leave) : reply);
  }

  #take(reply: Reply | Promise<Reply>): void {
    if (!(reply instanceof Promise)) return this.#reply(reply);
    const pending = new Pending(null);
    this.#queue.push(pending);
    reply.then((ready) => {
      pending.reply = ready;
      try {
        this.#drain();
      } catch (error) {
        this.#fail(error);
      }
    }, (error) => this.#fail(error));
  }

  /** Waits until a handler that took its time is finished with the bytes of its request. */
  async #release(): Promise<void> {
    this.#outbox.flush();
    await this.held;
    this.held = null;
  }

  /** Sends a reply, or lets it wait for the ones before it. */
  #reply(reply: Reply): void {
    if (reply === CLOSE) this.#isDeaf = true;
    if (this.#queue.length === 0) this.#send(reply);
    else this.#queue.push(new Pending(reply));
  }

  /** Moves replies from the head of the queue to the way out, as far as they are ready. */
  #drain(): void {
    let ready = 0;
    while (ready < this.#queue.length && this.#queue[ready].reply !== null) {
      this.#send(this.#queue[ready++].reply!);
    }
    if (ready === 0) return;
    this.#queue.splice(0, ready);
    if (this.#queue.length === 0) this.#makeRoom();
    this.#outbox.flushSoon();
  }

  #send(reply: Reply): void {
    if (reply === NO_REPLY) return;
    if (reply === CLOSE) return this.#closeAfterReplies();
    if (this.#isLast) { for (const chunk of reply) this.#options.pool.give(chunk); }
    else this.#outbox.add(reply);
  }

  /** What was answered before leaves; nothing is read or answered any more. */
  #closeAfterReplies(): void {
    this.#isDeaf = this.#isLast = true;
    this.#endPolls();
    this.#outbox.flush();
    if (!this.#outbox.isBusy) this.close("protocol");
  }

  #hasSent(): void {
    this.isReader = true;
    if (this.#isLast) this.close("protocol");
    else if (this.session.state === "failed" && !this.isBusy) this.close("unauthenticated");
    else if (this.#isStopping && !this.isBusy) this.close("stopping");
  }

  #fail(error: unknown): void {
    const isKnown = this.reason !== null || errorKind(error) === "disconnected";
    this.close(isKnown ? "peer" : "error");
    if (!isKnown) this.#options.onFault(error);
  }

  #isFull(): boolean {
    const { maxQueuedRequests, maxQueuedBytes } = this.#options.limits;
    return this.#queue.length >= maxQueuedRequests || this.#outbox.bytes > maxQueuedBytes;
  }

  /** Resolves when there is room for another request, or the connection is closed. */
  async #room(): Promise<void> {
    while (this.#isFull() && this.reason === null) {
      await new Promise<void>((resolve) => this.#roomAgain = resolve);
    }
  }

  /** Resolves when its client may ask again, or the connection is closed. */
  async #unmuted(mute: Mute): Promise<void> {
    this.#outbox.flush();
    while (mute.isOn && this.reason === null) {
      this.#inbox.rest();
      await mute.wait();
    }
  }

  /** Resolves when there is memory for replies again, or the connection is closed. */
  async #memory(): Promise<void> {
    this.#outbox.flush();
    await this.#options.pool.room(this);
  }

  #makeRoom(): void {
    const resolve = this.#roomAgain;
    this.#roomAgain = null;
    resolve?.();
  }

  /** After the last request: long polls end, and what is in work gets a moment to leave. */
  async #finish(): Promise<void> {
    const { clock } = this.#options;
    this.#endPolls();
    const deadlineMs = clock.monotonicMs() + FINISH_MS;
    while (this.isBusy && this.reason === null && clock.monotonicMs() < deadlineMs) {
      await pause(5);
    }
  }
}

/** A request in work; the reply waits here for the ones before it. */
class Pending {
  constructor(public reply: Reply | null) {}
}

const FINISH_MS = 1000;
/** How many quick requests of one read are dispatched before it is asked whether others should have a turn. */
const FRAMES_A_LOOK = 8;

/** Produce and Fetch; any other may be about everything that there is. */
function isQuick(frame: Uint8Array): boolean {
  return frame[0] === 0 && frame[1] <= 1;
}

/** Whether the reply is small whatever is asked for: to Produce, which is let through while memory is scarce. */
function isSmall(frame: Uint8Array): boolean {
  return frame[0] === 0 && frame[1] === 0;
}

const ignore = () => {};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
