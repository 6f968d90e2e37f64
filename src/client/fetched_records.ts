/**
 * fetchedRecords: the records of one partition in a fetch response, without what a consumer must not see: records
 * before the position asked for (a fetch gives whole batches), control records, and for read_committed the records of
 * aborted transactions.
 *
 * A response lists the transactions that were aborted within it, each by the offset it began at; an abort marker ends
 * the one of its producer.
 */
import * as batch from "../protocol/records/batch.ts";
import { type LogRecord, readRecords, takeRecords } from "../protocol/records/record.ts";
import { readInt16 } from "../bytes/int64.ts";

export interface FetchedPartition {
  readonly records: Uint8Array | null;
  /** null where nothing is to be filtered. */
  readonly abortedTransactions: readonly { producerId: number; firstOffset: number }[] | null;
}

export interface Fetched {
  readonly records: LogRecord[];
  /** Where to go on: behind the last batch that was read, whether or not anything of it was given. */
  readonly nextOffset: number;
  /** What the records take in memory, about. */
  readonly bytes: number;
}

/** A batch whose checksum is wrong, as it came from the broker. */
export class CorruptBatchError extends Error {
  override readonly name = "CorruptBatchError";
}

/**
 * Reads batches until their records have `maxBytes`, decompressed, one at least: a few bytes of an answer may be very many
 * records. Throws CorruptBatchError, and what readRecords throws.
 */
export function fetchedRecords(
  partition: FetchedPartition,
  position: number,
  { checkCrcs = true, maxBytes = Infinity }: { checkCrcs?: boolean; maxBytes?: number } = {},
): Fetched {
  const bytes = partition.records ?? new Uint8Array();
  const aborted = new AbortedTransactions(partition.abortedTransactions ?? []);
  const records: LogRecord[] = [];
  let nextOffset = position, readBytes = 0;
  const take = (record: LogRecord) => {
    readBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_BYTES;
    if (record.offset >= position) records.push(record);
  };
  for (const at of batch.batches(bytes)) {
    if (nextOffset > position && readBytes >= maxBytes) break;
    if (checkCrcs && !batch.isIntact(bytes, at)) {
      throw new CorruptBatchError(
        `Cannot read the batch at offset ${batch.baseOffset(bytes, at)}: its checksum is wrong`,
      );
    }
    nextOffset = Math.max(nextOffset, batch.lastOffset(bytes, at) + 1);
    if (aborted.hides(bytes, at)) continue;
    takeRecords(bytes, at, take);
  }
  return { records, nextOffset, bytes: readBytes };
}

/** About what a record takes in memory beside its key and value. */
const RECORD_BYTES = 100;

/** Which of the batches of an answer a consumer must not see. */
export class AbortedTransactions {
  /** By first offset, the next to begin last. */
  readonly #coming: { producerId: number; firstOffset: number }[];
  readonly #open = new Set<number>();

  constructor(transactions: readonly { producerId: number; firstOffset: number }[]) {
    this.#coming = [...transactions].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Whether a consumer must not see the batch. To be asked of every batch in order. */
  hides(bytes: Uint8Array, at: number): boolean {
    const last = batch.lastOffset(bytes, at);
    while (this.#coming.length > 0 && this.#coming[this.#coming.length - 1].firstOffset <= last) {
      this.#open.add(this.#coming.pop()!.producerId);
    }
    const producerId = batch.producerId(bytes, at);
    if (!batch.isControl(bytes, at)) {
      return batch.isTransactional(bytes, at) && this.#open.has(producerId);
    }
    if (this.#open.has(producerId) && isAbortMarker(bytes, at)) this.#open.delete(producerId);
    return true;
  }
}

/** A control record's key is version int16, type int16; type 0 is ABORT. */
function isAbortMarker(bytes: Uint8Array, at: number): boolean {
  for (const { key } of readRecords(bytes, at)) {
    return key !== null && key.length >= 4 && readInt16(key, 2) === 0;
  }
  return false; // compaction emptied it: the transaction's records are gone too
}
