/**
 * Migration: a group changes from one protocol to the other while its members live (KIP-848).
 *
 * Up: the first member of the consumer protocol joins a classic group of consumers. Its members stay as they are, with
 * what they were assigned; they hear of the rebalance that the newcomer makes and go on as classic members of a
 * consumer group (consumer_classic.ts).
 *
 * Down: the last member of the consumer protocol leaves, or a classic one takes its place. The group becomes a classic
 * one with the assignment that the coordinator made, and rebalances; in a settled group a static member is replaced
 * without.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ClassicFact, StoredGroup } from "./classic/classic_facts.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  CONSUMER_PROTOCOL_TYPE,
  metadataOf,
  NO_BYTES,
  selectProtocol,
} from "./classic/classic_group.ts";
import type { Circumstances, Refusal } from "./consumer/consumer_decision.ts";
import { apply, type ConsumerFact } from "./consumer/consumer_facts.ts";
import {
  type ConsumerGroup,
  consumerGroupState,
  type ConsumerMember,
  type MemberMetadata,
  MemberState,
  newConsumerGroup,
  NO_TARGET,
  type ResolvedRegex,
} from "./consumer/consumer_group.ts";
import { goneFacts } from "./consumer/consumer_leaving.ts";
import { metadataHash, type TopicView } from "./consumer/consumer_topics.ts";
import type { Now } from "../coordination/shard.ts";
import { joinError, type Reply, syncError } from "./decision.ts";
import {
  readAssignment,
  readSubscription,
  withIds,
  writeAssignment,
} from "./classic/embedded_protocol.ts";

export interface Upgrade {
  /** The group as it will be. */
  readonly group: ConsumerGroup;
  /** What makes the classic group, once it is gone, be that. */
  readonly facts: readonly ConsumerFact[];
  /** To those who wait for a rebalance that will not take place: they join again. */
  readonly replies: readonly Reply[];
}

/** A classic group as a consumer group of classic members (ConsumerGroup.fromClassicGroup), or why it cannot be one. */
export function upgrade(
  classic: Readonly<ClassicGroup>,
  { now, settings, topics }: Circumstances,
): Upgrade | Refusal {
  const why = upgradeFault(classic, settings);
  if (why !== null) return cannotUpgrade(classic, why);
  const facts: ConsumerFact[] = [], taken = new Set<string>();
  const targets: ConsumerFact[] = [], currents: ConsumerFact[] = [], beats: ConsumerFact[] = [];
  const metadata: MemberMetadata[] = [];
  const { generation: epoch } = classic;
  for (const member of classic.members.values()) {
    const read = readMember(member, classic.protocol);
    if (typeof read === "string") return cannotUpgrade(classic, read);
    const { id: memberId } = member;
    const partitions = untaken(withIds(read.partitions, topics), taken);
    metadata.push(read.metadata);
    facts.push({ kind: "member", memberId, metadata: read.metadata });
    targets.push({ kind: "target", memberId, assignment: partitions });
    const assigned = new Map(Array.from(partitions, ([topicId, those]) => [
      topicId,
      new Map(those.map((partition) => [partition, epoch])),
    ]));
    const state = MemberState.STABLE, revoking = new Map();
    currents.push({
      kind: "current",
      memberId,
      epoch,
      previousEpoch: epoch,
      state,
      assigned,
      revoking,
    });
    const sessionDeadlineMs = now.ms + member.sessionTimeoutMs;
    beats.push({ kind: "consumerBeat", memberId, sessionDeadlineMs });
  }
  // Another hash than the topics have makes a new assignment, even where the newcomer changes nothing (unlike Kafka).
  const isWhole = classic.state === "Stable" && coversTopics(taken, metadata, topics);
  const hash = isWhole ? metadataHash(metadata, NO_REGEXES, topics) : 0;
  facts.push(
    { kind: "epoch", epoch, metadataHash: hash },
    ...targets,
    { kind: "targetEpoch", epoch, assignedAtMs: 0 },
    ...currents,
    ...beats,
  );
  const group = newConsumerGroup(classic.id);
  for (const fact of facts) apply(group, fact);
  return { group, facts, replies: waitingReplies(classic) };
}

