/** What is asked of topics: their records, their metadata, and topics made and deleted. */
import { ZERO_UUID } from "../../../../src/bytes/uuid.ts";
import { CreatePartitions } from "../../../../src/protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../../../src/protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../../../src/protocol/messages/delete_topics.ts";
import { DescribeProducers } from "../../../../src/protocol/messages/describe_producers.ts";
import { DescribeTopicPartitions } from "../../../../src/protocol/messages/describe_topic_partitions.ts";
import { Fetch } from "../../../../src/protocol/messages/fetch.ts";
import { ListOffsets } from "../../../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../../../src/protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../../../src/protocol/messages/offset_for_leader_epoch.ts";
import { buildBatch } from "../../../../src/protocol/records/build.ts";
import { Produce } from "../../../../src/protocol/messages/produce.ts";
import {
  type Asking, READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, D_CONFIGS, A_CONFIGS,
  topic, cluster, txn, UNKNOWN_ID,
} from "./question.ts";

/** Of a producer that has begun none. */
const OF_A_TRANSACTION = buildBatch({
  records: [{ timestampMs: 1, value: new Uint8Array(1) }],
  producerId: 77,
  producerEpoch: 0,
  baseSequence: 0,
  isTransactional: true,
});

export function topicQuestions({ ask, ids }: Asking): void {
  const shown = ids.get("shown")!;
  ask("produce to what is there and what is not", Produce, 9, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: ["shown", "none"].map((name) => ({
      name,
      partitionData: [{ index: 0, records: new Uint8Array(0) }],
    })),
  }, [topic(WRITE), topic(WRITE, "none")]);
  ask("produce in a transaction", Produce, 9, {
    transactionalId: "x",
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: "shown", partitionData: [{ index: 0, records: OF_A_TRANSACTION }] }],
  }, [txn(WRITE), topic(WRITE)]);
  ask("fetch for a broker", Fetch, 12, {
    replicaId: 77,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{
      topic: "shown",
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    }],
    rackId: "",
  }, [cluster(CLUSTER_ACTION)]);
  ask("fetch by name", Fetch, 12, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: ["shown", "none"].map((name) => ({
      topic: name,
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    })),
    rackId: "",
  }, [topic(READ), topic(READ, "none")]);
  ask("fetch by id", Fetch, 16, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [shown, UNKNOWN_ID].map((topicId) => ({
      topicId,
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    })),
    rackId: "",
  }, [topic(READ)]);
  ask("offsets of what is there and what is not", ListOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: ["shown", "none"].map((name) => ({
      name,
      partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2 }],
    })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  const wholeMetadata = { includeTopicAuthorizedOperations: true, allowAutoTopicCreation: false };
  ask("metadata of all topics", Metadata, 9, {
    ...wholeMetadata,
    includeClusterAuthorizedOperations: true,
    topics: null,
  }, [topic(DESCRIBE), topic(DESCRIBE, "other"), cluster(DESCRIBE)]);
  ask("metadata by name", Metadata, 12, {
    ...wholeMetadata,
    topics: ["shown", "none"].map((name) => ({ topicId: ZERO_UUID, name })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none"), topic(ALTER), topic(A_CONFIGS)]);
  ask("metadata by id", Metadata, 12, {
    ...wholeMetadata,
    topics: [shown, UNKNOWN_ID].map((topicId) => ({ topicId, name: null })),
  }, [topic(DESCRIBE)]);
  ask("metadata that may make a topic", Metadata, 12, {
    allowAutoTopicCreation: true,
    topics: [{ topicId: ZERO_UUID, name: "no good/name" }],
  }, [topic(DESCRIBE, "no good/name"), topic(CREATE, "no good/name")]);
  ask("partitions of topics", DescribeTopicPartitions, 0, {
    topics: ["shown", "none"].map((name) => ({ name })),
    cursor: null,
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("partitions of all topics", DescribeTopicPartitions, 0, { topics: [], cursor: null }, [
    topic(DESCRIBE),
    topic(DESCRIBE, "other"),
  ]);
  ask("ends of epochs", OffsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: ["shown", "none"].map((name) => ({
      topic: name,
      partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
    })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("ends of epochs for brokers", OffsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [{
      topic: "shown",
      partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
    }],
  }, [cluster(CLUSTER_ACTION)]);
  ask("records deleted", DeleteRecords, 2, {
    timeoutMs: 1000,
    topics: ["shown", "none"].map((name) => ({ name, partitions: [{ partitionIndex: 0, offset: 0 }] })),
  }, [topic(DELETE), topic(DELETE, "none")]);
  ask("producers of a partition", DescribeProducers, 0, {
    topics: ["shown", "none"].map((name) => ({ name, partitionIndexes: [0] })),
  }, [topic(READ), topic(READ, "none")]);
  ask("more partitions", CreatePartitions, 3, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: ["shown", "none"].map((name) => ({ name, count: 5, assignments: null })),
  }, [topic(ALTER), topic(ALTER, "none")]);
  const made = (name: string) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  });
  ask("topics made", CreateTopics, 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("new"), made("shown")],
  }, [topic(CREATE, "new"), topic(CREATE), topic(D_CONFIGS, "new")]);
  ask("topics made by right of the cluster", CreateTopics, 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("new"), made("new"), made("newer")],
  }, [cluster(CREATE)]);
  ask("topics deleted by name", DeleteTopics, 5, {
    timeoutMs: 1000,
    topicNames: ["doomed", "none"],
  }, [topic(DELETE, "doomed"), topic(DELETE, "none")]);
  ask("topics deleted that may be seen", DeleteTopics, 6, {
    timeoutMs: 1000,
    topics: [
      { name: null, topicId: ids.get("idle")! },
      { name: null, topicId: UNKNOWN_ID },
      { name: "none", topicId: ZERO_UUID },
      { name: "idle", topicId: ZERO_UUID },
    ].slice(0, 3),
  }, [topic(DESCRIBE, "idle"), topic(DELETE, "idle"), topic(DESCRIBE, "none")]);
}
