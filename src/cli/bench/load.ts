/**
 * Load: records on their way to a topic by several producers, at a pace if there is one, until enough are sent, the time
 * is up, one fails or somebody stops it.
 */
import { setImmediate } from "node:timers";
import type { Producer, ProducerRecord, Receiver } from "../../client/producer.ts";
import type { Limits } from "./limits.ts";
import { Pace } from "./pace.ts";
import { Tally } from "./tally.ts";

export interface LoadOptions {
  readonly limits: Limits;
  /** Bytes of each value. */
  readonly size: number;
  /** The next record, which counts from then. */
  readonly next: (fromMs: number) => ProducerRecord;
  /** Whether there may be more for now; yes if not given. */
  readonly mayMore?: () => boolean;
  /** What came before does not count. */
  readonly onCounting?: () => void;
}

export class Load {
  readonly tally = new Tally();
  failure: Error | null = null;
  failed = 0;
  readonly #options: LoadOptions;
  readonly #limits: Limits;
  readonly #receiver: Receiver;
  #pace: Pace;
  #startMs = performance.now();
  #sent = 0;
  #isCounting = false;
  #isStopped = false;
  /** The time of this turn of the event loop; NaN: nobody has asked for it yet. */
  #turnMs = NaN;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#limits = options.limits;
    this.#pace = new Pace(this.#limits.rate, this.#startMs);
    this.#receiver = {
      delivered: (mark) => this.#delivered(mark),
      failed: (_, error) => {
        this.failed++;
        this.failure ??= error as Error;
      },
    };
  }

  /** Sends nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** What has been acknowledged of what counts. */
  get records(): number {
    return this.tally.records;
  }

  get elapsedMs(): number {
    return this.#isCounting ? performance.now() - this.#startMs : 0;
  }

  /** Resolves when each that was sent is acknowledged or has failed. */
  async run(producers: readonly Producer[]): Promise<void> {
    this.#begin(this.#limits.warmUpMs === 0);
    await Promise.all(producers.map((producer) => this.#feed(producer)));
  }

  #begin(isCounting: boolean): void {
    this.#startMs = performance.now();
    this.#pace = new Pace(this.#limits.rate, this.#startMs);
    this.#sent = 0;
    this.#isCounting = isCounting;
    this.tally.begin();
    if (isCounting) this.#options.onCounting?.();
  }

  async #feed(producer: Producer): Promise<void> {
    while (!this.#isOver()) {
      if (!producer.hasRoom) await producer.room();
      const pauseMs = this.#send(producer);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      else await nextTurn();
    }
    await producer.close();
  }

  #isOver(): boolean {
    const { count, forMs, warmUpMs } = this.#limits;
    if (this.#isStopped || this.failure !== null) return true;
    const elapsedMs = performance.now() - this.#startMs;
    if (this.#isCounting) return this.#sent >= count || elapsedMs >= forMs;
    if (elapsedMs >= warmUpMs) this.#begin(true);
    return false;
  }

  /** As many as are due and a turn may have; how long to wait for the next. */
  #send(producer: Producer): number {
    const nowMs = performance.now(), left = this.#isCounting ? this.#limits.count : Infinity;
    const until = Math.min(this.#pace.due(nowMs), left);
    let bytes = 0;
    const { next, size, mayMore } = this.#options, isHeld = mayMore?.() === false;
    for (; this.#sent < until && producer.hasRoom && bytes < TURN_BYTES && !isHeld; this.#sent++) {
      const fromMs = this.#pace.countsFromMs(this.#sent, nowMs);
      producer.post(next(fromMs), this.#receiver, fromMs);
      bytes += size + RECORD_BYTES;
    }
    if (bytes > 0 || this.#sent >= left) return 0;
    if (isHeld) return HELD_MS;
    return Math.min(Math.max(this.#pace.dueMs(this.#sent) - nowMs, 0), LOOK_MS);
  }

  /** The records of a batch are told of in one turn, which has one time. */
  #delivered(fromMs: number): void {
    if (Number.isNaN(this.#turnMs)) {
      this.#turnMs = performance.now();
      this.tally.touch();
      queueMicrotask(() => this.#turnMs = NaN);
    }
    if (fromMs < this.#startMs) return; // sent before it began to count
    this.tally.add(this.#options.size);
    this.tally.time(this.#turnMs - fromMs);
  }
}

/** Behind what has come in meanwhile. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What a turn hands over before it looks at what has come back: two batches. */
const TURN_BYTES = 256 << 10;
/** About what a record takes beside its value. */
const RECORD_BYTES = 10;
/** How soon it is asked again whether there may be more. */
const HELD_MS = 1;
/** How soon a stop is noticed. */
const LOOK_MS = 100;
