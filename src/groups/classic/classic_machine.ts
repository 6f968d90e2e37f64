/**
 * The classic protocol as a pure machine: decide() says what an event makes true and who is answered what, apply()
 * (classic_facts.ts) makes it true, due() says what is to happen next without anyone asking, and nextDeadline() when
 * to ask due() again. No clock, no timer, no I/O.
 *
 * The rules are those of Kafka's GroupMetadataManager and ClassicGroup. The shell's loop:
 *
 *     decide → append what is durable → apply → answer;  then the same with due() until that is null
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { ClassicFact } from "./classic_facts.ts";
import {
  allJoined,
  type ClassicGroup,
  type ClassicMember,
  silentUntilMs,
} from "./classic_group.ts";
import { decideJoin, type JoinEvent } from "./classic_join.ts";
import { decideJoinPhaseEnd } from "./classic_join_phase.ts";
import { decideLeave, type LeaveEvent, removals } from "./classic_leave.ts";
import { decideSync, type SyncEvent } from "./classic_sync.ts";
import { rebalanceFacts } from "./classic_rebalance.ts";
import type { Now } from "../../coordination/shard.ts";
import { type Decision, type Reply, requestError } from "../decision.ts";

export type ClassicEvent =
  | JoinEvent
  | SyncEvent
  | HeartbeatEvent
  | LeaveEvent
  /** The log was read to its end: sessions begin. */
  | { readonly kind: "loaded" }
  | DueEvent;

/** What due() finds. */
export type DueEvent =
  | { readonly kind: "joinPhaseEnds" }
  | { readonly kind: "syncTimesOut" }
  | { readonly kind: "memberExpires"; readonly memberId: string }
  | { readonly kind: "pendingExpires"; readonly memberId: string };

export interface HeartbeatEvent {
  readonly kind: "heartbeat";
  readonly ticket: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}

export interface ClassicSettings {
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number;
  /** group.max.size */
  readonly maxSize: number;
}

export function decide(
  group: Readonly<ClassicGroup>,
  event: ClassicEvent,
  now: Now,
  settings: ClassicSettings,
): Decision {
  switch (event.kind) {
    case "join":
      return decideJoin(group, event, now, settings);
    case "sync":
      return decideSync(group, event, now);
    case "heartbeat":
      return decideHeartbeat(group, event, now);
    case "leave":
      return decideLeave(group, event, now);
    case "loaded":
      return decideLoaded(group, now, settings);
    case "joinPhaseEnds":
      return decideJoinPhaseEnd(group, now, settings);
    case "syncTimesOut":
      return decideRemoval(group, [...group.pendingSync], now);
    case "memberExpires":
      return decideRemoval(group, [event.memberId], now);
    case "pendingExpires":
      return { facts: [{ kind: "pendingGone", memberId: event.memberId }], replies: [] };
  }
}

/** What time or the last event has made due, one thing at a time; null when nothing is. */
export function due(group: Readonly<ClassicGroup>, nowMs: number): DueEvent | null {
  if (group.state === "PreparingRebalance") {
    const complete = group.initialDelay === null && allJoined(group);
    if (complete || reached(group.joinDeadlineMs, nowMs)) return { kind: "joinPhaseEnds" };
  }
  if (group.pendingSync.size > 0 && reached(group.syncDeadlineMs, nowMs)) {
    return { kind: "syncTimesOut" };
  }
  for (const member of group.members.values()) {
    if (silentUntilMs(member) <= nowMs) return { kind: "memberExpires", memberId: member.id };
  }
  for (const [memberId, expiresAtMs] of group.pendingMembers) {
    if (expiresAtMs <= nowMs) return { kind: "pendingExpires", memberId };
  }
  return null;
}

/** The earliest moment at which due() may find something that it does not find now; null: none by itself. */
export function nextDeadline(group: Readonly<ClassicGroup>): number | null {
  let earliest = Infinity;
  if (group.state === "PreparingRebalance") earliest = group.joinDeadlineMs ?? Infinity;
  if (group.pendingSync.size > 0 && group.syncDeadlineMs !== null) {
    earliest = Math.min(earliest, group.syncDeadlineMs);
  }
  for (const member of group.members.values()) {
    earliest = Math.min(earliest, silentUntilMs(member));
  }
  for (const expiresAtMs of group.pendingMembers.values()) {
    earliest = Math.min(earliest, expiresAtMs);
  }
  return earliest === Infinity ? null : earliest;
}

function reached(deadlineMs: number | null, nowMs: number): boolean {
  return deadlineMs !== null && deadlineMs <= nowMs;
}

/** A beat counts in every state; while a rebalance is prepared it also tells the member to join it (27). */
function decideHeartbeat(
  group: Readonly<ClassicGroup>,
  event: HeartbeatEvent,
  now: Now,
): Decision {
  const errorCode = requestError(group, event);
  if (errorCode !== ErrorCode.NONE) return { facts: [], replies: [beatReply(event, errorCode)] };
  const preparing = group.state === "PreparingRebalance";
  return {
    facts: [beat(group.members.get(event.memberId)!, now)],
    replies: [beatReply(event, preparing ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE)],
  };
}

function beatReply(event: HeartbeatEvent, errorCode: number): Reply {
  return { api: "heartbeat", ticket: event.ticket, body: { errorCode } };
}

function beat(member: Readonly<ClassicMember>, now: Now): ClassicFact {
  return { kind: "beat", memberId: member.id, expiresAtMs: now.ms + member.sessionTimeoutMs };
}

function decideLoaded(
  group: Readonly<ClassicGroup>,
  now: Now,
  settings: ClassicSettings,
): Decision {
  const facts: ClassicFact[] = [];
  for (const member of group.members.values()) facts.push(beat(member, now));
  const { members, leaderId } = group;
  const tooLarge = members.size > settings.maxSize; // the limit was lowered: those who join first stay
  // A consumer group became this one, and nobody has assigned since what its consumers gave up.
  const isUnled = members.size > 0 && leaderId === null;
  const rebalance = tooLarge || isUnled ? rebalanceFacts(group, now, null) : [];
  return { facts: [...facts, ...rebalance], replies: [] };
}

function decideRemoval(group: Readonly<ClassicGroup>, memberIds: string[], now: Now): Decision {
  return removals(group, memberIds, now);
}
