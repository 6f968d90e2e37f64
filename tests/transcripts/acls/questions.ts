/**
 * What each API is asked, and the rights that the answer may depend on: by Kafka's table of operations and resources on
 * protocols. Each question is put by somebody with every right, with none, and with each right missing.
 */
import { ZERO_UUID } from "../../../src/bytes/uuid.ts";
import { AddOffsetsToTxn } from "../../../src/protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../../src/protocol/messages/add_partitions_to_txn.ts";
import { AlterClientQuotas } from "../../../src/protocol/messages/alter_client_quotas.ts";
import { AlterConfigs } from "../../../src/protocol/messages/alter_configs.ts";
import { AlterPartitionReassignments } from "../../../src/protocol/messages/alter_partition_reassignments.ts";
import { AlterReplicaLogDirs } from "../../../src/protocol/messages/alter_replica_log_dirs.ts";
import { AlterUserScramCredentials } from "../../../src/protocol/messages/alter_user_scram_credentials.ts";
import { ConsumerGroupDescribe } from "../../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../../src/protocol/messages/consumer_group_heartbeat.ts";
import { CreateAcls } from "../../../src/protocol/messages/create_acls.ts";
import { CreatePartitions } from "../../../src/protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../../src/protocol/messages/create_topics.ts";
import { DeleteAcls } from "../../../src/protocol/messages/delete_acls.ts";
import { DeleteGroups } from "../../../src/protocol/messages/delete_groups.ts";
import { DeleteRecords } from "../../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../../src/protocol/messages/delete_topics.ts";
import { DescribeAcls } from "../../../src/protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../../../src/protocol/messages/describe_client_quotas.ts";
import { DescribeCluster } from "../../../src/protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../../../src/protocol/messages/describe_configs.ts";
import { DescribeGroups } from "../../../src/protocol/messages/describe_groups.ts";
import { DescribeLogDirs } from "../../../src/protocol/messages/describe_log_dirs.ts";
import { DescribeProducers } from "../../../src/protocol/messages/describe_producers.ts";
import { DescribeQuorum } from "../../../src/protocol/messages/describe_quorum.ts";
import { DescribeTopicPartitions } from "../../../src/protocol/messages/describe_topic_partitions.ts";
import { DescribeTransactions } from "../../../src/protocol/messages/describe_transactions.ts";
import { DescribeUserScramCredentials } from "../../../src/protocol/messages/describe_user_scram_credentials.ts";
import { ElectLeaders } from "../../../src/protocol/messages/elect_leaders.ts";
import { EndTxn } from "../../../src/protocol/messages/end_txn.ts";
import { Fetch } from "../../../src/protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { Heartbeat } from "../../../src/protocol/messages/heartbeat.ts";
import { IncrementalAlterConfigs } from "../../../src/protocol/messages/incremental_alter_configs.ts";
import { InitProducerId } from "../../../src/protocol/messages/init_producer_id.ts";
import { JoinGroup } from "../../../src/protocol/messages/join_group.ts";
import { LeaveGroup } from "../../../src/protocol/messages/leave_group.ts";
import { ListConfigResources } from "../../../src/protocol/messages/list_config_resources.ts";
import { ListGroups } from "../../../src/protocol/messages/list_groups.ts";
import { ListOffsets } from "../../../src/protocol/messages/list_offsets.ts";
import { ListPartitionReassignments } from "../../../src/protocol/messages/list_partition_reassignments.ts";
import { ListTransactions } from "../../../src/protocol/messages/list_transactions.ts";
import { Metadata } from "../../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../../src/protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../../../src/protocol/messages/offset_delete.ts";
import { OffsetFetch } from "../../../src/protocol/messages/offset_fetch.ts";
import { OffsetForLeaderEpoch } from "../../../src/protocol/messages/offset_for_leader_epoch.ts";
import { Produce } from "../../../src/protocol/messages/produce.ts";
import { SyncGroup } from "../../../src/protocol/messages/sync_group.ts";
import { TxnOffsetCommit } from "../../../src/protocol/messages/txn_offset_commit.ts";
import { UnregisterBroker } from "../../../src/protocol/messages/unregister_broker.ts";
import { UpdateFeatures } from "../../../src/protocol/messages/update_features.ts";
import { WriteTxnMarkers } from "../../../src/protocol/messages/write_txn_markers.ts";
import type { Api } from "../../../src/protocol/schema.ts";

