/**
 * The journal's files and entries: what a crash leaves, and what a start reads.
 *
 * A run of the broker has two files of its own, whose numbers are free; those of an earlier run stay until every log they
 * speak of has been recovered and is on the device. A file is a chain of entries from its first byte on (journal_chain.ts):
 * what an earlier turn left behind it has older numbers. Its first entry is a head, which is on the device before any
 * other is written; its last, once the other file has its own head, is a close. Both are of the zero topic id.
 *
 * So what was acknowledged is known exactly when of the last run the newest file is there, not closed and not damaged, and
 * the one before it as well. Otherwise, whatever the reason, nothing follows from what the journal does not have.
 *
 * One entry:
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 4 | magic, 0x524e4a31 ("RNJ1") |
 * | 4 | 4 | CRC-32C of everything after it |
 * | 8 | 8 | sequence number, one more than the entry before |
 * | 16 | 16 | topic id |
 * | 32 | 8 | base offset of the segment |
 * | 40 | 8 | position in the segment's file |
 * | 48 | 4 | bytes of payload; none in a mark, which says that the log's own file was synced up to the position |
 * | 52 | 2 | bytes of folder name |
 * | 54 | 2 | one more than the number of entries before it that were not durable yet; 0 or 0xffff: not told |
 * | 56 | | folder name, payload |
 */
