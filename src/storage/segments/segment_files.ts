/**
 * Segment files by name: what renames and removals of whole segments come down to.
 *
 * | suffix | means | at the next start |
 * |---|---|---|
 * | `.cleaned` | compaction is writing it | removed |
 * | `.swap` | compacted and synced: takes the place of the segments it was made from | finished |
 * | `.deleted` | waits for file.delete.delay.ms | removed |
 * | `.stray`, `.stray.2`, … | a segment that is no part of the log, put aside | left alone, as Kafka does |
 *
 * Base offsets above 2^53 - 1 cannot be told apart as numbers, and no log reaches them: files with such names are put aside,
 * since a Kafka that takes the directory over would make them the active segment.
 *
 * The `.log` is renamed and removed last: while it is there, under whatever name, so is everything that belongs to it.
 */
import { segmentName } from "./segment.ts";
import type { Store } from "../store.ts";

export const CLEANED = ".cleaned";
export const SWAP = ".swap";
export const DELETED = ".deleted";
export const STRAY = ".stray";

const INDEXES = [".txnindex", ".index", ".timeindex"];
/** A segment's own files, the log last. */
export const SEGMENT_FILES = [...INDEXES, ".log"];
/** With the producer snapshot, which belongs to the offset the segment begins at. */
export const SEGMENT_FILES_AND_SNAPSHOT = [".snapshot", ...SEGMENT_FILES];

/** Renames those of a segment's files that exist. */
export function renameSegment(
  store: Store,
  folder: string,
  baseOffset: number,
  change: { from: string; to: string; files: readonly string[] },
): void {
  const present = new Set(store.list(folder).map(({ name }) => name));
  for (const file of change.files) {
    const name = segmentName(baseOffset) + file;
    if (!present.has(name + change.from)) continue;
    store.rename(`${folder}/${name}${change.from}`, `${folder}/${name}${change.to}`);
  }
}

/** Removes a segment's files with this suffix; absent ones are fine. */
export function removeSegment(
  store: Store,
  folder: string,
  baseOffset: number,
  { suffix, files }: { suffix: string; files: readonly string[] },
): void {
  for (const file of files) {
    store.remove(`${folder}/${segmentName(baseOffset)}${file}${suffix}`);
  }
}

/** Takes a closed segment's files out of the log, and off the disk `delayMs` later. */
export function discardSegment(
  { store, later }: { store: Store; later?: (delayMs: number, work: () => Promise<void>) => void },
  folder: string,
  baseOffset: number,
  { files, delayMs }: { files: readonly string[]; delayMs: number },
): void {
  if (later === undefined) return removeSegment(store, folder, baseOffset, { suffix: "", files });
  renameSegment(store, folder, baseOffset, { from: "", to: DELETED, files });
  later(delayMs, async () => {
    for (const file of files) {
      await store.removeAsync(`${folder}/${segmentName(baseOffset)}${file}${DELETED}`);
    }
  });
}

/** The base offset and the parts of a name such as "00000000000000000042.log.swap"; null when it is none. */
export function parseSegmentFile(
  name: string,
): { baseOffset: number; file: string; suffix: string } | null {
  const match = /^(\d{20})(\.[a-z]+)(\.cleaned|\.swap|\.deleted)?$/.exec(name);
  if (match === null || !Number.isSafeInteger(Number(match[1]))) return null;
  return { baseOffset: Number(match[1]), file: match[2], suffix: match[3] ?? "" };
}

/** The base offsets of the segments among these names, ascending. */
export function segmentBasesOf(names: readonly string[]): number[] {
  return names.map(parseSegmentFile)
    .filter((parsed) => parsed?.file === ".log" && parsed.suffix === "")
    .map((parsed) => parsed!.baseOffset).sort((a, b) => a - b);
}

/** Names of files that look like a segment's and are none, since no log reaches such offsets. */
export function beyondAnyOffset(names: readonly string[]): string[] {
  return names.filter((name) =>
    /^\d{20}\./.test(name) && !name.endsWith(STRAY) &&
    !Number.isSafeInteger(Number(name.slice(0, 20)))
  );
}

/** Puts them aside. What was done, in words. */
export function setBeyondAside(store: Store, folder: string, names: readonly string[]): string[] {
  const taken = new Set(names);
  return beyondAnyOffset(names).map((name) => {
    const aside = asideName(name, taken);
    store.rename(`${folder}/${name}`, `${folder}/${aside}`);
    return `${name} is renamed to ${aside}: no offset is above ${Number.MAX_SAFE_INTEGER}`;
  });
}

/**
 * Renames the files of a segment of a folder out of the way, so that nothing takes them for a part of the log. Their
 * bytes stay, and those of earlier ones.
 */
export function setSegmentAside(
  store: Store,
  folder: string,
  names: readonly string[],
  baseOffset: number,
): void {
  const taken = new Set(names), own = `${segmentName(baseOffset)}.`;
  const files = names.filter((name) => name.startsWith(own) && !isStray(name));
  for (const name of files.sort((a, b) => Number(isLog(a)) - Number(isLog(b)))) {
    store.rename(`${folder}/${name}`, `${folder}/${asideName(name, taken)}`);
  }
}

/** A name that no file has, for one that is put aside. */
export function asideName(name: string, taken: Set<string>): string {
  let aside = name + STRAY;
  for (let n = 2; taken.has(aside); n++) aside = `${name}${STRAY}.${n}`;
  taken.add(aside);
  return aside;
}

function isLog(name: string): boolean {
  return name.endsWith(".log");
}

function isStray(name: string): boolean {
  return /\.stray(\.\d+)?$/.test(name);
}
