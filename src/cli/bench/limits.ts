/** Limits: how long a bench goes on, at which rate, and what of it does not count: flags that all of them have. */
import type { Call } from "../call.ts";
import type { Flag } from "../command.ts";

export interface Limits {
  /** Records; Infinity: until the time is up. */
  readonly count: number;
  /** Infinity: until the count is reached. */
  readonly forMs: number;
  /** A second; null: as fast as it goes. */
  readonly rate: number | null;
  readonly warmUpMs: number;
}

export const LIMITS: readonly Flag[] = [
  { name: "--count", takes: "N", doc: "End after so many records." },
  {
    name: "--for",
    takes: "TIME",
    doc: "End after this time: 30s, 5m; 10s if nothing else ends it.",
  },
  {
    name: "--warm-up",
    takes: "TIME",
    doc: "What happens in this time at first is not counted, and is no part of --count and --for.",
  },
];

/** `defaultForMs`: where neither --count nor --for is there. */
export function limitsOf(
  call: Call,
  { defaultForMs, defaultRate = null }: {
    readonly defaultForMs: number;
    readonly defaultRate?: number | null;
  },
): Limits {
  const count = call.whole("--count", { min: 1 });
  const forMs = call.durationMs("--for"), warmUpMs = call.durationMs("--warm-up") ?? 0;
  for (const [flag, ms] of [["--for", forMs], ["--warm-up", warmUpMs]] as const) {
    if (ms !== null && (ms > MOST_MS || flag === "--for" && ms === 0)) {
      throw call.misused(`${flag} ${call.text(flag)}: needs 1ms to 30d`);
    }
  }
  return {
    count: count ?? Infinity,
    forMs: forMs ?? (count === null ? defaultForMs : Infinity),
    rate: rateOf(call) ?? defaultRate,
    warmUpMs,
  };
}

function rateOf(call: Call): number | null {
  const text = call.text("--rate");
  if (text === null) return null;
  const rate = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && rate > 0 && rate <= 1e9) return rate;
  throw call.misused(`--rate ${text || '""'}: needs records a second, as 0.5 or 1000`);
}

/** How far a bench has come, 0 to 1. */
export function shareDone(
  { count, forMs }: Limits,
  { records, elapsedMs }: { readonly records: number; readonly elapsedMs: number },
): number {
  return Math.max(records / count, elapsedMs / forMs);
}

const MOST_MS = 30 * 86_400_000;
