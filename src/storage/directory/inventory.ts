/**
 * Inventory: what every log consisted of when it was written down last, in one file with a checksum: `runnel-inventory`
 * in the root of the data directory. Kafka ignores it.
 *
 *     runnel-inventory 1
 *     broker-epoch 17 clean
 *     metadata 55 10234
 *     log 3RfaTK0rRomGYOhr6Tx8xw 0 exact start=0 recovery=100 end=100 compacted=-1 compacting=-1 last=4000:5e6f7a8b snapshot=100:1a2b3c4d epochs=0:0,3:50 segments=0:1000:6d7e8f90,50:5000 orders
 *     crc 9f8e7d6c
 *
 * Logs go by topic id, so that a topic which is made again inherits nothing. The broker epoch says who wrote it: when the
 * metadata log has a later registration, another broker (Apache Kafka) has used the directory since, and none of this
 * counts any more. The log is the only truth: the inventory says what should be there, and where to look first.
 */
import { crc32c } from "../../bytes/crc32c.ts";
import { parseUuid, type Uuid } from "../../bytes/uuid.ts";
import type { EpochEntry } from "./leader_epochs.ts";
import type { Store } from "../store.ts";

export const INVENTORY_FILE = "runnel-inventory";

export interface Inventory {
  /** Of the registration of the broker that wrote it. */
  readonly brokerEpoch: number;
  /** Whether it was written by a clean stop. */
  readonly isClean: boolean;
  /** The metadata log: everything below `endOffset` was synced; bytes of all its segments, exact after a clean stop. */
  readonly metadata: { readonly endOffset: number; readonly bytes: number };
  readonly logs: readonly LogInventory[];
}

export interface LogInventory {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly partition: number;
  /** Whether nothing has been done to the log since: then bytes and ends are what must be found. */
  readonly isExact: boolean;
  readonly logStartOffset: number;
  /** Everything below was synced to the segments' own files. */
  readonly recoveryPoint: number;
  /** Exact: the log end. Otherwise an end that was durable. */
  readonly endOffset: number;
  /** Everything below has been compacted; null when nothing has. */
  readonly compactedTo: number | null;
  /** A pass of the cleaner is joining segments below this; null when none is. */
  readonly compactingTo: number | null;
  /** The last batch of the last segment that has any: its position and checksum. Null when not known, or there is none. */
  readonly lastBatch: { readonly position: number; readonly crc: number } | null;
  /** The newest producer snapshot: the offset it is named after and its own checksum. */
  readonly snapshot: { readonly offset: number; readonly crc: number } | null;
  readonly epochs: readonly EpochEntry[];
  /**
   * Ascending. Of those whose end lies below the recovery point the bytes are what must be found; of the others, what was
   * synced for certain, which they have at least.
   */
  readonly segments: readonly SegmentInventory[];
}

/** No segment that ends above was ever compacted, nor is by a pass under way. */
export function everCompactedTo({ compactedTo, compactingTo }: LogInventory): number {
  return Math.max(compactedTo ?? 0, compactingTo ?? 0);
}

export interface SegmentInventory {
  readonly baseOffset: number;
  readonly bytes: number;
  /** Checksum of the first batch, once that is synced: no other log's file has it. */
  readonly head?: number;
}

export function encodeInventory(inventory: Inventory): Uint8Array {
  const { brokerEpoch, isClean, metadata, logs } = inventory;
  const lines = [
    FIRST_LINE,
    `broker-epoch ${brokerEpoch} ${isClean ? "clean" : "running"}`,
    `metadata ${metadata.endOffset} ${metadata.bytes}`,
  ];
  for (const log of logs) lines.push(lineOf(log));
  const body = new TextEncoder().encode(lines.join("\n") + "\n");
  const bytes = new Uint8Array(body.length + CRC_LINE_BYTES);
  bytes.set(body);
  bytes.set(new TextEncoder().encode(`crc ${hex(crc32c(body))}\n`), body.length);
  return bytes;
}

