/**
 * DescribeCluster 0–2: cluster id, controller and brokers.
 *
 * Versions: 1 names the kind of endpoint it wants; this is a broker's, so 2 (controller) is 114 and anything else 115
 * · 2 may ask for fenced brokers too.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeCluster } from "../protocol/messages/describe_cluster.ts";
import { Operation } from "../security/acl/acl.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { asRegistered, type EndpointFor } from "./endpoints.ts";
import { type Handler, handler } from "./handler.ts";
import { NO_OPERATIONS } from "./topic_answers.ts";

const BROKER_ENDPOINT = 1, CONTROLLER_ENDPOINT = 2;

export function describeCluster(
  { nodes, endpointFor = asRegistered }: {
    readonly nodes: NodeRegistry;
    readonly endpointFor?: EndpointFor;
  },
): Handler {
  return handler(DescribeCluster, { min: 0, max: 2 }, (request, { connection, access }) => {
    if (request.endpointType !== BROKER_ENDPOINT) return wrongEndpoint(request.endpointType);
    return {
      errorCode: ErrorCode.NONE,
      endpointType: BROKER_ENDPOINT,
      clusterId: nodes.clusterId,
      controllerId: nodes.controllerId,
      brokers: nodes.nodes()
        .filter((node) => request.includeFencedBrokers || !node.isFenced)
        .map((node) => {
          const { id, rack, isFenced } = node;
          const shown = { brokerId: id, ...endpointFor(node, connection), rack };
          return request.includeFencedBrokers ? { ...shown, isFenced } : shown;
        }),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? access.mayCluster(Operation.DESCRIBE) ? access.allowedCluster() : 0
        : NO_OPERATIONS,
    };
  });
}

function wrongEndpoint(wanted: number) {
  return wanted === CONTROLLER_ENDPOINT
    ? {
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage:
        "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
    }
    : {
      errorCode: ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: `Unsupported endpoint type ${wanted}`,
    };
}
