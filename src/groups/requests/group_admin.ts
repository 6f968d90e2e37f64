/**
 * What administrators ask of groups: which there are, what is in them, and to delete them.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { DescribeGroups } from "../../protocol/messages/describe_groups.ts";
import type { Encodable } from "../../protocol/schema.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  CONSUMER_PROTOCOL_TYPE,
  metadataOf,
  NO_BYTES,
  silentUntilMs,
} from "../classic/classic_group.ts";
import { appendError } from "../../coordination/append_error.ts";
import type { GroupCoordinator } from "../coordinator.ts";
import { type Group, stateOf } from "../group.ts";
import { decideGroupDelete } from "../offsets/offset_machine.ts";

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  /** "Stable", … */
  readonly state: string;
  /** "classic", … */
  readonly type: string;
}

/** Groups whose state and type are among those asked for; no filter passes everything. Case does not matter. */
export function listGroups(
  coordinator: GroupCoordinator,
  { states, types }: { readonly states: readonly string[]; readonly types: readonly string[] },
): ListedGroup[] {
  const inStates = anyOf(states), ofTypes = anyOf(types);
  const listed: ListedGroup[] = [];
  for (const group of coordinator.groups()) {
    const { id: groupId, members } = group, { type } = members, state = stateOf(group);
    if (!inStates(state) || !ofTypes(type)) continue;
    const protocolType = type === "consumer" ? CONSUMER_PROTOCOL_TYPE : members.protocolType ?? "";
    listed.push({ groupId, protocolType, state, type });
  }
  return listed;
}

type DescribedGroup = NonNullable<
  Encodable<typeof DescribeGroups["response"]>["groups"]
>[number];

/** One group for DescribeGroups; an unknown one is Dead, and from v6 on an error too. */
export function describeGroup(
  coordinator: GroupCoordinator,
  groupId: string,
  { knowsGroupIdNotFound, explain = false }: {
    readonly knowsGroupIdNotFound: boolean;
    readonly explain?: boolean;
  },
): DescribedGroup {
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") {
    return { groupId, errorCode: partition, errorMessage: coordinator.failureOf(groupId) };
  }
  const group = partition.shard.get(groupId);
  if (group?.members.type === "classic") {
    const { members } = group;
    const nowMs = coordinator.now().ms;
    return { groupId, ...explain ? explained(members, nowMs) : described(members) };
  }
  const why = group === undefined ? "not found" : "is not a classic group";
  return {
    groupId,
    groupState: "Dead",
    errorCode: knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE,
    errorMessage: knowsGroupIdNotFound ? `Group ${groupId} ${why}.` : null,
  };
}

/** Deletes a group without members, and its offsets; resolves with the error code when the log has kept that. */
export function deleteGroup(coordinator: GroupCoordinator, groupId: string): Promise<number> {
  const partition = coordinator.place(groupId);
  if (typeof partition === "number") return Promise.resolve(partition);
  const group = partition.shard.get(groupId);
  if (group === undefined) return Promise.resolve(ErrorCode.GROUP_ID_NOT_FOUND);
  const { errorCode, facts } = decideGroupDelete(group, partition.shard.pending);
  if (errorCode !== ErrorCode.NONE) return Promise.resolve(errorCode);
  const failed = partition.write(group, facts, coordinator.now().wallMs);
  if (failed !== ErrorCode.NONE) return Promise.resolve(appendError(failed));
  coordinator.metrics.groupsDeleted++;
  return new Promise((resolve) =>
    partition.whenKept(
      () => resolve(ErrorCode.NONE),
      () => resolve(ErrorCode.COORDINATOR_NOT_AVAILABLE),
    )
  );
}

/** What a scrape shows of one group. */
export interface GroupGauges {
  readonly groupId: string;
  readonly type: string;
  readonly state: string;
  /** The group epoch, in the consumer protocol. */
  readonly generation: number;
  readonly members: number;
  /** How long the rebalance under way has been going on; 0 outside one. */
  readonly rebalancingMs: number;
  /** What has been committed, to be compared with the ends of the partitions. */
  readonly offsets: Group["offsets"];
}

export function* groupGauges(coordinator: GroupCoordinator): Generator<GroupGauges> {
  const nowMs = coordinator.now().ms;
  for (const group of coordinator.groups()) {
    const { id: groupId, members, offsets } = group, isClassic = members.type === "classic";
    const sinceMs = isClassic ? members.rebalanceSinceMs : null;
    const rebalancingMs = sinceMs === null ? 0 : nowMs - sinceMs;
    yield {
      groupId,
      type: members.type,
      state: stateOf(group),
      generation: isClassic ? members.generation : members.epoch,
      members: members.members.size,
      rebalancingMs,
      offsets,
    };
  }
}

/** Subscriptions are shown of a stable group only, as by Kafka; before, assignments are those of the last generation. */
function described(group: Readonly<ClassicGroup>): DescribedGroup {
  const stable = group.state === "Stable";
  return {
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    protocolData: stable ? group.protocol ?? "" : "",
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: stable ? metadataOf(member, group.protocol) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  };
}

/** The same, with whom the group waits for and who is silent. */
function explained(group: Readonly<ClassicGroup>, nowMs: number): DescribedGroup {
  const { members = [], ...rest } = described(group);
  return {
    ...rest,
    rebalancingMs: group.rebalanceSinceMs === null
      ? -1
      : Math.round(nowMs - group.rebalanceSinceMs),
    pendingMembers: group.pendingMembers.size,
    members: Array.from(members, (shown) => {
      const member = group.members.get(shown.memberId!)!;
      const { sessionTimeoutMs, expiresAtMs } = member;
      const waits = silentUntilMs(member) === Infinity;
      const silentMs = waits ? 0 : Math.max(0, Math.round(nowMs - expiresAtMs + sessionTimeoutMs));
      return { ...shown, awaited: awaitedOf(group, member), silentMs, sessionTimeoutMs };
    }),
  };
}

/** What the group waits for the member to do. */
function awaitedOf(group: Readonly<ClassicGroup>, member: Readonly<ClassicMember>): string {
  switch (group.state) {
    case "PreparingRebalance":
      return member.joinTicket === null ? "join" : "";
    case "CompletingRebalance":
      return group.pendingSync.has(member.id) ? "sync" : "";
    default:
      return "";
  }
}

function anyOf(wanted: readonly string[]): (value: string) => boolean {
  if (wanted.length === 0) return () => true;
  const lower = new Set(wanted.map((text) => text.toLowerCase()));
  return (value) => lower.has(value.toLowerCase());
}
