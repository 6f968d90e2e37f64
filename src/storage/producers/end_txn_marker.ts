/**
 * EndTxnMarker: the one record of a control batch that ends a transaction in a partition.
 *
 * | part | at | bytes | field |
 * |---|---|---|---|
 * | key | 0 | 2 | version |
 * | key | 2 | 2 | type: 0 abort, 1 commit (others are not a transaction's) |
 * | value | 0 | 2 | version |
 * | value | 2 | 4 | coordinator epoch |
 */
import { readInt16, readInt32 } from "../../bytes/int64.ts";
import { readVarint, readVarlong, varintEnd } from "../../bytes/varint.ts";
import * as batch from "../../protocol/records/batch.ts";

export interface EndTxnMarker {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
}

/** The marker in a control batch; null when it is a control batch of another kind, or compaction has emptied it. */
export function readEndTxnMarker(bytes: Uint8Array): EndTxnMarker | null {
  if (!batch.isControl(bytes) || batch.recordCount(bytes) === 0) return null;
  readVarint(bytes, batch.BATCH_OVERHEAD); // record length
  readVarlong(bytes, varintEnd + 1); // timestamp delta, after one byte of attributes
  readVarint(bytes, varintEnd); // offset delta
  const keyBytes = readVarint(bytes, varintEnd);
  const key = varintEnd;
  const valueBytes = readVarint(bytes, key + keyBytes);
  const value = varintEnd;
  if (keyBytes < 4 || valueBytes < 6 || value + valueBytes > bytes.length) return null;
  const type = readInt16(bytes, key + 2);
  if (type !== 0 && type !== 1) return null;
  return { isCommit: type === 1, coordinatorEpoch: readInt32(bytes, value + 2) };
}

/** Whether these are a batch that aborts a transaction. */
export function isAbort(bytes: Uint8Array): boolean {
  return readEndTxnMarker(bytes)?.isCommit === false;
}
