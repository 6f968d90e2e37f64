/**
 * Control records: the records of control batches, which no client sees.
 *
 * | part | at | bytes | field |
 * |---|---|---|---|
 * | key | 0 | 2 | version, 0 |
 * | key | 2 | 2 | type |
 * | value | 0 | | of an end-transaction marker: version int16, coordinator epoch int32 |
 *
 * The values of the other types are messages of their own (LeaderChangeMessage and so on).
 */
import { readInt16, readInt32, writeInt16, writeInt32 } from "../../bytes/int64.ts";
import { buildBatch } from "./build.ts";
import type { LogRecord } from "./record.ts";

/** Kafka's ControlRecordType. */
const ControlType = {
  abort: 0,
  commit: 1,
  leaderChange: 2,
  snapshotHeader: 3,
  snapshotFooter: 4,
  kraftVersion: 5,
  kraftVoters: 6,
} as const;
type ControlType = typeof ControlType[keyof typeof ControlType];

/** The key of a control record. */
function controlKey(type: ControlType): Uint8Array {
  return new Uint8Array([0, 0, 0, type]);
}

/** A control record's type by its key; -1 when it is none (Kafka passes over types it does not know). */
function controlType(key: Uint8Array | null): number {
  return key === null || key.length < 4 ? -1 : readInt16(key, 2);
}

export interface EndTxnBatch {
  readonly isCommit: boolean;
  readonly coordinatorEpoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timestampMs: number;
}

/** The control batch that ends a transaction in a partition. */
export function buildEndTxnBatch(marker: EndTxnBatch): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(6);
  writeInt16(value, 0, 0);
  writeInt32(value, 2, marker.coordinatorEpoch);
  const key = controlKey(marker.isCommit ? ControlType.commit : ControlType.abort);
  return buildBatch({
    records: [{ timestampMs: marker.timestampMs, key, value }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
  });
}

/** What an end-transaction marker says; null for any other control record. */
export function readEndTxn(
  { key, value }: Pick<LogRecord, "key" | "value">,
): { isCommit: boolean; coordinatorEpoch: number } | null {
  const type = controlType(key);
  if (type !== ControlType.abort && type !== ControlType.commit) return null;
  if (value === null || value.length < 6) return null;
  return { isCommit: type === ControlType.commit, coordinatorEpoch: readInt32(value, 2) };
}
