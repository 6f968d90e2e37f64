/**
 * Files beside a log's segments that Kafka describes as messages.
 */
import { array, int16, int32, int64, message, uint32 } from "../schema.ts";

/** An entry of a .txnindex file. */
export const AbortedTxn = message({
  name: "AbortedTxn",
  versions: "0",
  flexible: "none",
  fields: {
    producerId: int64,
    firstOffset: int64,
    lastOffset: int64,
    lastStableOffset: int64,
  },
});

/** A .snapshot file. (Kafka writes the CRC over what follows it, and reads it as unsigned.) */
export const ProducerSnapshot = message({
  name: "ProducerSnapshot",
  versions: "1",
  flexible: "none",
  fields: {
    crc: uint32,
    producerEntries: array({
      producerId: int64,
      epoch: int16,
      lastSequence: int32,
      lastOffset: int64,
      offsetDelta: int32,
      timestamp: int64,
      coordinatorEpoch: int32,
      currentTxnFirstOffset: int64,
    }),
  },
});
