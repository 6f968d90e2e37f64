/** Results: what a bench found, as a table or as JSON. */
import type { Cell, Output } from "../output.ts";
import type { Histogram } from "./histogram.ts";
import { fixed, type Tally, whole } from "./tally.ts";

const PERCENTS = [["p50", 50], ["p95", 95], ["p99", 99], ["p99.9", 99.9]] as const;

/** How fast it was. JSON: {…about, records, bytes, seconds, recordsPerSecond, megabytesPerSecond, …more}. */
export function printRates(
  out: Output,
  tally: Tally,
  { about, more }: {
    readonly about: Readonly<Record<string, unknown>>;
    readonly more: Readonly<Record<string, unknown>>;
  },
): void {
  const { records, bytes, seconds } = tally;
  if (out.isJson) {
    const recordsPerSecond = rounded(records / seconds);
    const megabytesPerSecond = rounded(bytes / seconds / 1e6);
    const counted = { records, bytes, seconds: rounded(seconds) };
    out.json({ ...about, ...counted, recordsPerSecond, megabytesPerSecond, ...more });
    return;
  }
  out.table(["records", "seconds", "records/s", "MB/s"], [
    [whole(records), fixed(seconds), whole(records / seconds), fixed(bytes / seconds / 1e6)],
  ]);
}

/** How long it took, a row each. */
export function printTimes(out: Output, rows: readonly (readonly [string, Histogram])[]): void {
  const header = ["latency, ms", ...PERCENTS.map(([name]) => name), "max", "mean"];
  out.table(
    header,
    rows.map(([name, times]): Cell[] => [
      name,
      ...PERCENTS.map(([, percent]) => fixed(times.percentile(percent))),
      fixed(times.maxMs),
      fixed(times.meanMs),
    ]),
  );
}

/** In ms; null where there is none. */
export function timesJson(times: Histogram): Record<string, number | null> {
  const some = times.count > 0;
  return Object.fromEntries([
    ...PERCENTS.map(([name, percent]) => [name, some ? rounded(times.percentile(percent)) : null]),
    ["max", some ? rounded(times.maxMs) : null],
    ["mean", some ? rounded(times.meanMs) : null],
  ]);
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;
