/**
 * One group for ConsumerGroupDescribe.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerGroupDescribe } from "../../protocol/messages/consumer_group_describe.ts";
import type { Encodable } from "../../protocol/schema.ts";
import {
  type ConsumerGroup,
  consumerGroupState,
  type ConsumerMember,
  NO_TARGET,
} from "./consumer_group.ts";
import { assignorName } from "./consumer_target.ts";
import type { TopicView } from "./consumer_topics.ts";

export type DescribedConsumerGroup = NonNullable<
  Encodable<typeof ConsumerGroupDescribe["response"]>["groups"]
>[number];

export function describeConsumerGroup(
  group: Readonly<ConsumerGroup>,
  { topics, defaultAssignor }: { readonly topics: TopicView; readonly defaultAssignor: string },
): DescribedConsumerGroup {
  return {
    groupId: group.id,
    groupState: consumerGroupState(group),
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: assignorName(group, defaultAssignor),
    members: Array.from(group.members.values(), (member) => describeMember(group, member, topics)),
  };
}

/** What is answered for a group that is not there, or of another type. */
export function undescribed(groupId: string, isOfAnotherType: boolean): DescribedConsumerGroup {
  return {
    groupId,
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage: isOfAnotherType
      ? `Group ${groupId} is not a consumer group.`
      : `Group ${groupId} not found.`,
  };
}

type DescribedMember = NonNullable<DescribedConsumerGroup["members"]>[number];

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

function describeMember(
  group: Readonly<ConsumerGroup>,
  member: Readonly<ConsumerMember>,
  topics: TopicView,
): DescribedMember {
  const { metadata } = member;
  return {
    memberId: member.id,
    instanceId: metadata.instanceId,
    rackId: metadata.rackId,
    memberEpoch: member.epoch,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: [...metadata.topicNames],
    subscribedTopicRegex: metadata.topicRegex,
    assignment: { topicPartitions: named(withRevoking(member), topics) },
    targetAssignment: { topicPartitions: named(group.targets.get(member.id) ?? NO_TARGET, topics) },
    memberType: metadata.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

function* withRevoking({ assigned, revoking }: Readonly<ConsumerMember>) {
  for (const [topicId, partitions] of assigned) yield [topicId, partitions.keys()] as const;
  for (const [topicId, partitions] of revoking) yield [topicId, partitions.keys()] as const;
}

/** Topics that were deleted since are left out, as in Kafka; what a member has yet to let go of is still its own. */
function named(
  assignment: Iterable<readonly [Uuid, Iterable<number>]>,
  topics: TopicView,
): { topicId: Uuid; topicName: string; partitions: number[] }[] {
  const byTopic = new Map<Uuid, number[]>();
  for (const [topicId, partitions] of assignment) {
    byTopic.set(topicId, [...byTopic.get(topicId) ?? [], ...partitions].sort((a, b) => a - b));
  }
  return [...byTopic].flatMap(([topicId, partitions]) => {
    const topic = topics.byId(topicId);
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions }];
  });
}
