/**
 * DescribeCluster: cluster id, brokers and controller.
 *
 * v1 the kind of endpoint asked · v2 fenced brokers.
 */
import { api, array, bool, int16, int32, int8, string } from "../schema.ts";

export const DescribeCluster = api({
  key: 60,
  name: "DescribeCluster",
  versions: "0-2",
  flexible: "0+",
  request: {
    includeClusterAuthorizedOperations: bool,
    endpointType: int8.default(1).in("1+"),
    includeFencedBrokers: bool.in("2+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    endpointType: int8.default(1).in("1+"),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable(),
      isFenced: bool.in("2+"),
    }),
    clusterAuthorizedOperations: int32.default(-2147483648),
  },
});
