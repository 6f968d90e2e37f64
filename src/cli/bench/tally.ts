/** Tally: what a bench has counted: records, bytes, times; since it began to count, and since it was last told of. */
import { Histogram } from "./histogram.ts";

export class Tally {
  records = 0;
  bytes = 0;
  times = new Histogram();
  #fromMs = performance.now();
  #lastMs = this.#fromMs;
  #recent = { records: 0, bytes: 0, times: new Histogram() };

  add(bytes: number, records = 1): void {
    this.records += records;
    this.bytes += bytes;
    this.#recent.records += records;
    this.#recent.bytes += bytes;
  }

  time(ms: number): void {
    this.times.add(ms);
    this.#recent.times.add(ms);
  }

  /** What came so far does not count. */
  begin(): void {
    this.records = this.bytes = 0;
    this.times = new Histogram();
    this.#fromMs = this.#lastMs = performance.now();
    this.#recent = { records: 0, bytes: 0, times: new Histogram() };
  }

  /** Something counted just now. */
  touch(): void {
    this.#lastMs = performance.now();
  }

  /** From when it began to count to what counted last. */
  get seconds(): number {
    return Math.max(this.#lastMs - this.#fromMs, 0.001) / 1000;
  }

  /** "12,345 records/s  1.23 MB/s  p50 1.2 ms  p99 3.4 ms", of the time since it was told before. */
  told(sinceMs: number): string {
    const { records, bytes, times } = this.#recent, seconds = sinceMs / 1000;
    this.#recent = { records: 0, bytes: 0, times: new Histogram() };
    const rates = `${whole(records / seconds)} records/s  ${fixed(bytes / seconds / 1e6)} MB/s`;
    if (times.count === 0) return rates;
    const [p50, p99] = [50, 99].map((percent) => fixed(times.percentile(percent)));
    return `${rates}  p50 ${p50} ms  p99 ${p99} ms  max ${fixed(times.maxMs)} ms`;
  }
}

/** For people. */
export const whole = (value: number) => Math.round(value).toLocaleString("en-US");

/** Three digits that count, or two behind the point. */
export function fixed(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value >= 100 ? whole(value) : value.toFixed(value >= 10 ? 1 : 2);
}
