/**
 * ProducerSnapshot: Kafka's `<offset>.snapshot`: what a partition knew of its producers before that offset, so that
 * opening a log need not read all of it.
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 2 | version, 1 |
 * | 2 | 4 | CRC-32C of everything from 6 on |
 * | 6 | 4 | number of entries |
 * | 10 | 46 each | entries |
 *
 * | at | bytes | field of an entry |
 * |---|---|---|
 * | 0 | 8 | producer id |
 * | 8 | 2 | producer epoch |
 * | 10 | 4 | last sequence, -1: no batch of this epoch |
 * | 14 | 8 | last offset, -1: no batch of this epoch |
 * | 22 | 4 | last offset less first offset, of the last batch |
 * | 26 | 8 | timestamp of the last batch or marker, ms |
 * | 34 | 4 | coordinator epoch, -1: no marker yet |
 * | 38 | 8 | first offset of the open transaction, -1: none |
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

export interface ProducerSnapshotEntry {
  readonly producerId: number;
  readonly epoch: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestampMs: number;
  readonly coordinatorEpoch: number;
  readonly currentTxnFirstOffset: number;
}

const VERSION = 1;
const CRC_AT = 2, CRC_FROM = 6, HEADER_BYTES = 10, ENTRY_BYTES = 46;

export function encodeProducerSnapshot(entries: readonly ProducerSnapshotEntry[]): Uint8Array {
  const b = new Uint8Array(HEADER_BYTES + entries.length * ENTRY_BYTES);
  writeInt16(b, 0, VERSION);
  writeInt32(b, CRC_FROM, entries.length);
  entries.forEach((entry, i) => writeEntry(b, HEADER_BYTES + i * ENTRY_BYTES, entry));
  writeInt32(b, CRC_AT, crc32c(b, CRC_FROM));
  return b;
}

/** The entries, or why the bytes are not a snapshot: then it is deleted and the state rebuilt from the log. */
export function decodeProducerSnapshot(b: Uint8Array): ProducerSnapshotEntry[] | string {
  if (b.length < HEADER_BYTES) return `it is ${b.length} bytes, needs at least ${HEADER_BYTES}`;
  const version = readInt16(b, 0);
  if (version !== VERSION) return `its version is ${version}, needs ${VERSION}`;
  const crc = readInt32(b, CRC_AT) >>> 0, actual = crc32c(b, CRC_FROM);
  if (crc !== actual) return `its checksum is ${crc}, its content's is ${actual}`;
  const count = readInt32(b, CRC_FROM);
  if (count < 0 || b.length !== HEADER_BYTES + count * ENTRY_BYTES) {
    return `it is ${b.length} bytes with ${count} entries, needs ${
      HEADER_BYTES + count * ENTRY_BYTES
    }`;
  }
  return Array.from({ length: count }, (_, i) => readEntry(b, HEADER_BYTES + i * ENTRY_BYTES));
}

/** The checksum that a snapshot says it has; null when it is too short to have one. */
export function snapshotCrc(b: Uint8Array): number | null {
  return b.length < HEADER_BYTES ? null : readInt32(b, CRC_AT) >>> 0;
}

function writeEntry(b: Uint8Array, at: number, entry: ProducerSnapshotEntry): void {
  writeInt64(b, at, entry.producerId);
  writeInt16(b, at + 8, entry.epoch);
  writeInt32(b, at + 10, entry.lastSequence);
  writeInt64(b, at + 14, entry.lastOffset);
  writeInt32(b, at + 22, entry.offsetDelta);
  writeInt64(b, at + 26, entry.timestampMs);
  writeInt32(b, at + 34, entry.coordinatorEpoch);
  writeInt64(b, at + 38, entry.currentTxnFirstOffset);
}

function readEntry(b: Uint8Array, at: number): ProducerSnapshotEntry {
  return {
    producerId: readInt64(b, at),
    epoch: readInt16(b, at + 8),
    lastSequence: readInt32(b, at + 10),
    lastOffset: readInt64(b, at + 14),
    offsetDelta: readInt32(b, at + 22),
    timestampMs: readInt64(b, at + 26),
    coordinatorEpoch: readInt32(b, at + 34),
    currentTxnFirstOffset: readInt64(b, at + 38),
  };
}
