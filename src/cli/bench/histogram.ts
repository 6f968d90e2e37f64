/**
 * Histogram: how long things took, in fixed memory however many there were, as HdrHistogram keeps them: below 256 µs to
 * the microsecond, above in 128 buckets for each doubling. A percentile is its bucket's upper end, so it is at most 1%
 * too high and never too low; the largest and the mean are exact.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxMs = 0;
  #sumMs = 0;

  get count(): number {
    return this.#count;
  }

  /** NaN when empty, as meanMs and percentile(). */
  get maxMs(): number {
    return this.#count === 0 ? NaN : this.#maxMs;
  }

  get meanMs(): number {
    return this.#sumMs / this.#count;
  }

  /** What is negative counts as nothing, what is over 71 minutes as that. */
  add(ms: number): void {
    const us = Math.min(Math.max(Math.ceil(ms * 1000), 0), MAX_US);
    this.#counts[bucketOf(us)]++;
    this.#count++;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** In ms; `percent` is 0 to 100. */
  percentile(percent: number): number {
    if (this.#count === 0) return NaN;
    let left = Math.max(1, Math.ceil(this.#count * percent / 100));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket];
      if (left <= 0) return Math.min(upperUs(bucket) / 1000, this.#maxMs);
    }
    throw new Error(`Percentile ${percent}: needed is 0 to 100`);
  }
}

function bucketOf(us: number): number {
  if (us < EXACT) return us;
  const shift = TOP_BIT - Math.clz32(us); // us >>> shift is 128 to 255
  return shift * HALF + (us >>> shift);
}

/** The largest µs in a bucket. */
function upperUs(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const shift = Math.floor(bucket / HALF) - 1;
  return (bucket - shift * HALF + 1) * 2 ** shift - 1;
}

const EXACT = 256, HALF = 128, TOP_BIT = 24;
const MAX_US = 0xffffffff;
const BUCKETS = bucketOf(MAX_US) + 1;