/** The inventory, or what is wrong with the bytes. */
export function decodeInventory(bytes: Uint8Array): Inventory | string {
  const bodyBytes = bytes.length - CRC_LINE_BYTES;
  if (bodyBytes <= 0) return `it is ${bytes.length} bytes, needs more`;
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, bodyBytes));
  const crcLine = new TextDecoder("latin1").decode(bytes.subarray(bodyBytes));
  const expected = `crc ${hex(crc32c(bytes, 0, bodyBytes))}\n`;
  if (crcLine !== expected) {
    return `its last line is ${JSON.stringify(crcLine)}, needs ${JSON.stringify(expected)}`;
  }
  const [first, second, third, ...rest] = text.split("\n");
  if (first !== FIRST_LINE) return `its first line is ${JSON.stringify(first)}`;
  const run = /^broker-epoch (-?\d{1,16}) (clean|running)$/.exec(second);
  const metadata = /^metadata (\d{1,16}) (\d{1,16})$/.exec(third);
  if (run === null) return `its second line is ${JSON.stringify(second)}`;
  if (metadata === null) return `its third line is ${JSON.stringify(third)}`;
  rest.pop(); // behind the last newline
  const logs: LogInventory[] = [];
  for (const [i, line] of rest.entries()) {
    const log = parseLine(line);
    if (log === null) return `line ${i + 4} is ${JSON.stringify(line)}`;
    logs.push(log);
  }
  return {
    brokerEpoch: Number(run[1]),
    isClean: run[2] === "clean",
    metadata: { endOffset: Number(metadata[1]), bytes: Number(metadata[2]) },
    logs,
  };
}

/** What a directory holds: the inventory, why it cannot be used, or null when there is none. */
export function readInventory(store: Store): Inventory | string | null {
  const bytes = store.readAll(INVENTORY_FILE);
  return bytes === null ? null : decodeInventory(bytes);
}

/** Whether the last stop wrote down where the metadata log ended. */
export function isMarkedExact(store: Store): boolean {
  const found = readInventory(store);
  return found !== null && typeof found !== "string" && found.isClean;
}

/** Why a start passes over an inventory; null when it counts, or there is none. */
export function inventoryProblem(
  found: Inventory | string | null,
  lastBrokerEpoch: number | undefined,
): string | null {
  if (found === null) return null;
  if (typeof found === "string") return `is of no use: ${found}`;
  return lastBrokerEpoch !== undefined && found.brokerEpoch !== lastBrokerEpoch
    ? `is of broker epoch ${found.brokerEpoch}, and the last was ${lastBrokerEpoch}`
    : null;
}

/** The inventory of a directory, when it counts. */
export function readUsableInventory(
  store: Store,
  lastBrokerEpoch: number | undefined,
): Inventory | null {
  const found = readInventory(store);
  return inventoryProblem(found, lastBrokerEpoch) === null ? found as Inventory | null : null;
}

/** Replaces the file. */
export function writeInventory(store: Store, inventory: Inventory): Promise<void> {
  return store.replace(INVENTORY_FILE, encodeInventory(inventory));
}

/** Where a repair cuts a log, and the bytes of its segments in front of that, which it has made whole. */
export interface CutPlace {
  readonly segmentBase: number;
  readonly position: number;
  readonly bytesOf: (baseOffset: number) => number;
}

/** Makes the inventory forget what a repair cuts off a log: every offset above `endOffset`, and other sizes than are there. */
export async function forgetInInventory(
  store: Store,
  folder: string,
  endOffset: number,
  cut?: CutPlace,
): Promise<void> {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") return;
  const logs = inventory.logs.map((log) => {
    if (folderOf(log) !== folder) return log;
    const left = forgetAbove(log, endOffset);
    return cut === undefined ? left : asCut(left, cut);
  });
  await writeInventory(store, { ...inventory, logs });
}

function asCut(log: LogInventory, { segmentBase, position, bytesOf }: CutPlace): LogInventory {
  const segments = log.segments.filter(({ baseOffset }) => baseOffset <= segmentBase)
    .map(({ head, ...segment }) => {
      const isCut = segment.baseOffset === segmentBase;
      const keepsHead = head !== undefined && (!isCut || position > 0);
      const bytes = isCut || segment.bytes === 0 ? 0 : bytesOf(segment.baseOffset);
      return { ...segment, bytes, ...keepsHead && { head } };
    });
  return { ...log, isExact: false, lastBatch: null, segments };
}

/** A row of a log that was made since the inventory was written: it begins at `offset`. */
function newRow(folder: string, topicId: Uuid, offset: number): LogInventory {
  const dash = folder.lastIndexOf("-");
  return {
    topicId,
    topic: folder.slice(0, dash),
    partition: Number(folder.slice(dash + 1)),
    isExact: false,
    logStartOffset: offset,
    recoveryPoint: 0,
    endOffset: offset,
    compactedTo: null,
    compactingTo: null,
    lastBatch: null,
    snapshot: null,
    epochs: [],
    segments: [],
  };
}

