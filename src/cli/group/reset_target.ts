/** Reset target: where a group is to be set, of the flags of `runnel group reset`. */
import type { Call } from "../call.ts";

export type ResetTarget =
  | { readonly kind: "earliest" | "latest" | "current" }
  | { readonly kind: "offset" | "shift"; readonly value: bigint }
  | { readonly kind: "time"; readonly timeMs: number }
  | { readonly kind: "file"; readonly path: string };

/** Throws ConfigError unless exactly one is given. */
export function resetTarget(call: Call, nowMs: number): ResetTarget {
  const given = WAYS.filter((flag) => call.text(flag) !== null);
  if (given.length !== 1) throw call.misused(`needs one of ${WAYS.join(", ")}`);
  const [flag] = given, text = call.text(flag)!;
  switch (flag) {
    case "--to":
      if (text === "earliest" || text === "latest" || text === "current") return { kind: text };
      if (/^\d{1,19}$/.test(text) && BigInt(text) <= MAX_INT64) {
        return { kind: "offset", value: BigInt(text) };
      }
      throw call.misused(`--to ${text || '""'}: needs earliest, latest, current or an offset`);
    case "--shift":
      if (/^[+-]?\d{1,18}$/.test(text)) {
        return { kind: "shift", value: BigInt(text.replace("+", "")) };
      }
      throw call.misused(`--shift ${text || '""'}: needs a whole number, as 100 or -100`);
    case "--to-time": {
      const timeMs = timeMsOf(text);
      if (timeMs !== null) return { kind: "time", timeMs };
      throw call.misused(
        `--to-time ${text || '""'}: needs a time as 2026-11-30T08:00:00Z, or ms since 1970`,
      );
    }
    case "--ago":
      return { kind: "time", timeMs: Math.max(0, nowMs - call.durationMs("--ago")!) };
    case "--file":
      return { kind: "file", path: text };
  }
}

const WAYS = ["--to", "--to-time", "--ago", "--shift", "--file"] as const;
const MAX_INT64 = (1n << 63n) - 1n;

/** ms since 1970; null for what is no time. Without a zone it is UTC, as in Kafka's tools. */
function timeMsOf(text: string): number | null {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/
    .exec(text);
  if (parts === null) return null;
  const [, date, time = "00:00", zone = "Z"] = parts;
  const timeMs = Date.parse(`${date}T${time}${zone.replace(/^(.\d\d)(\d\d)$/, "$1:$2")}`);
  return timeMs >= 0 ? timeMs : null;
}
