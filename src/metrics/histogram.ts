/**
 * Histogram: counts of values under fixed bounds, recorded without allocating; Prometheus text is made of it only when
 * somebody asks.
 */
export class Histogram {
  readonly bounds: readonly number[];
  /** Values at most bounds[i] and above the bound before; the last one is for values above every bound. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.bounds;
    let i = 0;
    while (i < bounds.length && value > bounds[i]) i++;
    this.counts[i]++;
    this.sum += value;
  }

  get count(): number {
    return this.counts.reduce((sum, n) => sum + n, 0);
  }
}

/** Seconds from 0.1 ms to 10 s: requests, fsyncs, event-loop delay. */
export const LATENCY_BOUNDS_S: readonly number[] = [
  0.0001,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  10,
];
