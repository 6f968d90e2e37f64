/** PartitionAbort: which transaction of one partition is to be aborted, out of the flags of `runnel txn abort`. */
import type { Call } from "../call.ts";

/** By where it begins, or by what its marker is to say. */
export interface PartitionAbort {
  readonly topic: string;
  readonly partition: number;
  readonly of:
    | { readonly startOffset: number }
    | {
      readonly producerId: number;
      readonly producerEpoch: number;
      readonly coordinatorEpoch: number;
    };
  readonly isForced: boolean;
}

/** Throws ConfigError. */
export function partitionAbortOf(call: Call): PartitionAbort {
  const partition = call.whole("--partition", { max: MAX_INT32 });
  const startOffset = call.whole("--start-offset"), producerId = call.whole("--producer-id");
  const producerEpoch = call.whole("--producer-epoch", { max: MAX_INT16 });
  // -1 is what a partition has of a producer that never had a marker.
  const coordinatorEpoch = call.whole("--coordinator-epoch", { min: -1, max: MAX_INT32 });
  if (partition === null) throw call.misused("with --topic it needs --partition");
  const ofProducer = [producerId, producerEpoch, coordinatorEpoch].filter((one) => one !== null);
  if (startOffset === null ? ofProducer.length < 3 : ofProducer.length > 0) {
    throw call.misused(
      "with --topic it needs --start-offset, or --producer-id, --producer-epoch and --coordinator-epoch",
    );
  }
  return {
    topic: call.text("--topic")!,
    partition,
    of: startOffset !== null ? { startOffset } : {
      producerId: producerId!,
      producerEpoch: producerEpoch!,
      coordinatorEpoch: coordinatorEpoch!,
    },
    isForced: call.has("--force"),
  };
}

const MAX_INT16 = 0x7fff;
const MAX_INT32 = 0x7fffffff;
