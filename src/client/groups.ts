/**
 * Groups: which there are, who is in them and what they have committed, in one shape for both protocols.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { decodeVersioned } from "../protocol/log_record.ts";
import { ConsumerGroupDescribe } from "../protocol/messages/consumer_group_describe.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../protocol/messages/consumer_protocol.ts";
import { DescribeGroups } from "../protocol/messages/describe_groups.ts";
import { ListGroups } from "../protocol/messages/list_groups.ts";
import type { Decoded } from "../protocol/schema.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import type { Requests } from "./asking.ts";
import type { Connection } from "./connection.ts";
import { coordinatorsOf } from "./coordinators.ts";
import { check } from "./errors.ts";
import { allFetchedOffsets } from "./fetched_offsets.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface GroupListing {
  readonly groupId: string;
  /** "classic", "consumer"; "" where the broker is older than that difference. */
  readonly type: string;
  readonly state: string;
  readonly protocolType: string;
}

export interface GroupDescription {
  readonly groupId: string;
  readonly type: "classic" | "consumer";
  readonly state: string;
  /** Name of the assignor, "" before one is chosen. */
  readonly assignor: string;
  /** Of the consumer protocol; null in classic groups. */
  readonly epoch: number | null;
  /** How long a rebalance has been going on; null when none is, or the broker does not say. */
  readonly rebalancingMs: number | null;
  /** Member ids handed out that have not come back. */
  readonly pendingMembers: number;
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly topics: readonly string[];
  /** What it has, as far as the group knows. */
  readonly partitions: readonly TopicPartition[];
  /** What it is to have, in groups of the consumer protocol. */
  readonly target: readonly TopicPartition[] | null;
  readonly epoch: number | null;
  /** What the group waits for it to do. */
  readonly awaited: "join" | "sync" | null;
  /** Since it was last heard of, and what it may be silent at most; null when the broker does not say. */
  readonly silentMs: number | null;
  readonly sessionTimeoutMs: number | null;
}

/** Every group of every broker, sorted by name. */
export async function listGroups(
  cluster: Cluster,
  call: CallOptions = {},
): Promise<GroupListing[]> {
  return await cluster.retry(async () => {
    const nodes = await cluster.nodes();
    const lists = await Promise.all(nodes.map(async ({ id }) => {
      const connection = await cluster.connectionTo(id);
      const response = await connection.request(ListGroups, connection.versionFor(ListGroups), {});
      check(response.errorCode, `groups of broker ${id}`);
      return response.groups;
    }));
    return lists.flat()
      .map(({ groupId, groupType, groupState, protocolType }) => ({
        groupId,
        type: groupType.toLowerCase(),
        state: groupState,
        protocolType,
      }))
      .sort((a, b) => a.groupId < b.groupId ? -1 : 1);
  }, call);
}

/** One group, as its coordinator has it; null when there is none of that name. */
export async function describeGroup(
  cluster: Cluster,
  groupId: string,
  call: CallOptions = {},
): Promise<GroupDescription | null> {
  return (await describeGroups(cluster, [groupId], call)).get(groupId) ?? null;
}

/** Those of them that there are. Throws KafkaError for the first that may not be seen. */
export async function describeGroups(
  cluster: Cluster,
  groupIds: readonly string[],
  call: CallOptions = {},
): Promise<Map<string, GroupDescription>> {
  return await ofMany(cluster, groupIds, call, describeGroupsAt);
}

/** Asked of the coordinator of all of them, once. */
async function describeGroupsAt(
  coordinator: Requests,
  groupIds: readonly string[],
): Promise<Map<string, GroupDescription>> {
  const found = await describeConsumerGroups(coordinator, groupIds);
  const others = groupIds.filter((groupId) => !found.has(groupId));
  if (others.length === 0) return found;
  return new Map([...found, ...await describeClassicGroups(coordinator, others)]);
}

/** One of it, asked of its coordinator, once. */
export async function describeGroupAt(
  coordinator: Requests,
  groupId: string,
): Promise<GroupDescription | null> {
  return (await describeGroupsAt(coordinator, [groupId])).get(groupId) ?? null;
}

export interface Committed extends TopicPartition {
  readonly offset: bigint;
}

/** Everything a group has committed, by topic and partition. */
export async function committedOffsets(
  cluster: Cluster,
  groupId: string,
  call: CallOptions = {},
): Promise<Committed[]> {
  return (await committedOffsetsOf(cluster, [groupId], call)).get(groupId) ?? [];
}

/** The same of many groups. Throws KafkaError for the first that may not be seen. */
export async function committedOffsetsOf(
  cluster: Cluster,
  groupIds: readonly string[],
  call: CallOptions = {},
): Promise<Map<string, Committed[]>> {
  const found = await ofMany(cluster, groupIds, call, allFetchedOffsets);
  return new Map(
    Array.from(found, ([groupId, all]) => [
      groupId,
      all.map(({ topic, partition, offset }) => ({ topic, partition, offset }))
        .sort((a, b) =>
          a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
        ),
    ]),
  );
}

