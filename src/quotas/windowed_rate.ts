/**
 * WindowedRate: how much there was per second, over samples of one window each (Kafka: Rate over a WindowedSum).
 *
 * Samples lie in a ring of one more than are asked for: a sample that began before the monitored time and was written to
 * within it still counts. Where fewer windows have passed than there are samples less one, the missing ones count as
 * empty: so a client that was silent may come with a burst of all windows but one.
 */
export interface Windows {
  /** quota.window.num */
  readonly samples: number;
  /** quota.window.size.seconds */
  readonly windowMs: number;
}

/** Kafka's defaults, eleven of one second. */
export const WINDOWS: Windows = { samples: 11, windowMs: 1000 };

interface Sample {
  value: number;
  startMs: number;
  lastMs: number;
}

export class WindowedRate {
  /** When something was recorded last. */
  lastMs = -Infinity;
  readonly #windows: Windows;
  readonly #samples: Sample[] = [];
  #current = 0;

  constructor(windows: Windows = WINDOWS) {
    this.#windows = windows;
  }

  /** Counts `value` at `nowMs`; a negative one takes back what was counted. */
  record(value: number, nowMs: number): void {
    const { samples, windowMs } = this.#windows;
    let sample = this.#samples[this.#current];
    if (sample === undefined) this.#samples.push(sample = emptyAt(nowMs));
    else if (nowMs - sample.startMs >= windowMs) {
      this.#current = (this.#current + 1) % (samples + 1);
      sample = this.#samples[this.#current];
      if (sample === undefined) this.#samples.push(sample = emptyAt(nowMs));
      else clear(sample, nowMs);
    }
    sample.value += value;
    sample.lastMs = this.lastMs = nowMs;
  }

  /** Per second. */
  measure(nowMs: number): number {
    const windowMs = this.windowMs(nowMs);
    let sum = 0;
    for (const { value } of this.#samples) sum += value;
    return sum / (windowMs / 1000);
  }

  /** How long the time is that measure() is over. */
  windowMs(nowMs: number): number {
    const { samples, windowMs } = this.#windows;
    let oldestMs = nowMs;
    for (const sample of this.#samples) {
      if (nowMs - sample.lastMs >= samples * windowMs) clear(sample, nowMs);
      if (sample.startMs < oldestMs) oldestMs = sample.startMs;
    }
    const elapsedMs = nowMs - oldestMs;
    return elapsedMs + Math.max(0, samples - 1 - Math.floor(elapsedMs / windowMs)) * windowMs;
  }
}

function emptyAt(nowMs: number): Sample {
  return { value: 0, startMs: nowMs, lastMs: nowMs };
}

function clear(sample: Sample, nowMs: number): void {
  sample.value = 0;
  sample.startMs = sample.lastMs = nowMs;
}

/**
 * How long nothing may come for the rate to be `limit` again; 0 where it is not above (Kafka: QuotaUtils.throttleTime).
 * Whole milliseconds, as many as an int32 holds.
 */
export function throttleMs(rate: WindowedRate, limit: number, nowMs: number): number {
  const measured = rate.measure(nowMs);
  if (measured <= limit) return 0;
  return wholeMs((measured - limit) / limit * rate.windowMs(nowMs));
}

/** Rounded as Java does, within what an answer can say. */
export function wholeMs(ms: number): number {
  return Math.min(Math.floor(ms + 0.5), 2 ** 31 - 1);
}
