/**
 * Metadata: brokers, topics, partitions and who leads them.
 *
 * v0 takes an empty list for "all topics", later versions null · v4 may forbid auto-creation · v7 leader epochs ·
 * v8 authorized operations · v9 flexible · v10 topic ids in responses · v11 no cluster operations (DescribeCluster
 * has them) · v12 asks by topic id · v13 a top-level error code.
 */
import { api, array, bool, int16, int32, string, uuid } from "../schema.ts";

export const Metadata = api({
  key: 3,
  name: "Metadata",
  versions: "0-13",
  flexible: "9+",
  request: {
    topics: array({
      topicId: uuid.in("10+").ignorable(),
      name: string.nullable("10+").default(""),
    }).nullable("1+").default([]), // null: all topics (v0: empty)
    allowAutoTopicCreation: bool.default(true).in("4+"),
    includeClusterAuthorizedOperations: bool.in("8-10"),
    includeTopicAuthorizedOperations: bool.in("8+"),
  },
  response: {
    throttleTimeMs: int32.in("3+").ignorable(),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().in("1+").ignorable(),
    }),
    clusterId: string.nullable().in("2+").ignorable(),
    controllerId: int32.default(-1).in("1+").ignorable(),
    topics: array({
      errorCode: int16,
      name: string.nullable("12+").default(""),
      topicId: uuid.in("10+").ignorable(),
      isInternal: bool.in("1+").ignorable(),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.default(-1).in("7+").ignorable(),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).in("5+").ignorable(),
      }),
      topicAuthorizedOperations: int32.default(-2147483648).in("8+"),
    }),
    clusterAuthorizedOperations: int32.default(-2147483648).in("8-10"),
    errorCode: int16.in("13+").ignorable(),
  },
});
