/** History: samples of the last hour and the last day, in columns of fixed size, so that it never grows. */
import type { History, Sample, SampleSeries } from "./api.ts";

export const SERIES: readonly SampleSeries[] = [
  "bytesIn",
  "bytesOut",
  "recordsIn",
  "recordsOut",
  "requests",
  "errors",
  "p50Ms",
  "p99Ms",
  "produceP99Ms",
  "eventLoopP99Ms",
  "connections",
  "logBytes",
  "freeBytes",
  "residentBytes",
  "heapUsedBytes",
];
/** Of a minute the worst is kept; of the others the mean. */
const WORST: ReadonlySet<SampleSeries> = new Set([
  "p50Ms",
  "p99Ms",
  "produceP99Ms",
  "eventLoopP99Ms",
]);

const SAMPLE_MS = 5000, MINUTE_MS = 60_000;

export class SampleHistory {
  readonly #hour = new Ring(3_600_000 / SAMPLE_MS);
  readonly #day = new Ring(86_400_000 / MINUTE_MS);
  /** Of the minute under way. */
  #minute: Sample[] = [];

  push(sample: Sample): void {
    this.#hour.push(sample);
    const [first] = this.#minute;
    if (first !== undefined && minuteOf(first) !== minuteOf(sample)) {
      this.#day.push(summary(this.#minute));
      this.#minute = [];
    }
    if (this.#minute.length < 100) this.#minute.push(sample); // a clock that stands still ends no minute
  }

  of(range: "hour" | "day"): History {
    const stepMs = range === "hour" ? SAMPLE_MS : MINUTE_MS;
    return { range, stepMs, ...(range === "hour" ? this.#hour : this.#day).columns() };
  }
}

function minuteOf({ atMs }: Sample): number {
  return Math.floor(atMs / MINUTE_MS);
}

function summary(samples: readonly Sample[]): Sample {
  const of = (name: SampleSeries): number | null => {
    const values = samples.map((one) => one[name]).filter((value) => value !== null);
    if (values.length === 0) return null;
    return WORST.has(name)
      ? Math.max(...values)
      : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const found = Object.fromEntries(SERIES.map((name) => [name, of(name)]));
  return { ...found, atMs: minuteOf(samples[0]) * MINUTE_MS } as unknown as Sample;
}

/** The last `capacity` samples, in columns. */
class Ring {
  readonly #atMs: Float64Array;
  /** NaN: nothing is known. */
  readonly #columns: readonly Float64Array[];
  #next = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#atMs = new Float64Array(capacity);
    this.#columns = SERIES.map(() => new Float64Array(capacity));
  }

  push(sample: Sample): void {
    const at = this.#next, { length } = this.#atMs;
    this.#atMs[at] = sample.atMs;
    for (const [i, name] of SERIES.entries()) this.#columns[i][at] = sample[name] ?? NaN;
    this.#next = (at + 1) % length;
    this.#size = Math.min(length, this.#size + 1);
  }

  columns(): Pick<History, "atMs" | "series"> {
    const { length } = this.#atMs, first = (this.#next - this.#size + length) % length;
    const inOrder = (column: Float64Array) =>
      Array.from({ length: this.#size }, (_, i) => column[(first + i) % length]);
    const series = SERIES.map((name, i) => [
      name,
      inOrder(this.#columns[i]).map((value) => Number.isNaN(value) ? null : value),
    ]);
    return { atMs: inOrder(this.#atMs), series: Object.fromEntries(series) };
  }
}
