/** isWrittenBy: whose record lies at an offset, for who has to know whether what it sent is there. */
import { ErrorCode } from "../protocol/errors.ts";
import * as batch from "../protocol/records/batch.ts";
import { BatchReader, type PartitionOfTopic } from "./batch_reader.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import type { Identity } from "./partition_sender.ts";

/**
 * Whether the record there is of this producer; what was deleted or compacted since says nothing, and is taken for it.
 * Retries, 60 s if not given; throws KafkaError, ConnectionError, TopicGoneError.
 */
export async function isWrittenBy(
  cluster: Cluster,
  partition: PartitionOfTopic,
  { offset, identity, timeoutMs }: {
    readonly offset: number;
    readonly identity: Identity;
    readonly timeoutMs?: number;
  },
): Promise<boolean> {
  using reader = new BatchReader(cluster, { maxBytes: ONE_BATCH_BYTES, timeoutMs });
  try {
    const { records } = await reader.fetch(partition, offset);
    if (records === null || batch.endOf(records, 0) === -1) return true;
    return batch.baseOffset(records) > offset ||
      batch.producerId(records) === identity.producerId;
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE) return true;
    throw error;
  }
}

/** A broker gives one whole batch, however small this is. */
const ONE_BATCH_BYTES = 1 << 10;
