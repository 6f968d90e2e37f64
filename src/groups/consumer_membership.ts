/**
 * Requests of the consumer protocol: the checks that come before a group's machine is asked, and descriptions.
 */
import { ErrorCode } from "../protocol/errors.ts";
import {
  describeConsumerGroup,
  type DescribedConsumerGroup,
  undescribed,
} from "./consumer_describe.ts";
import type { HeartbeatReply } from "./consumer_decision.ts";
import { type HeartbeatCaller, heartbeatEvent, type HeartbeatRequest } from "./consumer_request.ts";
import type { GroupCoordinator } from "./coordinator.ts";

export async function consumerGroupHeartbeat(
  coordinator: GroupCoordinator,
  request: HeartbeatRequest,
  caller: HeartbeatCaller,
): Promise<HeartbeatReply> {
  coordinator.metrics.heartbeats++;
  const { groupId } = request;
  const { assignors } = coordinator.consumer.settings(groupId);
  const event = heartbeatEvent(request, caller, { assignors, newId: coordinator.newId });
  if ("errorCode" in event) return event;
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return { errorCode: partition };
  if (!partition.groups.has(groupId) && coordinator.isFull) {
    return { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED };
  }
  const group = partition.groupOrNew(groupId, coordinator.now().wallMs);
  const reply = await coordinator.ask(partition, group, (ticket) => ({ ...event, ticket }));
  if (reply.api === "consumerHeartbeat" || reply.api === "refused") return reply.body;
  throw new Error(`A request for consumerHeartbeat was answered as ${reply.api}`);
}

export function describeConsumer(
  coordinator: GroupCoordinator,
  groupId: string,
): DescribedConsumerGroup {
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return { groupId, errorCode: partition };
  const members = partition.groups.get(groupId)?.members;
  if (members?.type !== "consumer") return undescribed(groupId, members !== undefined);
  const { topics, settings } = coordinator.consumer;
  const [defaultAssignor] = settings(groupId).assignors;
  return describeConsumerGroup(members, { topics, defaultAssignor });
}
