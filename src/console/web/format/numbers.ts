/** Numbers, bytes, rates and durations as people read them: the same everywhere, whatever the browser's language. */

/** 1234567 → "1,234,567" */
export function exact(value: number): string {
  return EXACT.format(value);
}

/** At most four characters and a letter: 999 → "999", 12345 → "12.3 k", 1.5e9 → "1.5 G" */
export function short(value: number): string {
  return scaled(value, 1000, ["", "k", "M", "G", "T", "P"]);
}

/** 1536 → "1.5 KiB" */
export function bytes(value: number): string {
  return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

export function bytesPerSecond(value: number): string {
  return `${bytes(value)}/s`;
}

export function perSecond(value: number): string {
  return `${short(value)}/s`;
}

/** 0.25 → "0.25 ms", 12.34 → "12.3 ms", 4200 → "4.2 s" */
export function latency(ms: number): string {
  if (ms >= 1000) return `${rounded(ms / 1000)} s`;
  return `${ms < 1 ? String(Number(ms.toFixed(2))) : rounded(ms)} ms`;
}

/** The two largest units: 90061000 → "1 d 1 h"; what is below a second is ms. */
export function duration(ms: number): string {
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const parts: string[] = [];
  let rest = Math.floor(ms / 1000);
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${exact(count)} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** "1 topic", "2 topics" */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${exact(count)} ${count === 1 ? one : many}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];
const EXACT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

function scaled(value: number, step: number, units: readonly string[]): string {
  let at = 0, rest = Math.abs(value);
  // 999.95 would be written "1000" of its unit.
  while (at < units.length - 1 && Number(rest.toPrecision(3)) >= Math.min(step, 1000)) {
    rest /= step;
    at++;
  }
  const text = at === 0 && Number.isInteger(rest) ? String(rest) : rounded(rest);
  const sign = value < 0 ? "-" : "";
  return units[at] === "" ? `${sign}${text}` : `${sign}${text} ${units[at]}`;
}

/** Three digits that count, none behind the point from 100 on. */
function rounded(value: number): string {
  if (value >= 100) return EXACT.format(Math.round(value));
  return String(Number(value.toFixed(value >= 10 ? 1 : 2)));
}
