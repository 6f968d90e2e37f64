/**
 * Histogram of times: fixed memory, buckets 1% wide, from 1 µs to an hour. A percentile is its bucket's upper end.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) * SCALE);
    this.#counts[Math.min(bucket, BUCKETS - 1)]++;
    this.#count++;
  }

  merge(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i] += other.#counts[i];
    this.#count += other.#count;
  }

  /** In ms; NaN when empty. */
  percentile(percent: number): number {
    if (this.#count === 0) return NaN;
    let left = Math.ceil(this.#count * percent / 100);
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i];
      if (left <= 0) return SMALLEST_MS * Math.exp(i / SCALE);
    }
    throw new Error(`Percentile ${percent}: needed is 0 to 100`);
  }
}

const SMALLEST_MS = 0.001;
const SCALE = 1 / Math.log(1.01);
const BUCKETS = 2300; // 1.01^2211 µs is an hour