/** Operation and resource, by Kafka's numbers: [4, 2, "shown"] is WRITE on the topic "shown". */
export type Right = readonly [operation: number, resourceType: number, name: string];

const messages = {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  AlterClientQuotas,
  AlterConfigs,
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  AlterUserScramCredentials,
  ConsumerGroupDescribe,
  ConsumerGroupHeartbeat,
  CreateAcls,
  CreatePartitions,
  CreateTopics,
  DeleteAcls,
  DeleteGroups,
  DeleteRecords,
  DeleteTopics,
  DescribeAcls,
  DescribeClientQuotas,
  DescribeCluster,
  DescribeConfigs,
  DescribeGroups,
  DescribeLogDirs,
  DescribeProducers,
  DescribeQuorum,
  DescribeTopicPartitions,
  DescribeTransactions,
  DescribeUserScramCredentials,
  ElectLeaders,
  EndTxn,
  Fetch,
  FindCoordinator,
  Heartbeat,
  IncrementalAlterConfigs,
  InitProducerId,
  JoinGroup,
  LeaveGroup,
  ListConfigResources,
  ListGroups,
  ListOffsets,
  ListPartitionReassignments,
  ListTransactions,
  Metadata,
  OffsetCommit,
  OffsetDelete,
  OffsetFetch,
  OffsetForLeaderEpoch,
  Produce,
  SyncGroup,
  TxnOffsetCommit,
  UnregisterBroker,
  UpdateFeatures,
  WriteTxnMarkers,
};

export interface Question {
  readonly name: string;
  readonly api: Api;
  readonly version: number;
  readonly request: Record<string, unknown>;
  readonly rights: readonly Right[];
}

/** There before anything is asked. */
export const TOPICS = ["shown", "other", "doomed", "idle"] as const;

