/**
 * HeldNumbers: the highest producer id and leader epochs that the logs of a directory hold, whatever the metadata says:
 * the metadata gave them out once, so that one which knows of lower ones has lost its end. Reads only.
 *
 * Of each log: its producer snapshots, its batches behind what was synced when all was written down last (metadata that is
 * older than that is not accepted), and what the journal has of it. Only intact batches count: of others no number is
 * worth anything, but the epoch, which lies outside the checksum; so that is for the caller to bound.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import * as batch from "../../protocol/records/batch.ts";
import { LeaderEpochs } from "../directory/leader_epochs.ts";
import { folderOf, readUsableInventory } from "../directory/inventory.ts";
import { readPartitionMetadata } from "../directory/partition_metadata.ts";
import { readChain } from "../durability/journal_chain.ts";
import { journalFiles, readJournal } from "../durability/journal_entries.ts";
import { decodeProducerSnapshot } from "../producers/producer_snapshot.ts";
import { segmentBasesOf } from "../segments/segment_files.ts";
import { type Store, StoreError } from "../store.ts";
import { looksLikePartition, METADATA_FOLDER } from "./root_files.ts";
import { SegmentReader } from "./segment_reader.ts";
import { placeBelow } from "./start_within.ts";

export interface HeldNumbers {
  /** -1 for none. */
  readonly producerId: number;
  /** The highest leader epoch of a batch in a folder of this topic id; -1 for none. */
  leaderEpoch(topicId: Uuid, partition: number): number;
}

export const NOTHING_HELD: HeldNumbers = { producerId: -1, leaderEpoch: () => -1 };

/** `lastBrokerEpoch` is of the last registration in the metadata log. */
export function heldNumbers(store: Store, lastBrokerEpoch: number | undefined): HeldNumbers {
  const inventory = readUsableInventory(store, lastBrokerEpoch);
  const synced = new Map(inventory?.logs.map((log) => [folderOf(log), log.recoveryPoint]));
  const epochs = new Map<string, number>();
  let highest = -1;
  const take = (topicId: Uuid | null, folder: string, { producerId, epoch }: Numbers) => {
    const key = `${topicId}/${folder.slice(folder.lastIndexOf("-") + 1)}`;
    highest = Math.max(highest, producerId);
    epochs.set(key, Math.max(epochs.get(key) ?? -1, epoch));
  };
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder || !looksLikePartition(name) || name === METADATA_FOLDER) continue;
    const found = readable(() => ({
      topicId: readPartitionMetadata(store, name),
      numbers: numbersIn(store, name, synced.get(name) ?? 0),
    }));
    if (found !== null) take(found.topicId, name, found.numbers);
  }
  for (const { topicId, folder, payload } of readJournal(store).entries) {
    take(topicId, folder, numbersOf(payload));
  }
  return {
    producerId: highest,
    leaderEpoch: (topicId, partition) => epochs.get(`${topicId}/${partition}`) ?? -1,
  };
}

/** What proves that a folder's log was begun: a byte in it, or a first segment that is not the log's first. */
export function isBegun(store: Store, folder: string): boolean {
  const bases = segmentBasesOf(store.list(folder).map(({ name }) => name));
  if (bases.some((base) => base > 0)) return true;
  if (bases.length > 0) {
    const reader = SegmentReader.open(store, folder, bases[0]), { size } = reader;
    reader.close();
    if (size > 0) return true;
  }
  const topicId = readPartitionMetadata(store, folder);
  return readJournal(store).entries.some((entry) =>
    entry.folder === folder && entry.topicId === topicId && entry.payload.length > 0
  );
}

/**
 * The leader epoch that both a folder's checkpoint and an intact batch speak of, where it is above `known`; else -1. Each
 * alone may be a flipped bit.
 */
export function epochAbove(store: Store, folder: string, known: number): number {
  return readable(() => {
    const { latestEpoch } = LeaderEpochs.load(store, folder);
    if (latestEpoch <= known) return -1;
    const { epoch } = numbersIn(store, folder, Infinity);
    return epoch === latestEpoch ? epoch : -1;
  }) ?? -1;
}

/** Null where a folder cannot be read: that is its partition's affair, and keeps no other from being served. */
export function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return null;
  }
}

/** The broker epoch of the run that began a journal file last; null when none says. */
export function lastJournaledRun(store: Store): number | null {
  let newest = { sequence: -1, run: null as number | null };
  for (const name of journalFiles(store)) {
    const blob = store.open(name), bytes = new Uint8Array(Math.min(blob.size, HEAD_BYTES));
    const { head, firstSequence } = readChain(bytes.subarray(0, blob.read(0, bytes)));
    blob.close();
    const sequence = firstSequence ?? -1;
    if (head !== null && sequence > newest.sequence) newest = { sequence, run: head.run };
  }
  return newest.run;
}

interface Numbers {
  readonly producerId: number;
  readonly epoch: number;
}

/** Of a log's snapshots, and of its batches from about `from` on. */
function numbersIn(store: Store, folder: string, from: number): Numbers {
  const names = store.list(folder).map(({ name }) => name);
  let producerId = -1, epoch = -1, seenTo = from;
  for (const name of names.filter((name) => /^\d{20}\.snapshot$/.test(name))) {
    const entries = decodeProducerSnapshot(store.readAll(`${folder}/${name}`)!);
    if (typeof entries === "string") continue;
    seenTo = Math.max(seenTo, Number(name.slice(0, 20)));
    for (const entry of entries) producerId = Math.max(producerId, plausible(entry.producerId));
  }
  const bases = segmentBasesOf(names);
  const first = Math.max(0, bases.findLastIndex((base) => base <= seenTo));
  for (const [i, base] of bases.entries()) {
    if (i < first) continue;
    const found = numbersInSegment(store, folder, { base, seenTo });
    producerId = Math.max(producerId, found.producerId);
    epoch = Math.max(epoch, found.epoch);
  }
  return { producerId, epoch };
}

function numbersInSegment(
  store: Store,
  folder: string,
  { base, seenTo }: { readonly base: number; readonly seenTo: number },
): Numbers {
  const reader = SegmentReader.open(store, folder, base);
  let producerId = -1, epoch = -1;
  try {
    const next = (position: number) => {
      const bytes = reader.batchAt(position, () => false);
      return bytes !== null && batch.isIntact(bytes) ? bytes : null;
    };
    let position = placeBelow(store, folder, { base, offset: seenTo });
    if (next(position) === null) position = 0; // the index was wrong
    for (let bytes = next(position); bytes !== null; bytes = next(position)) {
      producerId = Math.max(producerId, plausible(batch.producerId(bytes)));
      epoch = Math.max(epoch, batch.partitionLeaderEpoch(bytes));
      position += bytes.length;
    }
  } finally {
    reader.close();
  }
  return { producerId, epoch };
}

function numbersOf(payload: Uint8Array): Numbers {
  let producerId = -1, epoch = -1;
  for (const at of batch.batches(payload)) {
    if (!batch.isIntact(payload, at)) break;
    producerId = Math.max(producerId, plausible(batch.producerId(payload, at)));
    epoch = Math.max(epoch, batch.partitionLeaderEpoch(payload, at));
  }
  return { producerId, epoch };
}

/** A client may write under whatever id it likes; no broker gets to such a one, and above it few would be left. */
function plausible(producerId: number): number {
  return producerId > MAX_GIVEN_ID ? -1 : producerId;
}

const MAX_GIVEN_ID = 2 ** 52;
/** More than a journal file's first entry takes. */
const HEAD_BYTES = 4096;
