/** The topic that transactional ids are kept in, `__transaction_state`, with the configs that Kafka makes it with. */
import type { CoordinatorTopic } from "../coordination/coordinator_log.ts";
import { coordinatorTopic, type CoordinatorTopicOptions } from "./coordinator_topic.ts";

export const TRANSACTION_TOPIC = "__transaction_state";

export function transactionTopic(
  { segmentBytes, ...options }: CoordinatorTopicOptions & { readonly segmentBytes: number },
): CoordinatorTopic {
  return coordinatorTopic({
    name: TRANSACTION_TOPIC,
    configs: [ // Kafka's TransactionCoordinator.transactionStateTopicConfigs; transaction.state.log.min.isr for one node
      { name: "cleanup.policy", value: "compact" },
      { name: "compression.type", value: "uncompressed" },
      { name: "min.insync.replicas", value: "1" },
      { name: "segment.bytes", value: `${segmentBytes}` },
      { name: "unclean.leader.election.enable", value: "false" },
    ],
  }, options);
}