import { crc32c } from "../../bytes/crc32c.ts";
import { writeInt16, writeInt32, writeInt64 } from "../../bytes/int64.ts";
import { type Uuid, writeUuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { readInventory } from "../directory/inventory.ts";
import { markedName } from "../directory/partition_folders.ts";
import type { Store } from "../store.ts";
import {
  type Chain,
  HEADER_BYTES,
  type JournalEntry,
  MAGIC,
  readChain,
  UNTOLD,
} from "./journal_chain.ts";

export type { JournalEntry } from "./journal_chain.ts";

/** Bytes of a log that are written and not durable yet: one stretch of one segment's file. */
export interface Stretch {
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly bytes: number;
  /** Copies the stretch into `into`. */
  read(into: Uint8Array): void;
  /** Says that it is durable now. */
  durable(): void;
}

/** What a crash left behind. */
export interface JournalLeft {
  /** In the order they were written. */
  readonly entries: readonly JournalEntry[];
  /** Why it is not known what the last run acknowledged; null when the entries say exactly that. */
  readonly unknown: string | null;
  /** Files that are damaged, and where. */
  readonly damaged: readonly { readonly name: string; readonly position: number }[];
  /** The newest run that has a file. */
  readonly run: number | null;
  readonly lastSequence: number;
}

/** The names of all journal files, oldest number first. */
export function journalFiles(store: Store): string[] {
  return store.list("").filter(({ name, isFolder }) => !isFolder && NAME.test(name))
    .map(({ name }) => name).sort((a, b) => numberOf(a) - numberOf(b));
}

/** Two names that no file has. */
export function freeNames(store: Store): [string, string] {
  const taken = new Set(journalFiles(store).map(numberOf));
  let first = 0;
  while (taken.has(first) || taken.has(first + 1)) first++;
  return [nameOf(first), nameOf(first + 1)];
}

/** Reads what a crash left. `lastRun`: the broker epoch of the last run; without it, the newest that has a file. */
export function readJournal(store: Store, lastRun?: number): JournalLeft {
  const files = journalFiles(store).map((name) => ({ name, ...readChain(store.readAll(name)!) }));
  const inOrder = files.toSorted((a, b) => (a.firstSequence ?? 0) - (b.firstSequence ?? 0));
  const runs = files.flatMap(({ head }) => head === null ? [] : [head.run]);
  const run = runs.length === 0 ? null : Math.max(...runs);
  const isBegun = files.some(({ name }) => name !== REST);
  return {
    entries: inOrder.flatMap(({ entries }) => entries),
    unknown: !isBegun && hasStopped(store, lastRun) ? null : whyUnknown(files, lastRun ?? run),
    damaged: files.flatMap(({ name, damagedAt }) =>
      damagedAt === null ? [] : [{ name, position: damagedAt }]
    ),
    run,
    lastSequence: Math.max(0, ...files.map(({ lastSequence }) => lastSequence ?? 0)),
  };
}

/** Whether no run was ever here, or the last had synced all and put its journal away, when its stop was cut off. */
function hasStopped(store: Store, lastRun: number | undefined): boolean {
  const inventory = readInventory(store);
  if (inventory === null) return lastRun === undefined;
  if (typeof inventory === "string") return false;
  return inventory.isClean && (lastRun ?? inventory.brokerEpoch) === inventory.brokerEpoch;
}

/** What a clean stop leaves: nothing, and nothing is needed. */
export const NOTHING_LEFT: JournalLeft = {
  entries: [],
  unknown: null,
  damaged: [],
  run: null,
  lastSequence: 0,
};

/** Why the files do not say exactly what a run acknowledged, or null. */
function whyUnknown(
  files: readonly (Chain & { readonly name: string })[],
  run: number | null,
): string | null {
  const ofRun = files.filter(({ head }) => head !== null && head.run === run)
    .sort((a, b) => b.head!.turn - a.head!.turn);
  const [newest] = ofRun;
  if (newest === undefined) {
    return `no journal file begins with the head of the last run, of broker epoch ${run}`;
  }
  const { turn, isExact } = newest.head!;
  const before = ofRun.find(({ head }) => head!.turn === turn - 1);
  if (!isExact) return `${newest.name} says that not all is in it, or was when its run began`;
  if (newest.isClosed) {
    return `${newest.name} is closed, and the file ${turn + 1} behind it is missing`;
  }
  if (turn > 0 && before === undefined) {
    return `${newest.name} is file ${turn} of its run, and file ${turn - 1} is missing`;
  }
  for (
    const { name, damagedAt, isCutShort } of before === undefined ? [newest] : [newest, before]
  ) {
    if (damagedAt !== null) return `${name} is damaged at position ${damagedAt}`;
    if (isCutShort) return `${name} ends within what was written`;
  }
  if (before?.isClosed === false && newest.entries.length > 0) {
    return `${before.name} does not reach to where ${newest.name} goes on`;
  }
  return null;
}

/**
 * Removes files of an earlier run, whose logs have been recovered. Entries that are needed still, because they may be the
 * only copy of what a damaged log has lost, are put together in one file before. What is damaged, or is no journal, is
 * renamed aside and kept: nobody knows what it has.
 */
export async function dropJournal(
  store: Store,
  names: readonly string[],
  isNeeded: (entry: JournalEntry) => boolean,
  onAside: (details: { file: string; renamed: string; found: string }) => void = () => {},
): Promise<void> {
  if (names.length === 0) return;
  const needed: JournalEntry[] = [], aside = new Map<string, string>();
  for (const name of names) {
    const chain = readChain(store.readAll(name) ?? new Uint8Array(0));
    for (const entry of chain.entries) if (isNeeded(entry)) needed.push(entry);
    const { damagedAt, firstSequence, isBlank } = chain;
    if (damagedAt !== null) aside.set(name, `damage at position ${damagedAt}`);
    else if (firstSequence === null && !isBlank) aside.set(name, "no journal entry in it");
  }
  for (const [name, found] of aside) {
    const renamed = markedName(name, "stray");
    store.rename(name, renamed);
    onAside({ file: name, renamed, found });
  }
  needed.sort((a, b) => a.sequence - b.sequence);
  if (needed.length > 0) {
    const size = (one: JournalEntry) => maxEntryBytes(one.folder, one.payload.length);
    const b = new Uint8Array(needed.reduce((sum, one) => sum + size(one), 0));
    let at = 0;
    for (const [i, one] of needed.entries()) {
      const bytes = one.payload.length, read = (into: Uint8Array) => into.set(one.payload);
      at = writeEntry(b, at, { ...one, bytes, read }, { sequence: i + 1, durableTo: i + 1 });
    }
    await store.replace(REST, b.subarray(0, at));
  }
  for (const name of names) {
    if (!aside.has(name) && (name !== REST || needed.length === 0)) store.remove(name);
  }
  await store.syncFolder("");
}

/** A mark: an entry without bytes, that says how far a stretch reaches. */
export function markOf(stretch: Omit<Stretch, "durable">): Omit<Stretch, "durable"> {
  const { topicId, folder, segmentBase, position, bytes } = stretch;
  return { topicId, folder, segmentBase, position: position + bytes, bytes: 0, read: () => {} };
}

/** What an entry takes at most. */
export function maxEntryBytes(folder: string, payloadBytes: number): number {
  return HEADER_BYTES + folder.length * 3 + payloadBytes;
}

/** Writes an entry at `at`; the position behind it. */
export function writeEntry(
  b: Uint8Array,
  at: number,
  stretch: Omit<Stretch, "durable">,
  { sequence, durableTo }: { sequence: number; durableTo: number },
): number {
  const name = encoder.encodeInto(stretch.folder, b.subarray(at + HEADER_BYTES)).written;
  const payloadAt = at + HEADER_BYTES + name, end = payloadAt + stretch.bytes;
  stretch.read(b.subarray(payloadAt, end));
  writeInt32(b, at, MAGIC);
  writeInt64(b, at + 8, sequence);
  writeUuid(b, at + 16, stretch.topicId);
  writeInt64(b, at + 32, stretch.segmentBase);
  writeInt64(b, at + 40, stretch.position);
  writeInt32(b, at + 48, stretch.bytes);
  writeInt16(b, at + 52, name);
  writeInt16(b, at + 54, Math.min(Math.max(0, sequence - durableTo) + 1, UNTOLD));
  writeInt32(b, at + 4, crc32c(b, at + 8, end));
  return end;
}

/**
 * Takes entries out of the journal of a stopped broker, so that no start puts back what was cut on purpose. The others stay
 * what they were: an entry taken out keeps its place in the chain, under a topic id that nothing has.
 */
export async function voidEntries(
  store: Store,
  isVoid: (entry: JournalEntry) => boolean,
): Promise<void> {
  for (const name of journalFiles(store)) {
    const b = store.readAll(name)!.slice();
    const found = readChain(b).entries.filter(isVoid);
    for (const { folder, payload } of found) {
      const end = payload.byteOffset + payload.length;
      const at = payload.byteOffset - encoder.encode(folder).length - HEADER_BYTES;
      writeUuid(b, at + 16, ZERO_UUID);
      writeInt32(b, at + 4, crc32c(b, at + 8, end));
    }
    if (found.length > 0) await store.replace(name, b);
  }
}

/** What damaged logs may still need of runs that are over. */
const REST = "runnel-journal-rest";
const NAME = /^runnel-journal-(\d{1,9}|rest)$/;
const nameOf = (number: number) => `runnel-journal-${number}`;
const numberOf = (name: string) => name === REST ? -1 : Number(name.slice(nameOf(0).length - 1));
const encoder = new TextEncoder();
