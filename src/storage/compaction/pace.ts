/**
 * Pace: keeps compaction out of the way of requests, which share its thread and its disk.
 *
 * It works for a slice of a few milliseconds, then rests for as long as it worked, so that others have at least half of
 * the time, also after a batch that alone took much longer than a slice; and it reads and writes no more bytes a second than it is allowed.
 */
import { type Clock, systemTimers, type Timers } from "../../clock.ts";

const SLICE_MS = 2;
/** A clock that leaps, or a machine that slept, is no work. */
const MAX_REST_MS = 1000;

export class Pace {
  #stopped = false;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Infinity is no limit. */
  readonly #bytesPerSecond: number;
  #sliceBeganMs: number;
  #sliceBytes = 0;
  #endRest: (() => void) | null = null;

  constructor(clock: Clock, bytesPerSecond: number, timers: Timers = systemTimers) {
    this.#clock = clock;
    this.#timers = timers;
    this.#bytesPerSecond = bytesPerSecond;
    this.#sliceBeganMs = clock.monotonicMs();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Counts bytes read or written; whether it is time to rest. */
  isOver(bytes: number): boolean {
    this.#sliceBytes += bytes;
    return this.#clock.monotonicMs() - this.#sliceBeganMs >= SLICE_MS ||
      this.#sliceBytes / this.#bytesPerSecond * 1000 >= SLICE_MS;
  }

  async rest(): Promise<void> {
    const workedMs = this.#clock.monotonicMs() - this.#sliceBeganMs;
    const owedMs = this.#sliceBytes / this.#bytesPerSecond * 1000 - workedMs;
    if (!this.#stopped) {
      await this.#sleep(Math.max(SLICE_MS, Math.min(workedMs, MAX_REST_MS), owedMs));
    }
    this.#sliceBeganMs = this.#clock.monotonicMs();
    this.#sliceBytes = 0;
  }

  /** Ends the rest that is under way, and all later ones. */
  stop(): void {
    this.#stopped = true;
    this.#endRest?.();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#timers.after(ms, resolve);
      this.#endRest = () => {
        cancel();
        resolve();
      };
    });
  }
}
