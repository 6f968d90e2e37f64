/**
 * Range: which records are meant, as somebody writes it: `START`, `START:` or `START:END`, of offsets or times.
 *
 *     start, end, or earliest, beginning, latest · 120 an offset · +10 behind the start · -10 before the end · @TIME the first record from then on
 *     TIME: -1h before now · 2026-11-30 · 2026-11-30T08:00 · 2026-11-30T08:00:00+01:00 · 1764489600000 (ms since 1970)
 *
 * The end is not part of it. Behind a start that is a time it may be a duration: `@2026-11-30:6h`. Dates without a zone
 * are UTC.
 */
import { durationMs } from "../call.ts";

/** A place in every partition it is asked of. */
export type Place =
  | { readonly kind: "start" | "end" }
  | { readonly kind: "offset" | "afterStart" | "beforeEnd"; readonly offset: number }
  | { readonly kind: "time"; readonly timeMs: number };

export interface Range {
  readonly from: Place;
  /** Null: nothing is said of it. */
  readonly to: Place | null;
}

/** Ranges of `--offset`: one for all partitions, and others for some. */
export interface Ranges {
  readonly all: Range | null;
  readonly byPartition: ReadonlyMap<number, Range>;
}

/** Of every `--offset` there is; a string says what is wrong. */
export function rangesOf(texts: readonly string[], nowMs: number): Ranges | string {
  let all: Range | null = null;
  const byPartition = new Map<number, Range>();
  for (const text of texts) {
    const [, partition, rest] = /^(\d{1,9})=(.*)$/s.exec(text) ?? [null, null, text];
    const range = rangeOf(rest, nowMs);
    if (range === null) return `--offset ${text || '""'}: ${NEEDS}`;
    if (partition === null) all = range;
    else byPartition.set(Number(partition), range);
  }
  return { all, byPartition };
}

const NEEDS =
  "needs START:END, each start, end, an offset, +N, -N or @TIME (-1h, 2026-11-30, 2026-11-30T08:00Z, ms since 1970)";

/** Null for what is none. */
export function rangeOf(text: string, nowMs: number): Range | null {
  const [, first, rest] = new RegExp(`^(@${TIME}|[^@:]*)(:.*)?$`, "s").exec(text) ?? [];
  if (first === undefined) return null;
  const from = first === "" ? { kind: "start" as const } : placeOf(first, nowMs);
  if (from === null) return null;
  if (rest === undefined || rest === ":") return { from, to: null };
  const to = endOf(rest.slice(1), from, nowMs);
  return to === null ? null : { from, to };
}

function endOf(text: string, from: Place, nowMs: number): Place | null {
  if (from.kind !== "time" || BOUNDS.has(text)) return placeOf(text, nowMs);
  const duration = durationMs(text);
  if (duration !== null) return { kind: "time", timeMs: from.timeMs + duration };
  return placeOf(text.startsWith("@") ? text : `@${text}`, nowMs);
}

function placeOf(text: string, nowMs: number): Place | null {
  const kind = BOUNDS.get(text);
  if (kind !== undefined) return { kind };
  if (text.startsWith("@")) {
    const timeMs = timeOf(text.slice(1), nowMs);
    return timeMs === null ? null : { kind: "time", timeMs };
  }
  const [, sign, digits] = /^([+-]?)(\d{1,16})$/.exec(text) ?? [];
  const offset = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(offset)) return null;
  return { kind: sign === "+" ? "afterStart" : sign === "-" ? "beforeEnd" : "offset", offset };
}

/** As Kafka and kcat call them, too. */
const BOUNDS: ReadonlyMap<string, "start" | "end"> = new Map([
  ["start", "start"],
  ["earliest", "start"],
  ["beginning", "start"],
  ["end", "end"],
  ["latest", "end"],
]);

function timeOf(text: string, nowMs: number): number | null {
  if (text === "now") return nowMs;
  if (/^\d+$/.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : null;
  if (text.startsWith("-")) {
    const duration = durationMs(text.slice(1));
    return duration === null ? null : Math.max(0, nowMs - duration);
  }
  const [, date, clock = "T00:00", zone = "Z"] = DATE.exec(text) ?? [];
  const timeMs = date === undefined ? NaN : Date.parse(`${date}${clock}${zone}`);
  return Number.isNaN(timeMs) || timeMs < 0 ? null : timeMs;
}

const DATE = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** What a time may look like, colons and all. */
const TIME =
  "(?:now|-\\d+(?:\\.\\d+)?[a-z]+|\\d{4}-\\d\\d-\\d\\d(?:T\\d\\d:\\d\\d(?::\\d\\d(?:\\.\\d+)?)?)?(?:Z|[+-]\\d\\d:\\d\\d)?|\\d+)";