/**
 * What takes the place of a decision that leaves none but classic members in a consumer group
 * (ClassicGroup.fromConsumerGroup); null: it does not, or the group is to stay.
 */
export function downgrade(
  group: Readonly<ConsumerGroup>,
  decided: readonly ConsumerFact[],
  { now, settings, topics }: Circumstances,
  classicMaxSize: number,
): (ConsumerFact | ClassicFact)[] | null {
  const gone = decided.flatMap((fact) => fact.kind === "memberGone" ? [fact.memberId] : []);
  if (gone.length === 0 || !allowsDowngrade(settings)) return null;
  const after = afterwards(group, decided), members = [...after.members.values()];
  if (members.length === 0 || members.length > classicMaxSize) return null;
  if (members.some(({ metadata }) => metadata.classic === null)) return null;
  const isReplaced = members.some(({ id }) => !group.members.has(id));
  const generation = isReplaced ? after.epoch : group.epoch;
  // Kafka makes no exception here: what nobody has yet then stays with nobody until the next rebalance.
  const isSettled = isReplaced && consumerGroupState(after) === "Stable";
  // Without a leader, so that a broker that starts before the rebalance is over begins it again (decideLoaded).
  const leaderId = isSettled ? members[0].id : null;
  const stored = { ...storedGroup(after, generation, { topics, now }), leaderId };
  const beats = members.map(({ id: memberId, metadata }): ClassicFact => ({
    kind: "beat",
    memberId,
    expiresAtMs: now.ms + metadata.classic!.sessionTimeoutMs,
  }));
  const protocols = members.map(({ id, metadata }): ClassicFact => ({
    kind: "rejoined",
    memberId: id,
    rebalanceTimeoutMs: metadata.rebalanceTimeoutMs,
    sessionTimeoutMs: metadata.classic!.sessionTimeoutMs,
    protocols: metadata.classic!.protocols,
    ticket: null,
  }));
  const rebalancing: ClassicFact = {
    kind: "rebalancing",
    nowMs: now.ms,
    wallMs: now.wallMs,
    initialDelayMs: null,
  };
  const facts = [...goneFacts(group), stored, ...protocols, ...beats];
  return isSettled ? facts : [...facts, rebalancing];
}

const NO_REGEXES: ReadonlyMap<string, ResolvedRegex> = new Map();

/** In Kafka's words, whose clients show them. */
function upgradeFault(
  { protocolType, members }: Readonly<ClassicGroup>,
  { migrationPolicy, maxSize }: Circumstances["settings"],
): string | null {
  if (migrationPolicy !== "upgrade" && migrationPolicy !== "bidirectional") {
    return "online upgrade is disabled";
  }
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) {
    return "the group does not use the consumer embedded protocol";
  }
  return members.size > maxSize ? "the group size exceeds the consumer group maximum size" : null;
}

function allowsDowngrade({ migrationPolicy }: Circumstances["settings"]): boolean {
  return migrationPolicy === "downgrade" || migrationPolicy === "bidirectional";
}

function cannotUpgrade({ id }: Readonly<ClassicGroup>, why: string): Refusal {
  const errorMessage = `Cannot upgrade classic group ${id} to consumer group because ${why}.`;
  return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
}

/** What the member is and has, or why that cannot be told. Before the first generation there is no protocol yet: then what the member likes best speaks for it. */
function readMember(member: Readonly<ClassicMember>, protocol: string | null) {
  const subscription = readSubscription(
    protocol === null ? member.protocols[0].metadata : metadataOf(member, protocol),
  );
  // Who has not been assigned anything yet has an empty one.
  const assignment = member.assignment.length === 0
    ? { assignedPartitions: [], userData: null }
    : readAssignment(member.assignment);
  if (subscription === null || assignment === null) {
    return "the embedded consumer protocol is malformed";
  }
  if (assignment.userData !== null && assignment.userData.length > 0) {
    return "an unsupported custom assignor is in use. Please refer to the documentation or " +
      "switch to a default assignor before re-attempting the upgrade";
  }
  const { sessionTimeoutMs, rebalanceTimeoutMs, instanceId, clientId, clientHost } = member;
  const metadata: MemberMetadata = {
    instanceId,
    rackId: subscription.rackId,
    clientId,
    clientHost,
    topicNames: [...new Set(subscription.topics)].sort(),
    topicRegex: "",
    rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs, protocols: member.protocols },
  };
  return { metadata, partitions: assignment.assignedPartitions };
}