/** The rows, with one for this log. */
function withRow(
  logs: readonly LogInventory[],
  folder: string,
  topicId: Uuid | null,
  offset: number,
) {
  const isThere = topicId === null ||
    logs.some((log) => folderOf(log) === folder && log.topicId === topicId);
  return isThere ? logs : [...logs, newRow(folder, topicId, offset)];
}

/** Makes the inventory say of a log that it begins at `offset`, and has nothing yet. */
export async function beginInInventory(
  store: Store,
  folder: string,
  { offset, topicId }: { offset: number; topicId: Uuid | null },
): Promise<void> {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") return;
  const empty = { isExact: false, lastBatch: null, snapshot: null, epochs: [], segments: [] };
  const ends = { logStartOffset: offset, recoveryPoint: offset, endOffset: offset };
  const uncompacted = { compactedTo: null, compactingTo: null };
  const logs = withRow(inventory.logs, folder, topicId, offset).map((log) =>
    folderOf(log) === folder ? { ...log, ...empty, ...ends, ...uncompacted } : log
  );
  await writeInventory(store, { ...inventory, logs });
}

/** Makes the inventory say of a log that it begins with the segment at `offset`. */
export async function raiseStartInInventory(
  store: Store,
  folder: string,
  { offset, topicId }: { offset: number; topicId: Uuid | null },
): Promise<void> {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") return;
  const logs = withRow(inventory.logs, folder, topicId, offset).map((log) => {
    if (folderOf(log) !== folder) return log;
    const segments = log.segments.filter(({ baseOffset }) => baseOffset >= offset);
    return { ...log, isExact: false, logStartOffset: offset, segments };
  });
  await writeInventory(store, { ...inventory, logs });
}

/** Makes the inventory agree with a metadata log that a repair has cut, and whose last registration is another now. */
export async function lowerMetadataEnd(
  store: Store,
  { endOffset, bytes, brokerEpoch }: { endOffset: number; bytes: number; brokerEpoch: number },
): Promise<void> {
  const inventory = readInventory(store);
  if (inventory === null || typeof inventory === "string") return;
  await writeInventory(store, {
    ...inventory,
    isClean: false,
    brokerEpoch: Math.min(inventory.brokerEpoch, brokerEpoch),
    metadata: { endOffset, bytes },
  });
}

/** What is to be forgotten of one log that was cut. What is left of the segment that holds the end is for recovery to see. */
export function forgetAbove(log: LogInventory, endOffset: number): LogInventory {
  const forgotten = (offset: number | null) =>
    offset === null || offset > endOffset ? null : offset;
  const segments = log.segments.filter(({ baseOffset }) => baseOffset <= endOffset);
  // The end of a running broker's row is its high watermark; what was synced may lie above.
  const isCut = endOffset < Math.max(log.endOffset, log.recoveryPoint) ||
    segments.length < log.segments.length;
  const compacted = everCompactedTo(log);
  const wasCompacted = log.compactingTo !== null || forgotten(log.compactedTo) !== log.compactedTo;
  const last = segments.at(-1);
  if (isCut && last !== undefined) segments[segments.length - 1] = { ...last, bytes: 0 };
  return {
    ...log,
    isExact: log.isExact && !isCut,
    logStartOffset: Math.min(log.logStartOffset, endOffset),
    recoveryPoint: Math.min(log.recoveryPoint, endOffset),
    endOffset: Math.min(log.endOffset, endOffset),
    compactedTo: forgotten(log.compactedTo),
    compactingTo: wasCompacted ? Math.min(compacted, endOffset) : null, // what is left may have gaps
    lastBatch: isCut ? null : log.lastBatch,
    snapshot: forgotten(log.snapshot?.offset ?? null) === null ? null : log.snapshot,
    epochs: log.epochs.filter(({ startOffset }) => startOffset < endOffset),
    segments,
  };
}

