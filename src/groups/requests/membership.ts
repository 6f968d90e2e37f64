/**
 * Requests of members that speak the classic protocol: the checks that come before a group's machine is asked, and what is answered
 * when there is no such group.
 *
 * Bytes in a request are views that die with it, so what a group will keep is copied here.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Heartbeat } from "../../protocol/messages/heartbeat.ts";
import type { JoinGroup } from "../../protocol/messages/join_group.ts";
import type { LeaveGroup } from "../../protocol/messages/leave_group.ts";
import type { SyncGroup } from "../../protocol/messages/sync_group.ts";
import type { Api, Decoded, Encodable } from "../../protocol/schema.ts";
import { storedGroup } from "../classic/classic_facts.ts";
import { newClassicGroup } from "../classic/classic_group.ts";
import { appendError } from "../../coordination/append_error.ts";
import type { GroupCoordinator } from "../coordinator.ts";
import type { Bodies, Reply } from "../decision.ts";
import type { Group } from "../group.ts";
import { saidBytes } from "../held_bytes.ts";
import type { GroupPartition } from "../group_shard.ts";
import { applyFact, deadlineOf, decideEvent } from "../machines.ts";
import { groupGone } from "../offsets/offset_machine.ts";

type RequestOf<A extends Api> = Decoded<A["request"]>;
type ResponseOf<A extends Api> = Encodable<A["response"]>;

/** Of what a new member's id begins with, which is as long as a client likes: the id has to fit into answers and records. */
const PREFIX_LENGTH = 10_000;

/** What a member is known by, and what its version of the protocol can do. */
export interface Caller {
  readonly clientId: string;
  readonly clientHost: string;
  readonly apiVersion: number;
}

export async function joinGroup(
  coordinator: GroupCoordinator,
  request: RequestOf<typeof JoinGroup>,
  caller: Caller,
): Promise<ResponseOf<typeof JoinGroup>> {
  const place = find(coordinator, request.groupId);
  if (typeof place === "number") return { errorCode: place, memberId: request.memberId };
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = coordinator.settings;
  const { sessionTimeoutMs, memberId, groupId } = request;
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    return { errorCode: ErrorCode.INVALID_SESSION_TIMEOUT, memberId };
  }
  // Of who is handed an id first (KIP-394) that is kept till it comes again.
  const comesAgain = memberId === "" && request.groupInstanceId === null && caller.apiVersion >= 4;
  const said = comesAgain ? 0 : saidBytes(request.protocols) + caller.clientId.length;
  const newId = request.groupInstanceId ?? caller.clientId;
  if (!coordinator.memberBytes.admits(said + Math.min(newId.length, PREFIX_LENGTH))) {
    return { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId };
  }
  let group = place.shard.get(groupId);
  if (group?.members.type === "consumer" && group.members.members.size === 0) {
    // Empty, it may become a classic one; its offsets stay.
    const failed = place.write(group, groupGone(group), coordinator.now().wallMs);
    if (failed !== ErrorCode.NONE) return { errorCode: appendError(failed), memberId };
    group = undefined;
  }
  if (group === undefined) {
    if (memberId !== "") return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID, memberId };
    const made = createGroup(coordinator, place, groupId, request);
    if (typeof made === "number") return { errorCode: made, memberId };
    group = made;
  }
  const newMemberId = memberId !== ""
    ? memberId
    : `${
      (request.groupInstanceId ?? caller.clientId).slice(0, PREFIX_LENGTH)
    }-${coordinator.newId()}`;
  const reply = await coordinator.ask(place, group, (ticket) => ({
    kind: "join",
    ticket,
    memberId,
    newMemberId,
    instanceId: request.groupInstanceId,
    clientId: caller.clientId,
    clientHost: caller.clientHost,
    sessionTimeoutMs,
    // v0 has one timeout for both.
    rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0
      ? sessionTimeoutMs
      : request.rebalanceTimeoutMs,
    protocolType: request.protocolType,
    protocols: request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: metadata.slice(),
    })),
    mustKnowMemberId: caller.apiVersion >= 4,
    maySkipAssignment: caller.apiVersion >= 9,
  }));
  return bodyOf(reply, "join");
}