/** Asks the coordinators of many groups, of some of them at a time; what fails and may go away is asked again. */
async function ofMany<Found>(
  cluster: Cluster,
  groupIds: readonly string[],
  call: CallOptions,
  ask: (coordinator: Connection, some: readonly string[]) => Promise<Map<string, Found>>,
): Promise<Map<string, Found>> {
  const all = new Map<string, Found>();
  for (let at = 0; at < groupIds.length; at += GROUPS_AT_ONCE) {
    const some = groupIds.slice(at, at + GROUPS_AT_ONCE);
    const found = await cluster.retry(async () => {
      const coordinators = await coordinatorsOf(cluster, some);
      return await Promise.all(
        coordinators.map(({ connection, groupIds }) => ask(connection, groupIds)),
      );
    }, call);
    for (const [groupId, one] of found.flatMap((some) => [...some])) all.set(groupId, one);
  }
  return all;
}

/** So many are in one answer, which a group of very many members makes long. */
const GROUPS_AT_ONCE = 100;

/** Those of them that are of the consumer protocol; none where the broker knows none. */
async function describeConsumerGroups(
  connection: Requests,
  groupIds: readonly string[],
): Promise<Map<string, GroupDescription>> {
  const version = consumerVersion(connection), found = new Map<string, GroupDescription>();
  if (version === null) return found;
  const { groups } = await connection.request(ConsumerGroupDescribe, version, {
    groupIds,
    explain: true,
  });
  for (const group of groups) {
    if (group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) continue;
    check(group.errorCode, `group ${group.groupId}`, group.errorMessage);
    found.set(group.groupId, consumerGroupOf(group));
  }
  return found;
}

type ConsumerGroupAnswer = Decoded<typeof ConsumerGroupDescribe["response"]>["groups"][number];

function consumerGroupOf(group: ConsumerGroupAnswer): GroupDescription {
  return {
    groupId: group.groupId,
    type: "consumer",
    state: group.groupState,
    assignor: group.assignorName,
    epoch: group.groupEpoch,
    rebalancingMs: null,
    pendingMembers: 0,
    members: group.members.map((member) => ({
      id: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      host: member.clientHost,
      topics: [
        ...new Set([
          ...member.subscribedTopicNames,
          ...member.targetAssignment.topicPartitions.map(({ topicName }) => topicName),
        ]),
      ],
      partitions: flat(member.assignment.topicPartitions),
      target: flat(member.targetAssignment.topicPartitions),
      epoch: member.memberEpoch,
      awaited: null,
      silentMs: known(member.silentMs),
      sessionTimeoutMs: known(member.sessionTimeoutMs),
    })),
  };
}

function consumerVersion(connection: Requests): number | null {
  try {
    return connection.versionFor(ConsumerGroupDescribe);
  } catch {
    return null; // the broker knows classic groups only
  }
}

async function describeClassicGroups(
  connection: Requests,
  groupIds: readonly string[],
): Promise<Map<string, GroupDescription>> {
  const { groups } = await connection.request(
    DescribeGroups,
    connection.versionFor(DescribeGroups),
    { groups: groupIds, explain: true },
  );
  const found = new Map<string, GroupDescription>();
  for (const group of groups) {
    const isNone = group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND || group.groupState === "Dead";
    if (isNone) continue;
    check(group.errorCode, `group ${group.groupId}`, group.errorMessage);
    found.set(group.groupId, classicGroupOf(group));
  }
  return found;
}

type ClassicGroupAnswer = Decoded<typeof DescribeGroups["response"]>["groups"][number];

function classicGroupOf(group: ClassicGroupAnswer): GroupDescription {
  return {
    groupId: group.groupId,
    type: "classic",
    state: group.groupState,
    assignor: group.protocolData,
    epoch: null,
    rebalancingMs: known(group.rebalancingMs),
    pendingMembers: group.pendingMembers,
    members: group.members.map((member) => ({
      id: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost,
      topics: read(() =>
        decodeVersioned(ConsumerProtocolSubscription, member.memberMetadata).topics
      ),
      partitions: read(() =>
        flat(
          decodeVersioned(ConsumerProtocolAssignment, member.memberAssignment).assignedPartitions
            .map(({ topic, partitions }) => ({ topicName: topic, partitions })),
        )
      ),
      target: null,
      epoch: null,
      awaited: member.awaited === "join" || member.awaited === "sync" ? member.awaited : null,
      silentMs: known(member.silentMs),
      sessionTimeoutMs: known(member.sessionTimeoutMs),
    })),
  };
}

type NamedPartitions = Pick<
  ConsumerGroupAnswer["members"][number]["assignment"]["topicPartitions"][number],
  "topicName" | "partitions"
>;

function flat(topics: readonly NamedPartitions[]): TopicPartition[] {
  return topics.flatMap(({ topicName, partitions }) =>
    partitions.map((partition) => ({ topic: topicName, partition }))
  );
}

/** Members write what they like there, and nothing before they are assigned. */
function read<T>(decode: () => readonly T[]): readonly T[] {
  try {
    return decode();
  } catch {
    return [];
  }
}

function known(value: number): number | null {
  return value < 0 ? null : value;
}
