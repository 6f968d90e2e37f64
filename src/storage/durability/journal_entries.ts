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
 */
import { readInventory } from "../directory/inventory.ts";
import { markedName } from "../directory/partition_folders.ts";
import { isRestored } from "../directory/restored.ts";
import type { Store } from "../store.ts";
import { type Chain, readChain } from "./journal_chain.ts";
import {
  type EntrySource,
  type JournalEntry,
  maxEntryBytes,
  newSecret,
  voidEntry,
  writeEntry,
} from "./journal_entry.ts";
import { type FileEnd, isOfJournal } from "./journal_head.ts";

export type { JournalEntry } from "./journal_entry.ts";

/** Bytes of a log that are written and not durable yet: one stretch of one segment's file. */
export interface Stretch extends EntrySource {
  /** Says that it is durable now. */
  durable(): void;
}

/** What a crash left behind. */
export interface JournalLeft {
  /** In the order they were written. */
  readonly entries: readonly JournalEntry[];
  /** Why it is not known what the last run acknowledged; null when the entries say exactly that. */
  readonly unknown: string | null;
  /** Whether that is as it should be: there is no journal, since the directory was made of a backup. */
  readonly isRestored: boolean;
  /** Files that are damaged, and where. */
  readonly damaged: readonly { readonly name: string; readonly position: number }[];
  /** The newest run that has a file. */
  readonly run: number | null;
  readonly lastSequence: number;
  /** What a start needs still, should this one be cut off. */
  readonly files: readonly FileEnd[];
}

/** The names of all journal files, oldest number first. */
export function journalFiles(store: Store): string[] {
  return store.list("").filter(({ name, isFolder }) => !isFolder && NAME.test(name))
    .map(({ name }) => name).sort((a, b) => numberOf(a) - numberOf(b));
}

/** Has files of earlier runs on the device as they are read: a kill leaves them in the memory of the machine. */
export async function syncFiles(store: Store, files: readonly FileEnd[]): Promise<void> {
  for (const { number } of files) {
    const blob = store.openInPlace(fileName(number));
    try {
      await blob.sync();
    } finally {
      blob.close();
    }
  }
}

/** So many names in a row that no file has. */
export function freeNames(store: Store, count: number): string[] {
  const taken = journalFiles(store).map(numberOf);
  let first = 0;
  while (taken.some((number) => number >= first && number < first + count)) first++;
  return Array.from({ length: count }, (_, i) => nameOf(first + i));
}

/** Reads what a crash left. `lastRun`: the broker epoch of the last run; without it, the newest that has a file. */
export function readJournal(store: Store, lastRun?: number): JournalLeft {
  const files = journalFiles(store).map((name) => ({ name, ...readChain(store.readAll(name)!) }));
  const inOrder = files.toSorted((a, b) => (a.firstSequence ?? 0) - (b.firstSequence ?? 0));
  const runs = files.flatMap(({ head }) => head === null ? [] : [head.run]);
  const run = runs.length === 0 ? null : Math.max(...runs);
  const isBegun = files.some(({ name }) => name !== REST);
  return {
    isRestored: files.length === 0 && isRestored(store),
    entries: inOrder.flatMap(({ entries }) => entries),
    unknown: !isBegun && hasStopped(store, lastRun) ? null : whyUnknown(files, lastRun ?? run),
    damaged: files.flatMap(({ name, damagedAt }) =>
      damagedAt === null ? [] : [{ name, position: damagedAt }]
    ),
    run,
    lastSequence: Math.max(0, ...files.map(({ lastSequence }) => lastSequence ?? 0)),
    files: files.flatMap((file) => endOf(file)),
  };
}

function endOf({ name, lastSequence }: NamedChain): FileEnd[] {
  return lastSequence === null ? [] : [{ number: numberOf(name), lastSequence }];
}

type NamedChain = Chain & { readonly name: string };

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
  isRestored: false,
  damaged: [],
  run: null,
  lastSequence: 0,
  files: [],
};

/** Why the files do not say exactly what a run acknowledged, or null. */
function whyUnknown(
  files: readonly NamedChain[],
  run: number | null,
): string | null {
  const ofRun = files.filter(({ head }) => head !== null && head.run === run)
    .sort((a, b) => b.head!.turn - a.head!.turn);
  const [newest] = ofRun;
  if (newest === undefined) {
    return `no journal file begins with the head of the last run, of broker epoch ${run}`;
  }
  const { turn, isExact, reliesOn } = newest.head!;
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
  for (const { number, lastSequence } of reliesOn) {
    const needed = files.find(({ name }) => numberOf(name) === number);
    const why = `of which ${newest.name} says that it is needed`;
    if (needed === undefined) return `${fileName(number)} is missing, ${why}`;
    if (needed.lastSequence !== lastSequence || needed.damagedAt !== null) {
      return `${needed.name} is not what it was, ${why}`;
    }
  }
  return null;
}

/**
 * Removes files of an earlier run, whose logs have been recovered. Entries that are needed still, because they may be the
 * only copy of what a damaged log has lost, are put together in one file before. What is damaged, or is no journal, is
 * renamed aside and kept: nobody knows what it has. Before anything goes `onKept` is told what is needed from then on.
 */
export async function dropJournal(
  store: Store,
  names: readonly string[],
  isNeeded: (entry: JournalEntry) => boolean,
  { onAside = () => {}, onKept = () => {} }: {
    readonly onAside?: (details: { file: string; renamed: string; found: string }) => void;
    readonly onKept?: (files: readonly FileEnd[]) => Promise<void> | void;
  } = {},
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
  needed.sort((a, b) => a.sequence - b.sequence);
  if (needed.length > 0) {
    const b = new Uint8Array(
      needed.reduce((sum, one) => sum + maxEntryBytes(one.folder, one.payload.length), 0),
    );
    let at = 0;
    const secret = newSecret();
    for (const [i, one] of needed.entries()) {
      const bytes = one.payload.length, read = (into: Uint8Array) => into.set(one.payload);
      at = writeEntry(b, at, { ...one, bytes, read }, {
        sequence: i + 1,
        durableTo: i + 1,
        secret,
      });
    }
    await store.replace(REST, b.subarray(0, at));
  }
  await onKept(needed.length > 0 ? [{ number: numberOf(REST), lastSequence: needed.length }] : []);
  for (const [name, found] of aside) {
    const renamed = markedName(name, "stray");
    store.rename(name, renamed);
    onAside({ file: name, renamed, found });
  }
  for (const name of names) {
    if (!aside.has(name) && (name !== REST || needed.length === 0)) store.remove(name);
  }
  await store.syncFolder("");
}

/** A mark: an entry without bytes, that says how far a stretch reaches. */
export function markOf(
  { topicId, folder, segmentBase, position, bytes }: EntrySource,
): EntrySource {
  return { topicId, folder, segmentBase, position: position + bytes, bytes: 0, read() {} };
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
    const voided = readChain(b).found.filter(({ entry }) => !isOfJournal(entry) && isVoid(entry));
    for (const one of voided) voidEntry(b, one);
    if (voided.length > 0) await store.replace(name, b);
  }
}

/** What damaged logs may still need of runs that are over. */
const REST = "runnel-journal-rest";
const NAME = /^runnel-journal-(\d{1,9}|rest)$/;
const nameOf = (number: number) => `runnel-journal-${number}`;
const fileName = (number: number) => number < 0 ? REST : nameOf(number);
const numberOf = (name: string) => name === REST ? -1 : Number(name.slice(nameOf(0).length - 1));
