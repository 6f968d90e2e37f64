/**
 * The offsets topic, `__consumer_offsets`, as the group coordinator needs it: made by a transaction on the metadata at
 * the first use of a group, with the configs that Kafka gives it, and served through the logs of this node.
 */
import type { OffsetsTopic } from "../groups/coordinator.ts";
import { errorName } from "../protocol/errors.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreateTopics } from "../topics/plan_create_topics.ts";
import { findLog, type PartitionLookup } from "./partitions.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";

export interface OffsetsTopicOptions extends PartitionLookup {
  readonly metadata: MetadataStore;
  /** offsets.topic.num.partitions */
  readonly partitions: number;
  readonly maxPartitions: number;
}

export function offsetsTopic(options: OffsetsTopicOptions): OffsetsTopic {
  const { metadata, catalogue, nodes, partitions: numPartitions, maxPartitions } = options;
  const plan = { nodeId: nodes.selfId, numPartitions, maxPartitions };
  const wanted = {
    name: OFFSETS_TOPIC,
    numPartitions,
    replicationFactor: -1,
    assignments: [],
    configs: CONFIGS,
  };
  return {
    get partitionCount() {
      return catalogue.topic(OFFSETS_TOPIC)?.partitions.length ?? 0;
    },
    async create() {
      const [created] = await metadata.transact((image) =>
        image.topic(OFFSETS_TOPIC)
          ? { records: [], result: [] }
          : planCreateTopics(image, [wanted], plan)
      );
      if (!created?.errorCode) return;
      const why = created.errorMessage ?? errorName(created.errorCode);
      throw new Error(`Cannot create ${OFFSETS_TOPIC} with ${numPartitions} partitions: ${why}`);
    },
    led(index) {
      const topic = catalogue.topic(OFFSETS_TOPIC);
      const log = topic && findLog(options, topic, index);
      if (topic === undefined || log === undefined || typeof log === "number") return null;
      return { log, leaderEpoch: topic.partitions[index].leaderEpoch };
    },
  };
}

/** Kafka's GroupCoordinator.offsetsTopicConfigs. */
const CONFIGS = [
  { name: "cleanup.policy", value: "compact" },
  { name: "compression.type", value: "producer" },
  { name: "segment.bytes", value: "104857600" },
];