/** "orders-0" */
export function folderOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}-${partition}`;
}

const FIRST_LINE = "runnel-inventory 1";
const CRC_LINE_BYTES = "crc 00000000\n".length;

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

function lineOf(log: LogInventory): string {
  const segments = log.segments.map(({ baseOffset, bytes, head }) =>
    head === undefined ? `${baseOffset}:${bytes}` : `${baseOffset}:${bytes}:${hex(head)}`
  );
  const epochs = log.epochs.map(({ epoch, startOffset }) => `${epoch}:${startOffset}`);
  const snapshot = log.snapshot === null ? "-1" : `${log.snapshot.offset}:${hex(log.snapshot.crc)}`;
  const last = log.lastBatch === null
    ? "-1"
    : `${log.lastBatch.position}:${hex(log.lastBatch.crc)}`;
  return `log ${log.topicId} ${log.partition} ${log.isExact ? "exact" : "used"}` +
    ` start=${log.logStartOffset} recovery=${log.recoveryPoint} end=${log.endOffset}` +
    ` compacted=${log.compactedTo ?? -1} compacting=${log.compactingTo ?? -1}` +
    ` last=${last} snapshot=${snapshot}` +
    ` epochs=${epochs.join(",")} segments=${segments.join(",")} ${log.topic}`;
}

const LINE = new RegExp(
  "^log (\\S{22}) (\\d{1,10}) (exact|used) start=(\\d+) recovery=(\\d+) end=(\\d+)" +
    " compacted=(-1|\\d+) compacting=(-1|\\d+) last=(-1|\\d+:[0-9a-f]{8}) snapshot=(-1|\\d+:[0-9a-f]{8})" +
    " epochs=([\\d:,]*) segments=([\\da-f:,]*) (\\S+)$",
);

function parseLine(line: string): LogInventory | null {
  const match = LINE.exec(line);
  if (match === null) return null;
  const [, id, partition, exact, start, recovery, end, compacted, compacting, last] = match;
  const [, , , , , , , , , , snapshot, epochs, segments, topic] = match;
  const topicId = parseUuid(id), epochPairs = pairs(epochs), found = segmentsIn(segments);
  const numbers = [start, recovery, end, compacted, compacting].map(Number);
  const lastBatch = numbered(last), newest = numbered(snapshot);
  if (topicId === null || epochPairs === null || found === null) return null;
  if (!numbers.every(Number.isSafeInteger)) return null;
  if (lastBatch === undefined || newest === undefined) return null;
  const orNull = (value: number) => value < 0 ? null : value;
  return {
    topicId,
    topic,
    partition: Number(partition),
    isExact: exact === "exact",
    logStartOffset: numbers[0],
    recoveryPoint: numbers[1],
    endOffset: numbers[2],
    compactedTo: orNull(numbers[3]),
    compactingTo: orNull(numbers[4]),
    lastBatch: lastBatch && { position: lastBatch.number, crc: lastBatch.crc },
    snapshot: newest && { offset: newest.number, crc: newest.crc },
    epochs: epochPairs.map(([epoch, startOffset]) => ({ epoch, startOffset })),
    segments: found,
  };
}

/** "100:1a2b3c4d"; null for "-1", undefined when the number is none. */
function numbered(text: string): { number: number; crc: number } | null | undefined {
  if (text === "-1") return null;
  const [number, crc] = text.split(":");
  return Number.isSafeInteger(Number(number))
    ? { number: Number(number), crc: parseInt(crc, 16) }
    : undefined;
}

/** "0:1000:1a2b3c4d,50:5000"; null when it is none. */
function segmentsIn(text: string): SegmentInventory[] | null {
  const found: SegmentInventory[] = [];
  for (const one of text === "" ? [] : text.split(",")) {
    const match = /^(\d+):(\d+)(?::([0-9a-f]{8}))?$/.exec(one);
    if (match === null) return null;
    const baseOffset = Number(match[1]), bytes = Number(match[2]);
    if (!Number.isSafeInteger(baseOffset) || !Number.isSafeInteger(bytes)) return null;
    const head = match[3] === undefined ? {} : { head: parseInt(match[3], 16) };
    found.push({ baseOffset, bytes, ...head });
  }
  return found;
}

/** "0:1000,50:5000"; null when a number is none. */
function pairs(text: string): [number, number][] | null {
  if (text === "") return [];
  const found: [number, number][] = [];
  for (const pair of text.split(",")) {
    const [left, right, ...more] = pair.split(":").map(Number);
    if (more.length > 0 || !Number.isSafeInteger(left) || !Number.isSafeInteger(right)) return null;
    found.push([left, right]);
  }
  return found;
}