export async function syncGroup(
  coordinator: GroupCoordinator,
  request: RequestOf<typeof SyncGroup>,
  caller: Caller,
): Promise<ResponseOf<typeof SyncGroup>> {
  const { protocolType, protocolName } = request;
  if (caller.apiVersion >= 5 && (protocolType === null || protocolName === null)) {
    return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL };
  }
  const found = findGroup(coordinator, request.groupId);
  if (typeof found === "number") return { errorCode: found };
  const assigned = request.assignments.reduce((sum, { assignment }) => sum + assignment.length, 0);
  if (assigned > 0 && !coordinator.memberBytes.admits(assigned)) {
    return { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED };
  }
  const reply = await coordinator.ask(found.partition, found.group, (ticket) => ({
    kind: "sync",
    ticket,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType,
    protocol: protocolName,
    assignments: new Map(
      request.assignments.map(({ memberId, assignment }) => [memberId, assignment.slice()]),
    ),
  }));
  return bodyOf(reply, "sync");
}

/** The hottest request of all, so it takes the short way: nothing it changes is stored, and nobody waits for it. */
export function heartbeat(
  coordinator: GroupCoordinator,
  request: RequestOf<typeof Heartbeat>,
): ResponseOf<typeof Heartbeat> {
  coordinator.metrics.heartbeats++;
  const found = findGroup(coordinator, request.groupId);
  // Kafka tells members to go on while their group is being loaded, so that they do not all rejoin.
  if (found === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return { errorCode: ErrorCode.NONE };
  if (typeof found === "number") return { errorCode: found };
  const { group } = found;
  const { facts, replies } = decideEvent(group, {
    kind: "heartbeat",
    ticket: 0,
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
  }, coordinator.contextOf(group));
  for (const fact of facts) applyFact(group, fact);
  // Only there a beat may begin a timeout.
  if (group.members.type === "consumer") coordinator.watch(group, deadlineOf(group));
  return bodyOf(replies[0], "heartbeat");
}

export async function leaveGroup(
  coordinator: GroupCoordinator,
  request: RequestOf<typeof LeaveGroup>,
  caller: Caller,
): Promise<ResponseOf<typeof LeaveGroup>> {
  const isOne = caller.apiVersion < 3;
  const leaving = isOne ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members;
  const found = findGroup(coordinator, request.groupId);
  if (found === ErrorCode.UNKNOWN_MEMBER_ID && !isOne) {
    const unknown = ({ memberId, groupInstanceId }: typeof leaving[number]) => ({
      memberId,
      groupInstanceId,
      errorCode: found,
    });
    return { members: leaving.map(unknown) };
  }
  if (typeof found === "number") return { errorCode: found };
  const reply = await coordinator.ask(found.partition, found.group, (ticket) => ({
    kind: "leave",
    ticket,
    members: leaving.map(({ memberId, groupInstanceId }) => ({
      memberId,
      instanceId: groupInstanceId,
    })),
  }));
  const body = bodyOf(reply, "leave");
  return isOne && reply.api === "leave" ? { errorCode: reply.body.members?.[0]?.errorCode } : body;
}

function find(coordinator: GroupCoordinator, groupId: string): GroupPartition | number {
  return groupId === "" ? ErrorCode.INVALID_GROUP_ID : coordinator.place(groupId);
}

function findGroup(
  coordinator: GroupCoordinator,
  groupId: string,
): { partition: GroupPartition; group: Group } | number {
  const partition = find(coordinator, groupId);
  if (typeof partition === "number") return partition;
  const group = partition.shard.get(groupId);
  return group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : { partition, group };
}

/** A group begins with a record of its own, empty as it is, as in Kafka; a join that will be refused makes none. */
function createGroup(
  coordinator: GroupCoordinator,
  partition: GroupPartition,
  groupId: string,
  { protocolType, protocols }: RequestOf<typeof JoinGroup>,
): Group | number {
  if (protocolType === "" || protocols.length === 0) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  if (coordinator.isFull) return ErrorCode.GROUP_MAX_SIZE_REACHED;
  const { wallMs } = coordinator.now();
  const empty = storedGroup(newClassicGroup(groupId, wallMs), {});
  const group = partition.shard.getOrNew(groupId, wallMs);
  const errorCode = partition.write(group, [empty], wallMs);
  return errorCode === ErrorCode.NONE ? group : appendError(errorCode);
}

/** The body of the answer that this request is to have; a refusal fits all of them. */
function bodyOf<A extends keyof Bodies>(reply: Reply, api: A): Bodies[A] {
  if (reply.api === api || reply.api === "refused") return reply.body as Bodies[A];
  throw new Error(`A request for ${api} was answered as ${reply.api}`);
}
