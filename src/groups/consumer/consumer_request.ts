/**
 * A ConsumerGroupHeartbeat request as the machine's event, or why it is none (GroupCoordinatorService).
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer_group_heartbeat.ts";
import type { Decoded } from "../../protocol/schema.ts";
import type { Refusal } from "./consumer_decision.ts";
import { LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from "./consumer_group.ts";
import type { ConsumerHeartbeatEvent } from "./consumer_heartbeat.ts";

export type HeartbeatRequest = Decoded<typeof ConsumerGroupHeartbeat["request"]>;

export interface HeartbeatCaller {
  readonly apiVersion: number;
  readonly clientId: string;
  /** "/127.0.0.1" */
  readonly clientHost: string;
  /** Whether the caller may know of a topic; absent where everybody may. */
  readonly mayDescribe?: (topic: string) => boolean;
}

/** `newId` makes a member id for a client of v0, which does not bring its own. */
export function heartbeatEvent(
  request: HeartbeatRequest,
  caller: HeartbeatCaller,
  { assignors, newId }: { readonly assignors: readonly string[]; readonly newId: () => string },
): ConsumerHeartbeatEvent | Refusal {
  const fault = requestFault(request, caller.apiVersion);
  if (fault !== null) return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: fault };
  const { serverAssignor } = request;
  if (serverAssignor !== null && !assignors.includes(serverAssignor)) {
    return {
      errorCode: ErrorCode.UNSUPPORTED_ASSIGNOR,
      errorMessage: `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ` +
        `${assignors.join(", ")}.`,
    };
  }
  return {
    kind: "consumerHeartbeat",
    memberId: request.memberId === "" ? newId() : request.memberId,
    memberEpoch: request.memberEpoch,
    instanceId: request.instanceId,
    clientId: caller.clientId,
    clientHost: caller.clientHost,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    topicNames: request.subscribedTopicNames,
    topicRegex: request.subscribedTopicRegex,
    serverAssignor,
    owned: request.topicPartitions,
    ...caller.mayDescribe && { mayDescribe: caller.mayDescribe },
  };
}

/** In the words of Kafka, whose clients show them. */
function requestFault(request: HeartbeatRequest, apiVersion: number): string | null {
  const { memberEpoch } = request;
  const bringsId = apiVersion >= 1 || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH;
  if (bringsId && isEmpty(request.memberId)) return "MemberId can't be empty.";
  if (isEmpty(request.groupId)) return "GroupId can't be empty.";
  if (isEmpty(request.instanceId)) return "InstanceId can't be empty.";
  if (isEmpty(request.rackId)) return "RackId can't be empty.";
  if (memberEpoch === 0) return joinFault(request);
  if (memberEpoch === LEAVE_STATIC_EPOCH && request.instanceId === null) {
    return "InstanceId can't be null.";
  }
  return memberEpoch < LEAVE_STATIC_EPOCH ? "MemberEpoch is invalid." : null;
}

function joinFault(request: HeartbeatRequest): string | null {
  if (request.rebalanceTimeoutMs === -1) {
    return "RebalanceTimeoutMs must be provided in first request.";
  }
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    return "TopicPartitions must be empty when (re-)joining.";
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
  }
  return null;
}

function isEmpty(text: string | null): boolean {
  return text !== null && text.trim() === "";
}
