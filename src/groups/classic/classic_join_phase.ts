/**
 * How the joining of a rebalance ends (GroupMetadataManager.completeClassicGroupJoin).
 *
 * Dynamic members that did not come are dropped; static ones keep their place until their session ends. With nobody
 * left the group is empty, and that is written down.
 */
import { type ClassicFact, storedGroup } from "./classic_facts.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  metadataOf,
  rebalanceTimeoutOf,
  selectProtocol,
} from "./classic_group.ts";
import type { ClassicSettings } from "./classic_machine.ts";
import type { Now } from "../../coordination/shard.ts";
import type { Decision, Reply } from "../decision.ts";

export function decideJoinPhaseEnd(
  group: Readonly<ClassicGroup>,
  now: Now,
  settings: ClassicSettings,
): Decision {
  const extended = extendDelay(group, now, settings);
  if (extended) return { facts: [extended], replies: [] };
  const staying: Readonly<ClassicMember>[] = [], facts: ClassicFact[] = [];
  for (const member of group.members.values()) {
    if (member.joinTicket !== null || member.instanceId !== null) staying.push(member);
    else facts.push({ kind: "removed", memberId: member.id });
  }
  const generation = group.generation % MAX_GENERATION + 1;
  if (staying.length === 0) {
    const empty = { generation, protocol: null, leaderId: null, stateSinceMs: now.wallMs };
    return { facts: [...facts, storedGroup(group, empty)], replies: [] };
  }
  const leader = leaderOf(group, staying);
  if (leader === null) { // only static members, and none came: they get another round
    const joinDeadlineMs = now.ms + Math.max(rebalanceTimeoutOf(group), MIN_ROUND_MS);
    return { facts: [...facts, { kind: "postponed", joinDeadlineMs }], replies: [] };
  }
  const protocol = selectProtocol(staying);
  return {
    facts: [...facts, {
      kind: "generation",
      generation,
      protocol,
      leaderId: leader.id,
      nowMs: now.ms,
      wallMs: now.wallMs,
    }],
    replies: joinReplies(staying, { ...group, generation, protocol, leaderId: leader.id }),
  };
}

/** What a leader is told of the members. */
export function memberList(
  members: Iterable<Readonly<ClassicMember>>,
  protocol: string | null,
): { memberId: string; groupInstanceId: string | null; metadata: Uint8Array }[] {
  return Array.from(members, (member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    metadata: metadataOf(member, protocol),
  }));
}

const MAX_GENERATION = 2 ** 31 - 1;
/** A rebalance timeout of nothing must not spin. */
const MIN_ROUND_MS = 1000;

/** The first generation waits on while members keep coming, up to their rebalance timeout (KIP-134). */
function extendDelay(
  { initialDelay }: Readonly<ClassicGroup>,
  now: Now,
  settings: ClassicSettings,
): ClassicFact | null {
  if (!initialDelay?.memberAdded || initialDelay.remainingMs <= 0) return null;
  const delayMs = Math.min(settings.initialRebalanceDelayMs, initialDelay.remainingMs);
  if (delayMs <= 0) return null;
  const remainingMs = initialDelay.remainingMs - delayMs;
  return { kind: "delayed", joinDeadlineMs: now.ms + delayMs, remainingMs };
}

/** The leader stays when it joined, else the first that did. */
function leaderOf(
  group: Readonly<ClassicGroup>,
  staying: readonly Readonly<ClassicMember>[],
): Readonly<ClassicMember> | null {
  const joined = staying.filter(({ joinTicket }) => joinTicket !== null);
  return joined.find(({ id }) => id === group.leaderId) ?? joined[0] ?? null;
}

function joinReplies(
  staying: readonly Readonly<ClassicMember>[],
  { generation, protocolType, protocol, leaderId }: Readonly<ClassicGroup>,
): Reply[] {
  const replies: Reply[] = [];
  for (const { id, joinTicket } of staying) {
    if (joinTicket === null) continue;
    const body = {
      generationId: generation,
      protocolType,
      protocolName: protocol,
      leader: leaderId!,
      memberId: id,
      members: id === leaderId ? memberList(staying, protocol) : [],
    };
    replies.push({ api: "join", ticket: joinTicket, body });
  }
  return replies;
}
