/**
 * Requests of the consumer protocol: the checks that come before a group's machine is asked, and descriptions.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import {
  describeConsumerGroup,
  type DescribedConsumerGroup,
  undescribed,
} from "../consumer/consumer_describe.ts";
import type { ConsumerMember } from "../consumer/consumer_group.ts";
import type { HeartbeatReply } from "../consumer/consumer_decision.ts";
import {
  type HeartbeatCaller,
  heartbeatEvent,
  type HeartbeatRequest,
} from "../consumer/consumer_request.ts";
import type { GroupCoordinator } from "../coordinator.ts";

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
  if (typeof partition === "number") {
    return { errorCode: partition, errorMessage: coordinator.failureOf(groupId) };
  }
  const isFull = !partition.shard.groups.has(groupId) && coordinator.isFull;
  if (isFull || !coordinator.memberBytes.admits(saidLength(request, caller))) {
    return { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED };
  }
  const group = partition.shard.getOrNew(groupId, coordinator.now().wallMs);
  const reply = await coordinator.ask(partition, group, (ticket) => ({ ...event, ticket }));
  if (reply.api === "consumerHeartbeat" || reply.api === "refused") return reply.body;
  throw new Error(`A request for consumerHeartbeat was answered as ${reply.api}`);
}

/** What is new of what the member says of itself, in characters: most heartbeats say nothing. */
function saidLength(
  { memberEpoch, memberId, subscribedTopicNames, subscribedTopicRegex }: HeartbeatRequest,
  { clientId }: HeartbeatCaller,
): number {
  let length = memberEpoch === 0 ? memberId.length + clientId.length : 0;
  for (const name of subscribedTopicNames ?? []) length += name.length;
  return length + (subscribedTopicRegex?.length ?? 0);
}

export function describeConsumer(
  coordinator: GroupCoordinator,
  groupId: string,
  { explain = false }: { readonly explain?: boolean } = {},
): DescribedConsumerGroup {
  if (groupId === "") return { groupId, errorCode: ErrorCode.INVALID_GROUP_ID };
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") {
    return { groupId, errorCode: partition, errorMessage: coordinator.failureOf(groupId) };
  }
  const members = partition.shard.get(groupId)?.members;
  if (members?.type !== "consumer") return undescribed(groupId, members !== undefined);
  const { topics, settings } = coordinator.consumer;
  const { assignors: [defaultAssignor], sessionTimeoutMs } = settings(groupId);
  const described = describeConsumerGroup(members, { topics, defaultAssignor });
  if (!explain) return described;
  const nowMs = coordinator.now().ms;
  return {
    ...described,
    members: Array.from(described.members ?? [], (shown) => {
      const member = members.members.get(shown.memberId!)!;
      return { ...shown, ...silenceOf(member, { nowMs, sessionTimeoutMs }) };
    }),
  };
}

/** How long nothing was heard of a member; nothing is told of a static one that is away on purpose. */
function silenceOf(
  { sessionDeadlineMs, metadata }: Readonly<ConsumerMember>,
  { nowMs, ...settings }: { readonly nowMs: number; readonly sessionTimeoutMs: number },
): { silentMs: number; sessionTimeoutMs: number } | Record<never, never> {
  if (sessionDeadlineMs === Infinity) return {};
  const sessionTimeoutMs = metadata.classic?.sessionTimeoutMs ?? settings.sessionTimeoutMs;
  const silentMs = Math.max(0, Math.round(nowMs - sessionDeadlineMs + sessionTimeoutMs));
  return { silentMs, sessionTimeoutMs };
}
