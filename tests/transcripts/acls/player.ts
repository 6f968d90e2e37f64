/** The questions of acls/, and what they need besides topics: a group that is busy, and a transaction that is open. */
import { AddPartitionsToTxn } from "../../../src/protocol/messages/add_partitions_to_txn.ts";
import { ConsumerGroupHeartbeat } from "../../../src/protocol/messages/consumer_group_heartbeat.ts";
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import type { Asker } from "./asker.ts";
import { type Answers, play, untilServed } from "./play.ts";
import { questions } from "./questions/mod.ts";
import { TOPICS } from "./questions/question.ts";

export function playAll(
  admin: Asker,
  open: (user: string) => Promise<Asker>,
): Promise<Answers> {
  return play(admin, open, { topics: TOPICS, prepareMore, questions });
}

async function prepareMore(admin: Asker): Promise<void> {
  await untilServed(admin, InitProducerId as unknown as Api, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  });
  // A group with a member that has a partition, and a transaction that is open.
  const member = { groupId: "busy", memberId: "m", rebalanceTimeoutMs: 60_000 };
  await untilServed(admin, ConsumerGroupHeartbeat as unknown as Api, 1, {
    ...member,
    memberEpoch: 0,
    subscribedTopicNames: ["other"],
    topicPartitions: [],
  });
  const begun = await untilServed(admin, InitProducerId as unknown as Api, 4, {
    transactionalId: "open",
    transactionTimeoutMs: 60_000,
    producerId: -1,
    producerEpoch: -1,
  });
  await untilServed(admin, AddPartitionsToTxn as unknown as Api, 3, {
    v3AndBelowTransactionalId: "open",
    v3AndBelowProducerId: begun.producerId,
    v3AndBelowProducerEpoch: begun.producerEpoch,
    v3AndBelowTopics: [{ name: "other", partitions: [0] }],
  });
}
