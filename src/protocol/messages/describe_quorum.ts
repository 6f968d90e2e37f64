/**
 * DescribeQuorum: the voters and observers of the metadata log and how far each has come.
 *
 * v1 times of the last fetch and of catching up · v2 directory ids, listeners of the voters, error messages.
 */
import { api, array, int16, int32, int64, string, uint16, uuid } from "../schema.ts";

const replicaState = {
  replicaId: int32,
  replicaDirectoryId: uuid.in("2+"),
  logEndOffset: int64,
  lastFetchTimestamp: int64.default(-1).in("1+").ignorable(),
  lastCaughtUpTimestamp: int64.default(-1).in("1+").ignorable(),
};

export const DescribeQuorum = api({
  key: 55,
  name: "DescribeQuorum",
  versions: "0-2",
  flexible: "0+",
  request: {
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable().default("").in("2+").ignorable(),
    topics: array({
      topicName: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().default("").in("2+").ignorable(),
        leaderId: int32,
        leaderEpoch: int32,
        highWatermark: int64,
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array({
      nodeId: int32,
      listeners: array({
        name: string,
        host: string,
        port: uint16,
      }),
    }).in("2+"),
  },
});
