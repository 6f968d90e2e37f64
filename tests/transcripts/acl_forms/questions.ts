/**
 * What the same right looks like in other forms of a request: versions that name topics by id, what is named twice, in two ways or
 * in none, older versions, pages, patterns, batches of transactions.
 */
import type { Question, Right } from "../acls/questions/question.ts";
import { ZERO_UUID } from "../../../src/bytes/uuid.ts";
import { apis } from "../../../src/protocol/messages/mod.ts";
import { buildBatch } from "../../../src/protocol/records/build.ts";

/** There before anything is asked. */
export const TOPICS = ["shown", "other", "doomed", "idle", "null"] as const;

const READ = 3, WRITE = 4, CREATE = 5, DELETE = 6, ALTER = 7, DESCRIBE = 8;
const CLUSTER_ACTION = 9, A_CONFIGS = 11;
const topic = (operation: number, name = "shown"): Right => [operation, 2, name];
const group = (operation: number, name = "g"): Right => [operation, 3, name];
const cluster = (operation: number): Right => [operation, 4, "kafka-cluster"];
const txn = (operation: number, name = "x"): Right => [operation, 5, name];

/** `ids`: of the topics, by name. */
export function questions(ids: ReadonlyMap<string, string>): Question[] {
  const list: Question[] = [], unknownId = "AAAAAAAAAAAAAAAAAAAAEQ";
  const id = (name: string) => ids.get(name)!;
  const ask = (
    name: string,
    api: string,
    version: number,
    request: Record<string, unknown>,
    rights: Right[],
  ) => list.push({ name, api: apis.find((one) => one.name === api)!, version, request, rights });
  const plain = () => buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array(1) }] });
  ask("produce by id", "Produce", 13, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: [id("shown"), unknownId].map((topicId) => ({
      topicId,
      partitionData: [{ index: 0, records: plain() }],
    })),
  }, [topic(WRITE)]);
  const inTransaction = () =>
    buildBatch(
      {
        records: [{ timestampMs: 1, value: new Uint8Array(1) }],
        producerId: 77,
        producerEpoch: 0,
        baseSequence: 0,
        isTransactional: true,
      } as never,
    );
  ask("produce in a transaction", "Produce", 11, {
    transactionalId: "x",
    acks: 1,
    timeoutMs: 1000,
    topicData: ["shown", "other"].map((name) => ({
      name,
      partitionData: [{ index: 0, records: inTransaction() }],
    })),
  }, [txn(WRITE), topic(WRITE), topic(WRITE, "other")]);
  ask("produce in a transaction without id", "Produce", 11, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: "shown", partitionData: [{ index: 0, records: inTransaction() }] }],
  }, [topic(WRITE)]);
  ask("produce with an id and no transaction", "Produce", 11, {
    transactionalId: "zzz",
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: "shown", partitionData: [{ index: 0, records: plain() }] }],
  }, [topic(WRITE)]);
  ask("commit by id", "OffsetCommit", 10, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [id("shown"), unknownId, ZERO_UUID].map((topicId) => ({
      topicId,
      partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }],
    })),
  }, [group(READ), topic(READ)]);
  ask("offsets by id", "OffsetFetch", 10, {
    groups: [{
      groupId: "g",
      topics: [id("shown"), id("other"), unknownId, ZERO_UUID].map((topicId) => ({
        topicId,
        partitionIndexes: [0],
      })),
    }],
  }, [group(DESCRIBE), topic(DESCRIBE), topic(DESCRIBE, "other")]);
  ask("all offsets by id", "OffsetFetch", 10, {
    groups: [{ groupId: "g", topics: null }, { groupId: "h", topics: null }],
  }, [group(DESCRIBE), topic(DESCRIBE, "other")]);
  ask("all offsets v5", "OffsetFetch", 5, { groupId: "g", topics: null }, [
    group(DESCRIBE),
    topic(DESCRIBE, "other"),
  ]);
  ask("offsets of none", "OffsetFetch", 7, { groupId: "g", topics: [] }, [group(DESCRIBE)]);
  ask("txn commit by id", "TxnOffsetCommit", 6, {
    transactionalId: "x",
    groupId: "g",
    producerId: 77,
    producerEpoch: 0,
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [id("shown"), unknownId].map((topicId) => ({
      topicId,
      partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }],
    })),
  }, [txn(WRITE), group(READ), topic(READ)]);
  const del = (topics: unknown[]) => ({ timeoutMs: 1000, topics });
  ask("delete name and id", "DeleteTopics", 6, del([{ name: "shown", topicId: id("shown") }]), [
    topic(DELETE),
  ]);
  ask(
    "delete id twice",
    "DeleteTopics",
    6,
    del([{ name: null, topicId: id("shown") }, { name: null, topicId: id("shown") }]),
    [topic(DELETE)],
  );
  ask(
    "delete name twice",
    "DeleteTopics",
    6,
    del([{ name: "shown", topicId: ZERO_UUID }, { name: "shown", topicId: ZERO_UUID }]),
    [topic(DELETE)],
  );
  ask("delete nothing named", "DeleteTopics", 6, del([{ name: null, topicId: ZERO_UUID }]), [
    topic(DELETE),
  ]);
  ask("delete unknown by name", "DeleteTopics", 6, del([{ name: "none", topicId: ZERO_UUID }]), [
    topic(DESCRIBE, "none"),
    topic(DELETE, "none"),
  ]);
  ask(
    "delete null",
    "DeleteTopics",
    6,
    del([{ name: null, topicId: id("null") }, { name: "null", topicId: id("null") }]),
    [topic(DESCRIBE, "null")],
  );
  ask("partitions from a cursor", "DescribeTopicPartitions", 0, {
    topics: [],
    cursor: { topicName: "other", partitionIndex: 0 },
    responsePartitionLimit: 1,
  }, [topic(DESCRIBE), topic(DESCRIBE, "other")]);
  ask("partitions from a cursor not asked for", "DescribeTopicPartitions", 0, {
    topics: [{ name: "shown" }],
    cursor: { topicName: "other", partitionIndex: 0 },
  }, [topic(DESCRIBE)]);
  ask("partitions page", "DescribeTopicPartitions", 0, {
    topics: ["other", "shown", "idle"].map((name) => ({ name })),
    cursor: null,
    responsePartitionLimit: 1,
  }, [topic(DESCRIBE), topic(DESCRIBE, "other")]);
  ask("regex", "ConsumerGroupHeartbeat", 1, {
    groupId: "kr",
    memberId: "AAAAAAAAAAAAAAAAAAAAEQ",
    memberEpoch: 5,
    subscribedTopicRegex: "sho.*",
  }, [group(READ, "kr"), topic(DESCRIBE)]);
  ask("names, empty", "ConsumerGroupHeartbeat", 0, {
    groupId: "k",
    memberId: "nobody",
    memberEpoch: 5,
    subscribedTopicNames: [""],
  }, [group(READ, "k")]);
  const alt = (...r: [number, string][]) =>
    r.map(([resourceType, resourceName]) => ({ resourceType, resourceName, configs: [] }));
  ask("alter of brokers", "IncrementalAlterConfigs", 1, {
    validateOnly: true,
    resources: alt([4, ""], [3, "x"], [0, "x"]),
  }, [cluster(A_CONFIGS)]);
  ask("alter twice", "IncrementalAlterConfigs", 1, {
    validateOnly: true,
    resources: alt([2, "shown"], [2, "shown"], [2, "other"]),
  }, [topic(A_CONFIGS), topic(A_CONFIGS, "other")]);
  ask("groups by type", "ListGroups", 5, { statesFilter: [], typesFilter: ["classic"] }, [
    group(DESCRIBE),
    cluster(DESCRIBE),
  ]);
  ask("share coordinator", "FindCoordinator", 6, {
    keyType: 2,
    coordinatorKeys: ["g:AAAAAAAAAAAAAAAAAAAAEQ:0"],
  }, [cluster(CLUSTER_ACTION)]);
  ask("coordinators of ids", "FindCoordinator", 6, { keyType: 1, coordinatorKeys: ["x", "y"] }, [
    txn(DESCRIBE),
    txn(DESCRIBE, "y"),
  ]);
  ask("coordinator v0", "FindCoordinator", 0, { key: "g" }, [group(DESCRIBE)]);
  ask("coordinator of nothing", "FindCoordinator", 4, { keyType: 0, coordinatorKeys: [""] }, [
    group(DESCRIBE),
  ]);
  const made = (name: string) => ({
    name,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  });
  ask("internal topics made", "CreateTopics", 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("__cluster_metadata"), made("new")],
  }, [cluster(CREATE)]);
  ask("internal topics made by topic", "CreateTopics", 7, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: [made("__cluster_metadata"), made("new"), made("new")],
  }, [topic(CREATE, "__cluster_metadata"), topic(CREATE, "new")]);
  ask("partitions twice", "CreatePartitions", 3, {
    timeoutMs: 1000,
    validateOnly: true,
    topics: ["shown", "shown", "other"].map((name) => ({ name, count: 5, assignments: null })),
  }, [topic(ALTER), topic(ALTER, "other")]);
  ask("offsets by a broker", "ListOffsets", 7, {
    replicaId: 1,
    isolationLevel: 0,
    topics: [{
      name: "shown",
      partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2n }],
    }],
  }, [topic(DESCRIBE), cluster(CLUSTER_ACTION)]);
  ask("fetch by a broker without", "Fetch", 12, {
    replicaId: 5,
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
  }, [topic(READ)]);
  ask("metadata id and name", "Metadata", 12, {
    allowAutoTopicCreation: false,
    topics: [{ topicId: id("shown"), name: null }, { topicId: ZERO_UUID, name: "other" }],
  }, [topic(DESCRIBE), topic(DESCRIBE, "other")]);
  ask("metadata that makes", "Metadata", 12, {
    allowAutoTopicCreation: true,
    topics: [{ topicId: ZERO_UUID, name: "bad name" }, { topicId: ZERO_UUID, name: "shown" }],
  }, [topic(DESCRIBE), topic(DESCRIBE, "bad name"), cluster(CREATE)]);
  ask("elections of all", "ElectLeaders", 2, {
    electionType: 0,
    timeoutMs: 1000,
    topicPartitions: null,
  }, [cluster(ALTER)]);
  ask("transactions by pattern", "ListTransactions", 2, {
    stateFilters: [],
    producerIdFilters: [],
    durationFilter: -1n,
    transactionalIdPattern: "(",
  }, [txn(DESCRIBE)]);
  ask("delete groups twice", "DeleteGroups", 2, { groupsNames: ["h", "h"] }, [group(DELETE, "h")]);
  for (const v of [0, 3]) {
    ask(
      `a member leaves, version ${v}`,
      "LeaveGroup",
      v,
      v === 0
        ? { groupId: "g", memberId: "nobody" }
        : { groupId: "g", members: [{ memberId: "nobody", groupInstanceId: null }] },
      [group(READ)],
    );
  }
  ask("join v0", "JoinGroup", 0, {
    groupId: "g",
    sessionTimeoutMs: 10000,
    memberId: "nobody",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  }, [group(READ)]);
  ask("sync v0", "SyncGroup", 0, {
    groupId: "g",
    generationId: 1,
    memberId: "nobody",
    assignments: [],
  }, [group(READ)]);
  ask("describe groups v0", "DescribeGroups", 0, { groups: ["g", "h", "g"] }, [
    group(DESCRIBE),
    group(DESCRIBE, "h"),
  ]);
  ask("consumer describe", "ConsumerGroupDescribe", 1, {
    groupIds: ["g", "k", "k"],
    includeAuthorizedOperations: true,
  }, [group(DESCRIBE), group(DESCRIBE, "k")]);
  ask("markers by a broker", "WriteTxnMarkers", 1, {
    markers: [{
      producerId: 77,
      producerEpoch: 0,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics: [{ name: "none", partitionIndexes: [0] }],
    }],
  }, [cluster(CLUSTER_ACTION)]);
  ask("producers twice", "DescribeProducers", 0, {
    topics: ["shown", "shown"].map((name) => ({ name, partitionIndexes: [0, 0] })),
  }, [topic(READ)]);
  ask("cluster v2", "DescribeCluster", 2, {
    includeClusterAuthorizedOperations: true,
    endpointType: 1,
    includeFencedBrokers: true,
  }, [cluster(DESCRIBE)]);
  ask("cluster controllers", "DescribeCluster", 1, {
    includeClusterAuthorizedOperations: true,
    endpointType: 2,
  }, [cluster(DESCRIBE)]);
  ask("end of txn v5", "EndTxn", 5, {
    transactionalId: "x",
    producerId: 77,
    producerEpoch: 0,
    committed: true,
  }, [txn(WRITE)]);
  ask("records deleted twice", "DeleteRecords", 2, {
    timeoutMs: 1000,
    topics: ["shown", "shown"].map((name) => ({
      name,
      partitions: [{ partitionIndex: 0, offset: 0n }],
    })),
  }, [topic(DELETE)]);
  ask("add partitions v5", "AddPartitionsToTxn", 5, {
    transactions: [{
      transactionalId: "x",
      producerId: 77,
      producerEpoch: 0,
      verifyOnly: true,
      topics: [{ name: "shown", partitions: [0] }],
    }],
  }, [txn(WRITE), topic(WRITE), cluster(CLUSTER_ACTION)]);
  ask("quorum", "DescribeQuorum", 1, {
    topics: [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }],
  }, [cluster(DESCRIBE)]);
  return list;
}
