/**
 * The offsets topic, `__consumer_offsets`, as the group coordinator needs it: made by a transaction on the metadata at
 * the first use of a group, with the configs that Kafka gives it, and served through the logs of this node.
 */
import type { CoordinatorTopic } from "../coordination/coordinator_log.ts";
import { errorName } from "../protocol/errors.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreateTopics } from "../topics/plan_create_topics.ts";
import type { Uuid } from "../bytes/uuid.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { PartitionLookup } from "./partitions.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";

export interface OffsetsTopicOptions extends PartitionLookup {
  readonly metadata: MetadataStore;
  /** offsets.topic.num.partitions */
  readonly partitions: number;
  readonly maxPartitions: number;
}

export function offsetsTopic(options: OffsetsTopicOptions): CoordinatorTopic {
  const { metadata, catalogue, nodes, partitions: numPartitions, maxPartitions } = options;
  const logs: LogsToOpen = options.logs;
  const plan = { nodeId: nodes.selfId, numPartitions, maxPartitions };
  const wanted = {
    name: OFFSETS_TOPIC,
    numPartitions,
    replicationFactor: -1,
    assignments: [],
    configs: CONFIGS,
  };
  return {
    name: OFFSETS_TOPIC,
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
      const topic = catalogue.topic(OFFSETS_TOPIC), partition = topic?.partitions[index];
      if (topic === undefined || partition?.leaderId !== nodes.selfId) return null;
      const { leaderEpoch } = partition;
      // One that is offline too: loading it fails, and that is then told and tried again.
      const log = logs.get(topic.id, index);
      if (log !== undefined) return { log, leaderEpoch };
      if (logs.ready === undefined) return null;
      const opened = async () => {
        const log = await logs.ready?.(topic.id, index);
        if (log !== undefined) return log;
        const why = logs.offlineReason?.(topic.id, index) ?? "its log could not be opened";
        throw new Error(`${OFFSETS_TOPIC}-${index} is offline: ${why}`);
      };
      return { log: opened, leaderEpoch };
    },
  };
}

/** Logs that may still be on their way when the broker serves already. */
interface LogsToOpen {
  get(topicId: Uuid, partition: number): PartitionLog | undefined;
  /** The log once it is open, or undefined when it never will be. */
  ready?(topicId: Uuid, partition: number): Promise<PartitionLog | undefined>;
  offlineReason?(topicId: Uuid, partition: number): string | null;
}

/** Kafka's GroupCoordinator.offsetsTopicConfigs. */
const CONFIGS = [
  { name: "cleanup.policy", value: "compact" },
  { name: "compression.type", value: "producer" },
  { name: "segment.bytes", value: "104857600" },
];
