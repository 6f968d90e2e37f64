/**
 * RequestMemory: who may hold how many bytes of requests that are arriving.
 *
 * Four kinds of requests do not wait for each other. What fits in a connection's own buffer needs no leave: everybody's
 * small requests get through, whatever else is under way. Middle and large ones each have a share of their own, and so
 * have those of peers that have not said who they are; first come, first served: the whole request is reserved before its buffer is there, so that who was let in never waits for
 * more, and what is in memory was counted before. One request may be larger than its share when nobody else is there.
 *
 * What they become when they are decoded is looked after beside that (wide_requests.ts).
 *
 * A share has to move: while others wait for it, a holder whose peer is slower than `needed` is cut after a moment.
 */
import { Pace, type Transfer } from "./pace.ts";
import { WideRequests } from "./wide_requests.ts";

/** A connection, as the one who receives a request. */
export interface Holder extends Transfer {
  /** Whether nobody knows yet who it is. */
  readonly isStranger: boolean;
  /** Ends it, and gives back what it holds. */
  cut(): void;
}

/** The right to hold a request; given back once. */
export interface Grant {
  release(): void;
}

export class RequestMemory {
  /** Those that are decoded. */
  readonly wide: WideRequests;
  readonly #shareBytes: number;
  readonly #middle: Share;
  readonly #large: Share;
  readonly #strangers: Share;
  readonly #middleFrameBytes: number;
  /** Connections that are open; the listener counts. */
  readonly #connections: () => number;

  constructor(options: {
    /** For everything; requests get three quarters: one for own buffers, one for middle, one for large ones. */
    readonly bytes: number;
    readonly connections: () => number;
    /** Called when somebody begins to wait. */
    readonly onWait: () => void;
  }) {
    this.#shareBytes = Math.floor(options.bytes / 4);
    const strangersBytes = Math.floor(this.#shareBytes / 4); // no log-in needs more than a buffer of its own, but for large tokens
    this.#middle = new Share(this.#shareBytes - strangersBytes, options.onWait);
    this.#strangers = new Share(strangersBytes, options.onWait);
    this.#large = new Share(2 * this.#shareBytes, options.onWait);
    this.#middleFrameBytes = Math.floor(this.#shareBytes / 16);
    this.#connections = options.connections;
    this.wide = new WideRequests({
      shareBytes: Math.floor(options.bytes / 256),
      onWait: options.onWait,
    });
  }

  /** Bytes that a connection may hold without asking. */
  get ownBytes(): number {
    const fair = this.#shareBytes / Math.max(1, this.#connections());
    return Math.max(MIN_OWN_BYTES, Math.min(MAX_OWN_BYTES, fair));
  }

  /** Bytes reserved now. */
  get reservedBytes(): number {
    return this.#all.reduce((bytes, { usedBytes }) => bytes + usedBytes, 0);
  }

  /** Whether somebody waits. */
  get isPressed(): boolean {
    return this.wide.isPressed || this.#all.some(({ isPressed }) => isPressed);
  }

  /** Leave to hold a request of so many bytes: at once, or when it is this one's turn; null when it withdrew. */
  ask(holder: Holder, bytes: number): Grant | Promise<Grant | null> {
    if (holder.isStranger) return this.#strangers.ask(holder, bytes);
    return (bytes <= this.#middleFrameBytes ? this.#middle : this.#large).ask(holder, bytes);
  }

  /** Who waits, waits no more: nobody is to be cut for it. */
  withdraw(holder: Holder): void {
    for (const share of this.#all) share.withdraw(holder);
  }

  /** Cuts holders that are too slow where others wait. `nowMs` is monotonic. */
  sweep(nowMs: number, minBytesPerSecond: number): void {
    for (const share of this.#all) share.sweep(nowMs, minBytesPerSecond);
    this.wide.sweep(nowMs);
  }

  get #all(): readonly Share[] {
    return [this.#middle, this.#large, this.#strangers];
  }
}

/** Bytes that requests of one kind share. */
class Share {
  readonly #bytes: number;
  readonly #onWait: () => void;
  readonly #held = new Set<Held>();
  readonly #waiting: Waiting[] = [];
  usedBytes = 0;

  constructor(bytes: number, onWait: () => void) {
    this.#bytes = bytes;
    this.#onWait = onWait;
  }

  get isPressed(): boolean {
    return this.#waiting.length > 0;
  }

  ask(holder: Holder, bytes: number): Grant | Promise<Grant | null> {
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) return this.#grant(holder, bytes);
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, holder, let: resolve });
      this.#onWait();
    });
  }

  withdraw(holder: Holder): void {
    const at = this.#waiting.findIndex((one) => one.holder === holder);
    if (at < 0) return;
    this.#waiting.splice(at, 1)[0].let(null);
    this.#letIn();
  }

  sweep(nowMs: number, minBytesPerSecond: number): void {
    for (const { holder, bytes, pace } of [...this.#held]) {
      const needed = Math.max(minBytesPerSecond, bytes / PRESSED_SECONDS);
      const slowMs = pace.look(holder, nowMs, needed);
      if (this.isPressed && slowMs >= PRESSED_SLOW_MS) holder.cut();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.usedBytes === 0 || this.usedBytes + bytes <= this.#bytes;
  }

  #grant(holder: Holder, bytes: number): Grant {
    const held = { holder, bytes, pace: new Pace() };
    this.#held.add(held);
    this.usedBytes += bytes;
    return {
      release: () => {
        if (!this.#held.delete(held)) return;
        this.usedBytes -= bytes;
        this.#letIn();
      },
    };
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0].bytes)) {
      const { holder, bytes, let: letIn } = this.#waiting.shift()!;
      letIn(this.#grant(holder, bytes));
    }
  }
}

interface Waiting {
  readonly bytes: number;
  readonly holder: Holder;
  let(grant: Grant | null): void;
}

interface Held {
  readonly holder: Holder;
  readonly bytes: number;
  readonly pace: Pace;
}

/** The buffer that an idle connection has anyway. */
const MIN_OWN_BYTES = 4096;
/** Batches of producers in their usual settings fit. */
const MAX_OWN_BYTES = 1 << 20;
/** While others wait a request has to come in so many seconds, and no faster than it has to at any time. */
const PRESSED_SECONDS = 30;
const PRESSED_SLOW_MS = 300;
