/**
 * FindCoordinator: the broker that keeps a group, a transactional id or a share partition.
 *
 * v1 more than groups · v3 flexible · v4 many keys at once · v5 ABORTABLE errors · v6 share partitions.
 */
import { api, array, int16, int32, int8, string } from "../schema.ts";

export const FindCoordinator = api({
  key: 10,
  name: "FindCoordinator",
  versions: "0-6",
  flexible: "3+",
  request: {
    key: string.in("0-3"),
    keyType: int8.in("1+"), // 0 group, 1 transactional id, 2 share partition
    coordinatorKeys: array(string).in("4+"),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    errorCode: int16.in("0-3"),
    errorMessage: string.nullable().default("").in("1-3").ignorable(),
    nodeId: int32.in("0-3"),
    host: string.in("0-3"),
    port: int32.in("0-3"),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).in("4+"),
  },
});