/** A leader may have assigned a partition twice; the first to have it keeps it. */
function untaken(
  partitions: readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[],
  taken: Set<string>,
): Map<Uuid, number[]> {
  const free = new Map<Uuid, number[]>();
  for (const { topicId, partitions: numbers } of partitions) {
    const mine = numbers.filter((partition) => {
      const key = `${topicId} ${partition}`, isFree = !taken.has(key);
      taken.add(key);
      return isFree;
    });
    if (mine.length > 0) free.set(topicId, [...free.get(topicId) ?? [], ...mine].sort(byNumber));
  }
  return free;
}

/** Whether every partition that anyone subscribes to was assigned to someone. */
function coversTopics(
  taken: ReadonlySet<string>,
  metadata: readonly MemberMetadata[],
  topics: TopicView,
): boolean {
  for (const name of new Set(metadata.flatMap(({ topicNames }) => topicNames))) {
    const { id, partitionCount } = topics.byName(name) ?? { id: "", partitionCount: 0 };
    for (let partition = 0; partition < partitionCount; partition++) {
      if (!taken.has(`${id} ${partition}`)) return false;
    }
  }
  return true;
}

function waitingReplies(classic: Readonly<ClassicGroup>): Reply[] {
  const replies: Reply[] = [];
  for (const { id, joinTicket, syncTicket } of classic.members.values()) {
    const again = ErrorCode.REBALANCE_IN_PROGRESS;
    if (joinTicket !== null) replies.push(joinError(joinTicket, again, id));
    if (syncTicket !== null) replies.push(syncError(syncTicket, again));
  }
  return replies;
}

/** The group once the facts are true, without touching the one that is. */
function afterwards(
  group: Readonly<ConsumerGroup>,
  facts: readonly ConsumerFact[],
): ConsumerGroup {
  const after: ConsumerGroup = {
    ...group,
    members: new Map(Array.from(group.members, ([id, member]) => [id, { ...member }])),
    instances: new Map(group.instances),
    targets: new Map(group.targets),
    owners: new Map(Array.from(group.owners, ([topicId, owners]) => [topicId, new Map(owners)])),
    regexes: new Map(group.regexes),
  };
  for (const fact of facts) apply(after, fact);
  return after;
}

function storedGroup(
  { members, targets }: Readonly<ConsumerGroup>,
  generation: number,
  { topics, now }: { readonly topics: TopicView; readonly now: Now },
): Omit<StoredGroup, "leaderId"> {
  const all = [...members.values()], protocol = selectProtocol(all.map(asVoter));
  return {
    kind: "stored",
    protocolType: CONSUMER_PROTOCOL_TYPE,
    generation,
    protocol,
    stateSinceMs: now.wallMs,
    members: all.map(({ id, metadata }) => {
      const { instanceId, clientId, clientHost, rebalanceTimeoutMs } = metadata;
      const classic = metadata.classic!;
      const subscription = classic.protocols.find(({ name }) => name === protocol)?.metadata ??
        NO_BYTES;
      const target = targets.get(id) ?? NO_TARGET;
      return {
        id,
        instanceId,
        clientId,
        clientHost,
        rebalanceTimeoutMs,
        sessionTimeoutMs: classic.sessionTimeoutMs,
        subscription,
        assignment: writeAssignment(target, topics, subscription),
      };
    }),
  };
}

function asVoter({ metadata }: Readonly<ConsumerMember>) {
  return { protocols: metadata.classic!.protocols };
}

function byNumber(a: number, b: number): number {
  return a - b;
}
