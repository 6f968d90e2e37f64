/**
 * CoordinatorTopic over the catalogue and the logs: an internal topic that a coordinator keeps its state in, made by a
 * transaction on the metadata at its first use, and served through the logs of this node.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { CoordinatorTopic } from "../coordination/coordinator_log.ts";
import { errorName } from "../protocol/errors.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { planCreateTopics } from "../topics/plan_create_topics.ts";
import type { PartitionLookup } from "./partitions.ts";

export interface CoordinatorTopicOptions extends PartitionLookup {
  readonly metadata: MetadataStore;
  /** How many it is made with. */
  readonly partitions: number;
  readonly maxPartitions: number;
}

/** What it is called, and the configs that Kafka makes it with. */
export interface InternalTopic {
  readonly name: string;
  readonly configs: readonly { readonly name: string; readonly value: string }[];
}

export function coordinatorTopic(
  { name, configs }: InternalTopic,
  options: CoordinatorTopicOptions,
): CoordinatorTopic {
  const { metadata, catalogue, nodes, partitions: numPartitions, maxPartitions } = options;
  const logs: LogsToOpen = options.logs;
  const plan = { nodeId: nodes.selfId, numPartitions, maxPartitions };
  const wanted = { name, numPartitions, replicationFactor: -1, assignments: [], configs };
  return {
    name,
    get partitionCount() {
      return catalogue.topic(name)?.partitions.length ?? 0;
    },
    async create() {
      const [created] = await metadata.transact((image) =>
        image.topic(name) ? { records: [], result: [] } : planCreateTopics(image, [wanted], plan)
      );
      if (!created?.errorCode) return;
      const why = created.errorMessage ?? errorName(created.errorCode);
      throw new Error(`Cannot create ${name} with ${numPartitions} partitions: ${why}`);
    },
    led(index) {
      const topic = catalogue.topic(name), partition = topic?.partitions[index];
      if (topic === undefined || partition?.leaderId !== nodes.selfId) return null;
      const { leaderEpoch } = partition;
      // One that is offline too: loading it fails, and that is then told and tried again.
      const log = logs.get(topic.id, index);
      if (log !== undefined) return { log, leaderEpoch, topicId: topic.id };
      if (logs.ready === undefined) return null;
      const opened = async () => {
        const log = await logs.ready?.(topic.id, index);
        if (log !== undefined) return log;
        const why = logs.offlineReason?.(topic.id, index) ?? "its log could not be opened";
        throw new Error(`${name}-${index} is offline: ${why}`);
      };
      return { log: opened, leaderEpoch, topicId: topic.id };
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
