/**
 * Facts: what can happen to a classic group, and apply(), the only thing that changes one.
 *
 * A "stored" fact is the whole group as it stands in the log, so that a replay of the log and live traffic take the
 * same path. The others live in memory only, as in Kafka: a broker that restarts finds every group as its last
 * generation left it, and members that were rebalancing join again.
 */
import {
  type ClassicGroup,
  type ClassicMember,
  type ClassicState,
  NO_BYTES,
  type Protocol,
  rebalanceTimeoutOf,
} from "./classic_group.ts";

export type ClassicFact =
  /** Durable: a generation with everyone's assignment, or an empty group. */
  | StoredGroup
  /** A member id was handed out. */
  | { readonly kind: "pending"; readonly memberId: string; readonly expiresAtMs: number }
  | { readonly kind: "pendingGone"; readonly memberId: string }
  | {
    readonly kind: "joined";
    readonly protocolType: string;
    readonly member: Readonly<ClassicMember>;
  }
  | Rejoined
  /** A static member came back under a new member id. */
  | { readonly kind: "replaced"; readonly oldId: string; readonly newId: string }
  | { readonly kind: "removed"; readonly memberId: string }
  | { readonly kind: "beat"; readonly memberId: string; readonly expiresAtMs: number }
  | Rebalancing
  | { readonly kind: "delayed"; readonly joinDeadlineMs: number; readonly remainingMs: number }
  | { readonly kind: "postponed"; readonly joinDeadlineMs: number }
  | Generation
  | { readonly kind: "syncing"; readonly memberId: string; readonly ticket: number | null }
  /** Everyone who waited for an assignment was answered. */
  | { readonly kind: "syncsAnswered"; readonly nowMs: number };

export interface StoredGroup {
  readonly kind: "stored";
  readonly protocolType: string | null;
  readonly generation: number;
  readonly protocol: string | null;
  readonly leaderId: string | null;
  readonly stateSinceMs: number;
  readonly members: readonly StoredMember[];
}

export interface StoredMember {
  readonly id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** Of the group's protocol. */
  readonly subscription: Uint8Array;
  readonly assignment: Uint8Array;
}

/** A known member joins again; `ticket` null: it was answered at once. */
interface Rejoined {
  readonly kind: "rejoined";
  readonly memberId: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly Protocol[];
  readonly ticket: number | null;
}

/** A rebalance begins; of an empty group with a delay in which more members may come. */
interface Rebalancing {
  readonly kind: "rebalancing";
  readonly nowMs: number;
  readonly wallMs: number;
  readonly initialDelayMs: number | null;
}

/** Everyone who joined was answered; now the leader assigns. */
interface Generation {
  readonly kind: "generation";
  readonly generation: number;
  readonly protocol: string;
  readonly leaderId: string;
  readonly nowMs: number;
  readonly wallMs: number;
}

export function apply(group: ClassicGroup, fact: ClassicFact): void {
  switch (fact.kind) {
    case "stored":
      return store(group, fact);
    case "pending":
      group.pendingMembers.set(fact.memberId, fact.expiresAtMs);
      return;
    case "pendingGone":
      group.pendingMembers.delete(fact.memberId);
      return;
    case "joined":
      return join(group, fact.protocolType, fact.member);
    case "rejoined":
      return rejoin(group, fact);
    case "replaced":
      return replace(group, fact.oldId, fact.newId);
    case "removed":
      return remove(group, fact.memberId);
    case "beat":
      group.members.get(fact.memberId)!.expiresAtMs = fact.expiresAtMs;
      return;
    case "rebalancing":
      return beginRebalance(group, fact);
    case "delayed":
      group.joinDeadlineMs = fact.joinDeadlineMs;
      group.initialDelay = { remainingMs: fact.remainingMs, memberAdded: false };
      return;
    case "postponed":
      group.joinDeadlineMs = fact.joinDeadlineMs;
      group.initialDelay = null;
      return;
    case "generation":
      return beginGeneration(group, fact);
    case "syncing":
      group.pendingSync.delete(fact.memberId);
      group.members.get(fact.memberId)!.syncTicket = fact.ticket;
      return;
    case "syncsAnswered":
      return answerSyncs(group, fact.nowMs);
  }
}

/** The group as a stored fact, with what will be different. */
export function storedGroup(
  group: Readonly<ClassicGroup>,
  changes: Partial<StoredGroup>,
): StoredGroup {
  const { protocolType, generation, protocol, leaderId, stateSinceMs } = group;
  return {
    kind: "stored",
    protocolType,
    generation,
    protocol,
    leaderId,
    stateSinceMs,
    members: [],
    ...changes,
  };
}

