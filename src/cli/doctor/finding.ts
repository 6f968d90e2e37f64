/** Finding: what a check of `runnel doctor` found, and what mends it. */
import type { Scene } from "./scene.ts";

/**
 * "error" keeps somebody from getting on, "warning" will or may, "note" is worth knowing; "unseen" is what was not looked
 * at, and why. The first two have weight: with one of them the command ends with 1.
 */
export type Severity = "error" | "warning" | "note" | "unseen";

export interface Finding {
  /** The check's name. */
  readonly check: string;
  readonly severity: Severity;
  /** A sentence. */
  readonly what: string;
  /** What it was seen by. */
  readonly evidence: string | null;
  /** What mends it, or what shows more where that is for people to decide: to be pasted into a shell. */
  readonly command: string | null;
}

/** The same as a check has it. */
export interface Found {
  readonly severity: Severity;
  readonly what: string;
  readonly evidence?: string;
  readonly command?: string;
}

export interface Check {
  /** "advertised" */
  readonly name: string;
  /** Throws Unseen for what cannot be looked at; whatever else it throws is a finding too. */
  readonly look: (scene: Scene) => Promise<readonly Found[]>;
}

/** Nothing could be looked at, and nothing is wrong with that. */
export class Unseen extends Error {
  override readonly name = "Unseen";
}

export function hasWeight({ severity }: Finding): boolean {
  return severity === "error" || severity === "warning";
}

/** The first few, and how many more. */
export function few(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** "512 MiB" */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let at = 0, left = bytes;
  for (; left >= 1024 && at < units.length - 1; at++) left /= 1024;
  return `${at === 0 ? left : left.toFixed(left < 10 ? 1 : 0)} ${units[at]}`;
}

/** "3 h", "20 min", "6 s" */
export function durationText(ms: number): string {
  const [size, unit] = ms >= 2 * 86_400_000
    ? [86_400_000, "d"]
    : ms >= 2 * 3_600_000
    ? [3_600_000, "h"]
    : ms >= 2 * 60_000
    ? [60_000, "min"]
    : [1000, "s"];
  return `${Math.round(ms / size)} ${unit}`;
}

/** What the work gives; rejects with `what` when that takes too long. */
export async function within<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: no answer within ${durationText(ms)}`)),
      ms,
    );
  });
  work.catch(() => {}); // heard by nobody when it is too late
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
