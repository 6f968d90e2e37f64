/** Times in the user's zone, with UTC beside: what a log has and what a clock on the wall says. */

export interface WrittenTime {
  /** "2026-11-30 15:25:14.123" in the user's zone. */
  readonly local: string;
  /** "2026-11-30 12:25:14.123Z" */
  readonly utc: string;
  /** Whether both say the same, so that one is enough. */
  readonly isUtc: boolean;
  /** For <time datetime>. */
  readonly machine: string;
}

/** null where `ms` is no time that a date can have: records may carry any int64. */
export function writtenTime(ms: number, zone?: string): WrittenTime | null {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return null;
  const machine = date.toISOString(), local = localText(date, ms, zone);
  const utc = machine.replace("T", " ");
  return { local, utc, isUtc: `${local}Z` === utc, machine };
}

/** "just now", "5 min ago", "in 3 d" */
export function fromNow(ms: number, nowMs: number): string {
  const away = Math.abs(nowMs - ms);
  if (away < 10_000) return "just now";
  const [unit, size] = AWAY.find(([, size]) => away >= size) ?? ["s", 1000];
  const text = `${Math.floor(away / size)} ${unit}`;
  return ms <= nowMs ? `${text} ago` : `in ${text}`;
}

/** For <input type="datetime-local"> and back; null where nothing valid is written. */
export function msOfLocal(text: string): number | null {
  const ms = new Date(text).getTime();
  return text === "" || Number.isNaN(ms) ? null : ms;
}

const AWAY: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
];

function localText(date: Date, ms: number, zone: string | undefined): string {
  const parts = new Map(formatOf(zone).formatToParts(date).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  const millis = String(((ms % 1000) + 1000) % 1000).padStart(3, "0");
  return `${part("year").padStart(4, "0")}-${part("month")}-${part("day")} ` +
    `${part("hour")}:${part("minute")}:${part("second")}.${millis}`;
}

const formats = new Map<string | undefined, Intl.DateTimeFormat>();

/** Made once: it is by far the dearest part. */
function formatOf(zone: string | undefined): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  return format;
}
