/**
 * The journal's files and entries: what a crash leaves, and what a start reads.
 *
 * A run of the broker has two files of its own, whose numbers are free; those of an earlier run stay until every log they
 * speak of has been recovered and is on the device. A file is a chain of entries from its first byte on, which ends at the
 * first that is not whole or does not follow: what an earlier turn left behind it has older numbers.
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
 * | 54 | 2 | zero |
 * | 56 | | folder name, payload |
 */
import { crc32c } from "../../bytes/crc32c.ts";
import {
  readInt16,
  readInt32,
  readInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../../bytes/int64.ts";
import { readUuid, type Uuid, writeUuid, ZERO_UUID } from "../../bytes/uuid.ts";
import type { Store } from "../store.ts";

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

/** An entry found after a crash. */
export interface JournalEntry {
  readonly sequence: number;
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly payload: Uint8Array;
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

/** The entries that a crash left behind, in the order they were written. */
export function readJournal(store: Store): JournalEntry[] {
  const chains = journalFiles(store).map((name) => entriesIn(store.readAll(name)!));
  chains.sort((a, b) => (a[0]?.sequence ?? 0) - (b[0]?.sequence ?? 0));
  return chains.flat();
}

/**
 * Removes files of an earlier run, whose logs have been recovered. Entries that are needed still, because they may be the
 * only copy of what a damaged log has lost, are put together in one file before.
 */
export async function dropJournal(
  store: Store,
  names: readonly string[],
  isNeeded: (entry: JournalEntry) => boolean,
): Promise<void> {
  if (names.length === 0) return;
  const needed = names.flatMap((name) => entriesIn(store.readAll(name) ?? new Uint8Array(0)))
    .filter(isNeeded).sort((a, b) => a.sequence - b.sequence);
  if (needed.length > 0) {
    const size = (one: JournalEntry) => maxEntryBytes(one.folder, one.payload.length);
    const b = new Uint8Array(needed.reduce((sum, one) => sum + size(one), 0));
    let at = 0;
    for (const [i, one] of needed.entries()) {
      const bytes = one.payload.length, read = (into: Uint8Array) => into.set(one.payload);
      at = writeEntry(b, at, { ...one, bytes, read }, i + 1);
    }
    await store.replace(REST, b.subarray(0, at));
  }
  for (const name of names) if (name !== REST || needed.length === 0) store.remove(name);
  await store.syncFolder("");
}

/** Whether the last run had a journal, so that of a log without an entry nothing was acknowledged in it. */
export function wasJournaled(store: Store): boolean {
  return journalFiles(store).some((name) => name !== REST);
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
  sequence: number,
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
  writeInt16(b, at + 54, 0);
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
    const found = entriesIn(b).filter(isVoid);
    for (const { folder, payload } of found) {
      const end = payload.byteOffset + payload.length;
      const at = payload.byteOffset - encoder.encode(folder).length - HEADER_BYTES;
      writeUuid(b, at + 16, ZERO_UUID);
      writeInt32(b, at + 4, crc32c(b, at + 8, end));
    }
    if (found.length > 0) await store.replace(name, b);
  }
}

/** The unbroken chain of entries from the start of a file. */
function entriesIn(b: Uint8Array): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let at = 0; at + HEADER_BYTES <= b.length;) {
    const payloadBytes = readInt32(b, at + 48), nameBytes = readInt16(b, at + 52);
    const payloadAt = at + HEADER_BYTES + nameBytes, end = payloadAt + payloadBytes;
    if (readInt32(b, at) !== MAGIC || payloadBytes < 0 || nameBytes < 0 || end > b.length) break;
    if (crc32c(b, at + 8, end) !== readInt32(b, at + 4) >>> 0) break;
    const sequence = readInt64(b, at + 8);
    if (entries.length > 0 && sequence !== entries[entries.length - 1].sequence + 1) break;
    entries.push({
      sequence,
      topicId: readUuid(b, at + 16),
      folder: decoder.decode(b.subarray(at + HEADER_BYTES, payloadAt)),
      segmentBase: readInt64(b, at + 32),
      position: readInt64(b, at + 40),
      payload: b.subarray(payloadAt, end),
    });
    at = end;
  }
  return entries;
}

/** What damaged logs may still need of runs that are over. */
const REST = "runnel-journal-rest";
const NAME = /^runnel-journal-(\d{1,9}|rest)$/;
const nameOf = (number: number) => `runnel-journal-${number}`;
const numberOf = (name: string) => name === REST ? -1 : Number(name.slice(nameOf(0).length - 1));
const MAGIC = 0x524e4a31;
const HEADER_BYTES = 56;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