function store(group: ClassicGroup, fact: StoredGroup): void {
  group.protocolType = fact.protocolType;
  group.generation = fact.generation;
  group.protocol = fact.protocol;
  group.leaderId = fact.leaderId;
  group.state = fact.members.length > 0 ? "Stable" : "Empty";
  group.stateSinceMs = fact.stateSinceMs;
  group.joinDeadlineMs = group.initialDelay = group.rebalanceSinceMs = null;
  const kept = new Set(fact.members.map(({ id }) => id));
  for (const id of [...group.members.keys()]) if (!kept.has(id)) remove(group, id);
  for (const member of fact.members) {
    const known = group.members.get(member.id);
    if (known) known.assignment = member.assignment;
    else add(group, fromLog(member, fact.protocol ?? ""));
  }
  if (fact.members.length === 0) group.syncDeadlineMs = null;
}

/** A member as the log has it: of its protocols only the chosen one, its session begins when loading ends. */
function fromLog(stored: StoredMember, protocol: string): ClassicMember {
  const { id, instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs } = stored;
  return {
    id,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols: [{ name: protocol, metadata: stored.subscription }],
    assignment: stored.assignment,
    isNew: false,
    expiresAtMs: Infinity,
    joinTicket: null,
    syncTicket: null,
  };
}

function join(group: ClassicGroup, protocolType: string, member: Readonly<ClassicMember>): void {
  if (group.members.size === 0) group.protocolType = protocolType;
  group.leaderId ??= member.id;
  group.pendingMembers.delete(member.id);
  add(group, { ...member });
  if (group.initialDelay) group.initialDelay = { ...group.initialDelay, memberAdded: true };
}

function add(group: ClassicGroup, member: ClassicMember): void {
  group.members.set(member.id, member);
  if (member.instanceId !== null) group.instances.set(member.instanceId, member.id);
}

function rejoin(group: ClassicGroup, fact: Rejoined): void {
  const member = group.members.get(fact.memberId)!;
  member.rebalanceTimeoutMs = fact.rebalanceTimeoutMs;
  member.sessionTimeoutMs = fact.sessionTimeoutMs;
  member.protocols = fact.protocols;
  member.joinTicket = fact.ticket;
}

function replace(group: ClassicGroup, oldId: string, newId: string): void {
  const member = group.members.get(oldId)!;
  group.members.delete(oldId);
  add(group, { ...member, id: newId, joinTicket: null, syncTicket: null });
  if (group.leaderId === oldId) group.leaderId = newId;
  if (group.pendingSync.delete(oldId)) group.pendingSync.add(newId);
}

function remove(group: ClassicGroup, memberId: string): void {
  const member = group.members.get(memberId)!;
  group.members.delete(memberId);
  group.pendingSync.delete(memberId);
  if (member.instanceId !== null && group.instances.get(member.instanceId) === memberId) {
    group.instances.delete(member.instanceId);
  }
  if (group.leaderId === memberId) group.leaderId = firstId(group);
}

function firstId(group: ClassicGroup): string | null {
  for (const id of group.members.keys()) return id;
  return null;
}

function beginRebalance(group: ClassicGroup, fact: Rebalancing): void {
  if (group.state === "CompletingRebalance") {
    for (const member of group.members.values()) member.assignment = NO_BYTES;
    answerSyncs(group, fact.nowMs);
  }
  enter(group, "PreparingRebalance", fact.wallMs);
  group.rebalanceSinceMs ??= fact.nowMs;
  group.pendingSync.clear();
  group.syncDeadlineMs = null;
  const timeoutMs = rebalanceTimeoutOf(group), delayMs = fact.initialDelayMs;
  group.joinDeadlineMs = fact.nowMs + (delayMs ?? timeoutMs);
  group.initialDelay = delayMs === null
    ? null
    : { remainingMs: Math.max(timeoutMs - delayMs, 0), memberAdded: false };
}

function beginGeneration(group: ClassicGroup, fact: Generation): void {
  group.generation = fact.generation;
  group.protocol = fact.protocol;
  group.leaderId = fact.leaderId;
  enter(group, "CompletingRebalance", fact.wallMs);
  group.joinDeadlineMs = group.initialDelay = null;
  group.pendingSync.clear();
  for (const member of group.members.values()) {
    member.joinTicket = null;
    member.isNew = false;
    member.expiresAtMs = fact.nowMs + member.sessionTimeoutMs;
    group.pendingSync.add(member.id);
  }
  group.syncDeadlineMs = fact.nowMs + rebalanceTimeoutOf(group);
}

function answerSyncs(group: ClassicGroup, nowMs: number): void {
  for (const member of group.members.values()) {
    if (member.syncTicket === null) continue;
    member.syncTicket = null;
    member.expiresAtMs = nowMs + member.sessionTimeoutMs;
  }
}

function enter(group: ClassicGroup, state: ClassicState, wallMs: number): void {
  group.state = state;
  group.stateSinceMs = wallMs;
}
