/**
 * Checkpoints: Kafka's text files that keep one offset for each partition.
 *
 *     0                      version
 *     2                      number of entries
 *     orders 0 1500          topic, partition, offset
 *     orders 1 12
 *
 * Each is a hint that the logs can replace: what cannot be read counts as empty, and the caller is told why.
 */
import type { Store } from "../store.ts";

export const RECOVERY_POINT_CHECKPOINT = "recovery-point-offset-checkpoint";
export const HIGH_WATERMARK_CHECKPOINT = "replication-offset-checkpoint";
export const LOG_START_CHECKPOINT = "log-start-offset-checkpoint";
export const CLEANER_CHECKPOINT = "cleaner-offset-checkpoint";

export interface CheckpointEntry {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const VERSION = 0;

/** The entries of a checkpoint; none when it is absent, or damaged and `onDamage` was told so. */
export function readCheckpoint(
  store: Store,
  path: string,
  onDamage: (reason: string) => void = () => {},
): CheckpointEntry[] {
  const bytes = store.readAll(path);
  if (bytes === null) return [];
  const entries = parseCheckpoint(new TextDecoder().decode(bytes));
  if (typeof entries !== "string") return entries;
  onDamage(`${path} is of no use: ${entries}`);
  return [];
}

export function writeCheckpoint(
  store: Store,
  path: string,
  entries: readonly CheckpointEntry[],
): Promise<void> {
  return store.replace(path, formatCheckpoint(entries));
}

export function formatCheckpoint(entries: readonly CheckpointEntry[]): Uint8Array {
  return formatLines(
    entries.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`),
  );
}

/** The entries, or what is wrong with the text. */
export function parseCheckpoint(text: string): CheckpointEntry[] | string {
  const line = /^(\S+) (\d{1,10}) (\d{1,19})$/;
  const shape = "<topic> <partition> <offset>";
  const entries = parseLines(text, line, shape, ([, topic, partition, offset]) => ({
    topic,
    partition: Number(partition),
    offset: Number(offset),
  }));
  if (typeof entries === "string") return entries;
  const beyond = entries.findIndex(({ offset }) => !Number.isSafeInteger(offset));
  if (beyond < 0) return entries;
  const found = text.split("\n")[beyond + 2];
  return `line ${beyond + 3} is ${JSON.stringify(found)}, needs an offset below 2^53`;
}

/** The frame that all of Kafka's checkpoint files share: version, number of lines, lines. */
export function formatLines(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode([VERSION, lines.length, ...lines, ""].join("\n"));
}

/** What `row` makes of every line, or what is wrong with the text. */
export function parseLines<Row>(
  text: string,
  line: RegExp,
  shape: string,
  row: (match: RegExpExecArray) => Row,
): Row[] | string {
  if (text === "") return []; // Kafka leaves cleaner-offset-checkpoint so at first
  const [version, count, ...lines] = text.split("\n");
  if (version !== String(VERSION)) {
    return `its version is ${JSON.stringify(version)}, needs ${VERSION}`;
  }
  if (lines.at(-1) !== "") return "its last line is cut off";
  lines.pop();
  if (count !== String(lines.length)) {
    return `its second line says ${JSON.stringify(count)}, but ${lines.length} lines follow`;
  }
  const rows: Row[] = [];
  for (const [i, text] of lines.entries()) {
    const match = line.exec(text);
    if (match === null) return `line ${i + 3} is ${JSON.stringify(text)}, needs ${shape}`;
    rows.push(row(match));
  }
  return rows;
}
