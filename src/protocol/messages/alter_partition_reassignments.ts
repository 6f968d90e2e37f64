/**
 * AlterPartitionReassignments: moves partitions to other replicas, or cancels a move.
 *
 * v1 may insist on an unchanged replication factor.
 */
import { api, array, bool, int16, int32, string } from "../schema.ts";

export const AlterPartitionReassignments = api({
  key: 45,
  name: "AlterPartitionReassignments",
  versions: "0-1",
  flexible: "0+",
  request: {
    timeoutMs: int32.default(60000),
    allowReplicationFactorChange: bool.default(true).in("1+"),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32).nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    allowReplicationFactorChange: bool.default(true).in("1+").ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});
