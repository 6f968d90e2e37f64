/** The topic that groups are kept in, `__consumer_offsets`, with the configs that Kafka makes it with. */
import type { CoordinatorTopic } from "../coordination/coordinator_log.ts";
import {
  coordinatorTopic,
  type CoordinatorTopicOptions,
  type InternalTopic,
} from "./coordinator_topic.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";

export function offsetsTopic(options: CoordinatorTopicOptions): CoordinatorTopic {
  return coordinatorTopic(OFFSETS, options);
}

/** Kafka's GroupCoordinator.offsetsTopicConfigs. */
const OFFSETS: InternalTopic = {
  name: OFFSETS_TOPIC,
  configs: [
    { name: "cleanup.policy", value: "compact" },
    { name: "compression.type", value: "producer" },
    { name: "segment.bytes", value: "104857600" },
  ],
};