const [READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION, D_CONFIGS, A_CONFIGS, IDEMPOTENT] =
  [3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const topic = (operation: number, name = "shown"): Right => [operation, 2, name];
const group = (operation: number, name = "g"): Right => [operation, 3, name];
const cluster = (operation: number): Right => [operation, 4, "kafka-cluster"];
const txn = (operation: number, name = "x"): Right => [operation, 5, name];

/** `ids`: of the topics, by name. */
export function questions(ids: ReadonlyMap<string, string>): Question[] {
  const list: Question[] = [];
  const ask = (
    name: string,
    api: keyof typeof messages,
    version: number,
    request: Record<string, unknown>,
    rights: Right[],
  ) => list.push({ name, api: messages[api] as unknown as Api, version, request, rights });
  const shown = ids.get("shown")!, unknownId = "AAAAAAAAAAAAAAAAAAAAEQ";
  const batch = new Uint8Array(0);

  ask("produce to what is there and what is not", "Produce", 9, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: ["shown", "none"].map((name) => ({
      name,
      partitionData: [{ index: 0, records: batch }],
    })),
  }, [topic(WRITE), topic(WRITE, "none")]);
  ask("fetch by name", "Fetch", 12, {
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
  ask("fetch by id", "Fetch", 16, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1000,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [shown, unknownId].map((topicId) => ({
      topicId,
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    })),
    rackId: "",
  }, [topic(READ)]);
  ask("offsets of what is there and what is not", "ListOffsets", 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: ["shown", "none"].map((name) => ({
      name,
      partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2 }],
    })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  const wholeMetadata = { includeTopicAuthorizedOperations: true, allowAutoTopicCreation: false };
  ask("metadata of all topics", "Metadata", 9, {
    ...wholeMetadata,
    includeClusterAuthorizedOperations: true,
    topics: null,
  }, [topic(DESCRIBE), topic(DESCRIBE, "other"), cluster(DESCRIBE)]);
  ask("metadata by name", "Metadata", 12, {
    ...wholeMetadata,
    topics: ["shown", "none"].map((name) => ({ topicId: ZERO_UUID, name })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none"), topic(ALTER), topic(A_CONFIGS)]);
  ask("metadata by id", "Metadata", 12, {
    ...wholeMetadata,
    topics: [shown, unknownId].map((topicId) => ({ topicId, name: null })),
  }, [topic(DESCRIBE)]);
  ask("metadata that may make a topic", "Metadata", 12, {
    allowAutoTopicCreation: true,
    topics: [{ topicId: ZERO_UUID, name: "no good/name" }],
  }, [topic(DESCRIBE, "no good/name"), topic(CREATE, "no good/name")]);
  ask("partitions of topics", "DescribeTopicPartitions", 0, {
    topics: ["shown", "none"].map((name) => ({ name })),
    cursor: null,
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("partitions of all topics", "DescribeTopicPartitions", 0, { topics: [], cursor: null }, [
    topic(DESCRIBE),
    topic(DESCRIBE, "other"),
  ]);
  ask("ends of epochs", "OffsetForLeaderEpoch", 4, {
    replicaId: -1,
    topics: ["shown", "none"].map((name) => ({
      topic: name,
      partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
    })),
  }, [topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("ends of epochs for brokers", "OffsetForLeaderEpoch", 4, {
    replicaId: -1,
    topics: [{
      topic: "shown",
      partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
    }],
  }, [cluster(CLUSTER_ACTION)]);
  ask("records deleted", "DeleteRecords", 2, {
    timeoutMs: 1000,
    topics: ["shown", "none"].map((name) => ({ name, partitions: [{ partitionIndex: 0, offset: 0 }] })),
  }, [topic(DELETE), topic(DELETE, "none")]);
  ask("producers of a partition", "DescribeProducers", 0, {
    topics: ["shown", "none"].map((name) => ({ name, partitionIndexes: [0] })),
  }, [topic(READ), topic(READ, "none")]);
  ask("more partitions", "CreatePartitions", 3, {
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
  ask("topics made", "CreateTopics", 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("new"), made("shown")],
  }, [topic(CREATE, "new"), topic(CREATE), topic(D_CONFIGS, "new")]);
  ask("topics made by right of the cluster", "CreateTopics", 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("new"), made("new"), made("newer")],
  }, [cluster(CREATE)]);
  ask("topics deleted by name", "DeleteTopics", 5, {
    timeoutMs: 1000,
    topicNames: ["doomed", "none"],
  }, [topic(DELETE, "doomed"), topic(DELETE, "none")]);
  ask("topics deleted that may be seen", "DeleteTopics", 6, {
    timeoutMs: 1000,
    topics: [
      { name: null, topicId: ids.get("idle")! },
      { name: null, topicId: unknownId },
      { name: "none", topicId: ZERO_UUID },
      { name: "idle", topicId: ZERO_UUID },
    ].slice(0, 3),
  }, [topic(DESCRIBE, "idle"), topic(DELETE, "idle"), topic(DESCRIBE, "none")]);

  const offsets = ["shown", "none"].map((name) => ({
    name,
    partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }],
  }));
  ask("offsets committed", "OffsetCommit", 8, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: offsets,
  }, [group(READ), topic(READ), topic(READ, "none")]);
  ask("offsets of a group", "OffsetFetch", 7, {
    groupId: "g",
    topics: ["shown", "none"].map((name) => ({ name, partitionIndexes: [0] })),
  }, [group(DESCRIBE), topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("offsets of groups", "OffsetFetch", 9, {
    groups: [
      { groupId: "g", topics: [{ name: "shown", partitionIndexes: [0] }] },
      { groupId: "h", topics: null },
    ],
  }, [group(DESCRIBE), group(DESCRIBE, "h"), topic(DESCRIBE)]);
  ask("offsets of a group in the first version", "OffsetFetch", 1, {
    groupId: "g",
    topics: [{ name: "shown", partitionIndexes: [0] }],
  }, [group(DESCRIBE), topic(DESCRIBE)]);
  ask("offsets deleted", "OffsetDelete", 0, {
    groupId: "g",
    topics: ["shown", "none"].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
  }, [group(DELETE), topic(READ), topic(READ, "none")]);
  ask("a group's coordinator", "FindCoordinator", 4, { keyType: 0, coordinatorKeys: ["g", "h"] }, [
    group(DESCRIBE),
    group(DESCRIBE, "h"),
  ]);
  ask("an id's coordinator", "FindCoordinator", 3, { keyType: 1, key: "x" }, [txn(DESCRIBE)]);
  ask("a member joins", "JoinGroup", 9, {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "nobody",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  }, [group(READ)]);
  ask("a member's beat", "Heartbeat", 4, { groupId: "g", generationId: 1, memberId: "nobody" }, [
    group(READ),
  ]);
  ask("a member leaves", "LeaveGroup", 5, {
    groupId: "g",
    members: [{ memberId: "nobody", groupInstanceId: null }],
  }, [group(READ)]);
  ask("a member asks for its partitions", "SyncGroup", 5, {
    groupId: "g",
    generationId: 1,
    memberId: "nobody",
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  }, [group(READ)]);
  ask("a member's beat in the new protocol", "ConsumerGroupHeartbeat", 0, {
    groupId: "k",
    memberId: "nobody",
    memberEpoch: 5,
    subscribedTopicNames: ["shown", "none"],
  }, [group(READ, "k"), topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("groups described", "DescribeGroups", 6, {
    groups: ["g", "h"],
    includeAuthorizedOperations: true,
  }, [group(DESCRIBE), group(DESCRIBE, "h"), group(DELETE)]);
  ask("groups of the new protocol described", "ConsumerGroupDescribe", 0, {
    groupIds: ["k"],
    includeAuthorizedOperations: true,
  }, [group(DESCRIBE, "k")]);
  ask("groups deleted", "DeleteGroups", 2, { groupsNames: ["h", "i"] }, [
    group(DELETE, "h"),
    group(DELETE, "i"),
  ]);
  ask("groups listed", "ListGroups", 4, { statesFilter: [] }, [group(DESCRIBE)]);

  ask("an id for a producer without a transactional one", "InitProducerId", 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  }, [topic(WRITE, "anything")]);
  ask("an id for an idempotent producer by right of the cluster", "InitProducerId", 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  }, [cluster(IDEMPOTENT)]);
  ask("an id for a transactional producer", "InitProducerId", 4, {
    transactionalId: "x",
    transactionTimeoutMs: 0,
    producerId: -1,
    producerEpoch: -1,
  }, [txn(WRITE)]);
  ask("partitions for a transaction", "AddPartitionsToTxn", 3, {
    v3AndBelowTransactionalId: "x",
    v3AndBelowProducerId: 77,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: ["shown", "other"].map((name) => ({ name, partitions: [0] })),
  }, [txn(WRITE), topic(WRITE), topic(WRITE, "other")]);
  ask("partitions for a transaction, one unknown", "AddPartitionsToTxn", 3, {
    v3AndBelowTransactionalId: "x",
    v3AndBelowProducerId: 77,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: ["shown", "none", "__consumer_offsets"].map((name) => ({
      name,
      partitions: [0],
    })),
  }, [txn(WRITE), topic(WRITE), topic(WRITE, "none")]);
  ask("partitions for a broker's transactions", "AddPartitionsToTxn", 4, {
    transactions: [{
      transactionalId: "x",
      producerId: 77,
      producerEpoch: 0,
      verifyOnly: true,
      topics: [{ name: "shown", partitions: [0] }],
    }],
  }, [cluster(CLUSTER_ACTION)]);
  ask("a group for a transaction", "AddOffsetsToTxn", 3, {
    transactionalId: "x",
    producerId: 77,
    producerEpoch: 0,
    groupId: "g",
  }, [txn(WRITE), group(READ)]);
  ask("a transaction's end", "EndTxn", 3, {
    transactionalId: "x",
    producerId: 77,
    producerEpoch: 0,
    committed: true,
  }, [txn(WRITE)]);
  ask("offsets in a transaction", "TxnOffsetCommit", 3, {
    transactionalId: "x",
    groupId: "g",
    producerId: 77,
    producerEpoch: 0,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: offsets,
  }, [txn(WRITE), group(READ), topic(READ), topic(READ, "none")]);
  ask("markers", "WriteTxnMarkers", 1, {
    markers: [{
      producerId: 77,
      producerEpoch: 0,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics: [{ name: "none", partitionIndexes: [0] }],
    }],
  }, [cluster(ALTER)]);
  ask("transactions described", "DescribeTransactions", 0, { transactionalIds: ["x", "y"] }, [
    txn(DESCRIBE),
    txn(DESCRIBE, "y"),
  ]);
  ask("transactions listed", "ListTransactions", 0, { stateFilters: [], producerIdFilters: [] }, [
    txn(DESCRIBE),
  ]);

  const resources = [[2, "shown"], [2, "none"], [32, "g"], [16, "m"]].map((
    [resourceType, resourceName],
  ) => ({ resourceType, resourceName, configurationKeys: ["nothing"] }));
  ask("configs described", "DescribeConfigs", 4, { resources }, [
    topic(D_CONFIGS),
    topic(D_CONFIGS, "none"),
    group(D_CONFIGS),
    cluster(D_CONFIGS),
  ]);
  const none = (configs: unknown[]) =>
    resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, configs }));
  ask("configs altered", "IncrementalAlterConfigs", 1, { validateOnly: true, resources: none([]) }, [
    topic(A_CONFIGS),
    topic(A_CONFIGS, "none"),
    group(A_CONFIGS),
    cluster(A_CONFIGS),
  ]);
  ask("configs replaced", "AlterConfigs", 2, { validateOnly: true, resources: none([]) }, [
    topic(A_CONFIGS),
    topic(A_CONFIGS, "none"),
    group(A_CONFIGS),
    cluster(A_CONFIGS),
  ]);
  ask("resources with configs", "ListConfigResources", 0, {}, [cluster(D_CONFIGS)]);

  const anyAcl = { resourceTypeFilter: 2, resourceNameFilter: "nobody's", patternTypeFilter: 3 };
  const anybody = { principalFilter: "User:nobody", hostFilter: "*", operation: 3, permissionType: 3 };
  ask("ACLs described", "DescribeAcls", 3, { ...anyAcl, ...anybody }, [cluster(DESCRIBE)]);
  const rule = { resourceType: 2, resourceName: "", principal: "User:nobody", host: "*" };
  ask("ACLs made", "CreateAcls", 3, {
    creations: [
      { ...rule, operation: 3, permissionType: 3 },
      { ...rule, resourceType: 4, resourceName: "other-cluster", operation: 3, permissionType: 3 },
      { ...rule, resourceName: "t", principal: "nobody", operation: 3, permissionType: 3 },
    ],
  }, [cluster(ALTER)]);
  ask("ACLs deleted", "DeleteAcls", 3, { filters: [{ ...anyAcl, ...anybody }] }, [cluster(ALTER)]);
  ask("the cluster described", "DescribeCluster", 0, { includeClusterAuthorizedOperations: true }, [
    cluster(DESCRIBE),
    cluster(ALTER),
  ]);
  ask("the quorum", "DescribeQuorum", 0, {
    topics: [{ topicName: "nothing", partitions: [{ partitionIndex: 0 }] }],
  }, [cluster(DESCRIBE)]);
  ask("directories", "DescribeLogDirs", 4, { topics: [] }, [cluster(DESCRIBE)]);
  ask("moves listed", "ListPartitionReassignments", 0, { topics: null, timeoutMs: 1000 }, [
    cluster(DESCRIBE),
  ]);
  ask("moves", "AlterPartitionReassignments", 0, {
    timeoutMs: 1000,
    topics: [{ name: "none", partitions: [{ partitionIndex: 0, replicas: null }] }],
  }, [cluster(ALTER)]);
  ask("moves between directories", "AlterReplicaLogDirs", 2, {
    dirs: [{ path: "/nowhere", topics: [{ name: "shown", partitions: [0] }] }],
  }, [cluster(ALTER)]);
  ask("elections", "ElectLeaders", 2, {
    electionType: 0,
    timeoutMs: 1000,
    topicPartitions: [{ topic: "shown", partitions: [0] }],
  }, [cluster(ALTER)]);
  ask("users described", "DescribeUserScramCredentials", 0, { users: [{ name: "nobody" }] }, [
    cluster(DESCRIBE),
  ]);
  ask("users altered", "AlterUserScramCredentials", 0, {
    deletions: [{ name: "nobody", mechanism: 1 }],
    upsertions: [],
  }, [cluster(ALTER)]);
  ask("quotas described", "DescribeClientQuotas", 1, {
    components: [{ entityType: "user", matchType: 0, match: "nobody" }],
    strict: true,
  }, [cluster(D_CONFIGS)]);
  ask("quotas altered", "AlterClientQuotas", 1, {
    entries: [{ entity: [{ entityType: "bad", entityName: "x" }], ops: [] }],
    validateOnly: true,
  }, [cluster(A_CONFIGS)]);
  ask("features", "UpdateFeatures", 1, {
    timeoutMs: 1000,
    validateOnly: true,
    featureUpdates: [{ feature: "nothing", maxVersionLevel: 1, upgradeType: 1 }],
  }, [cluster(ALTER)]);
  ask("a broker taken out", "UnregisterBroker", 0, { brokerId: 77 }, [cluster(ALTER)]);
  return list;
}
