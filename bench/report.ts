/** The table: one line a load, with where and how it was measured above it. */
import type { Flush, Result } from "./types.ts";

export interface Line extends Result {
  readonly bench: string;
  readonly flush: Flush | "given";
}

export function report(lines: readonly Line[]): string {
  const hasMore = lines.some(({ also }) => also !== undefined);
  const header = ["bench", "flush", "load", "requests/s", "MB/s", "p50 ms", "p99 ms"];
  if (hasMore) header.push("also");
  const rows = lines.map((line) => [
    line.bench,
    line.flush,
    line.load,
    Math.round(line.requests / line.seconds).toString(),
    (line.bytes / line.seconds / 1e6).toFixed(1),
    line.latency.percentile(50).toFixed(3),
    line.latency.percentile(99).toFixed(3),
    ...hasMore ? [line.also ?? ""] : [],
  ]);
  return markdown(header, rows, { texts: 3 });
}

/** A Markdown table; the first `texts` columns are words, the others figures. */
export function markdown(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { texts = 1 } = {},
): string {
  const rule = header.map((_, i) => i < texts ? "---" : "---:");
  return [...[header, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`), ""].join("\n");
}

/** When, where and how. */
export function heading(command: string): string {
  return [
    `${new Date().toISOString().slice(0, 16)}Z, ${machine()}, Deno ${Deno.version.deno}`,
    "",
    `    ${command}`,
    "",
  ].join("\n");
}

/** "4 × x86_64 linux, 16 GB, load 0.5" */
function machine(): string {
  const gigabytes = Math.round(Deno.systemMemoryInfo().total / 1e9);
  const load = Deno.loadavg()[0].toFixed(1);
  return `${navigator.hardwareConcurrency} × ${Deno.build.arch} ${Deno.build.os}, ${gigabytes} GB, load ${load}`;
}
