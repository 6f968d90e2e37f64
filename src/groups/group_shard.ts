/**
 * GroupShard: the groups that one partition of `__consumer_offsets` keeps. What the runtime asks goes to the machines of
 * both protocols; offsets of transactions wait here for their marker.
 */
import type { LedPartition } from "../coordination/led_partition.ts";
import type {
  Decision,
  Kinds,
  Now,
  RecordSource,
  Shard,
  ShardRecord,
} from "../coordination/shard.ts";
import type { Reply } from "./decision.ts";
import {
  applyLogFact,
  type Group,
  isLogFact,
  isVoid,
  type LogFact,
  newGroup,
  replayLogFact,
} from "./group.ts";
import { GroupMap } from "./group_map.ts";
import { decodeFact, encodeFact } from "./group_records.ts";
import {
  applyFact,
  deadlineOf,
  decideEvent,
  type DecisionContext,
  dueIn,
  type GroupEvent,
  type GroupFact,
} from "./machines.ts";
import { PendingOffsets } from "./offsets/pending_offsets.ts";
import { RecordTimes } from "./record_times.ts";

export interface GroupKinds extends Kinds {
  readonly Entity: Group;
  readonly Event: GroupEvent;
  readonly Fact: GroupFact | LogFact;
  readonly Reply: Reply;
}

export type GroupPartition = LedPartition<GroupKinds, GroupShard>;

/** Which groups an older Runnel put into another partition than Kafka would. */
export interface GroupPlaces {
  /** Whether records of the group may be in two partitions. */
  isMoving(groupId: string): boolean;
  /** Whether this partition has it by the older rule alone. */
  isMisplaced(groupId: string, index: number): boolean;
}

export interface GroupShardOptions {
  readonly index: number;
  readonly places: GroupPlaces;
  readonly contextOf: (group: Readonly<Group>, now: Now) => DecisionContext;
  /** A decision came to this, which is made true next. */
  readonly onDecided: (group: Readonly<Group>, fact: GroupFact | LogFact, now: Now) => void;
}

export class GroupShard implements Shard<GroupKinds> {
  readonly groups = new GroupMap();
  /** Found in the log, and to be moved to another partition (see group_mover.ts); nobody is answered from them. */
  readonly misplaced = new Map<string, Group>();
  readonly pending = new PendingOffsets();
  /** Of groups that may have records in two partitions; until it is known that they do not. */
  readonly times: RecordTimes;
  readonly #options: GroupShardOptions;

  constructor(options: GroupShardOptions) {
    this.#options = options;
    this.times = new RecordTimes((groupId) => options.places.isMoving(groupId));
  }

  get(id: string): Group | undefined {
    return this.groups.get(id);
  }

  /** One that has had nothing said of it yet is new, and comes to be with its first fact. */
  getOrNew(id: string, wallMs: number): Group {
    return this.groups.get(id) ?? newGroup(id, wallMs);
  }

  /** Every group of which the log has records, those that are to be moved too. */
  *entities(): Generator<Group> {
    yield* this.groups.values();
    yield* this.misplaced.values();
  }

  has(group: Group): boolean {
    return this.groups.get(group.id) === group || this.misplaced.get(group.id) === group;
  }

  decide(group: Group, event: GroupEvent, now: Now): Decision<GroupKinds> {
    return decideEvent(group, event, this.#options.contextOf(group, now));
  }

  due(group: Group, nowMs: number): GroupEvent | null {
    return dueIn(group, nowMs);
  }

  nextDeadline(group: Group): number | null {
    return deadlineOf(group);
  }

  apply(group: Group, fact: GroupFact | LogFact, now: Now | null): void {
    if (now !== null) this.#options.onDecided(group, fact, now);
    this.#overtake(group.id, fact);
    applyFact(group, fact);
  }

  hold(producerId: number, groupId: string, fact: GroupFact | LogFact): void {
    if (fact.kind !== "committed") throw new Error(`A transaction cannot write "${fact.kind}"`);
    this.pending.add(producerId, { groupId, fact });
    // As in Kafka the group is there from now on, empty: it is listed, and can be deleted with what is pending.
    const group = this.getOrNew(groupId, fact.committed.commitTimestampMs);
    group.hadOffsets = true;
    this.groups.set(groupId, group);
  }

  marker(producerId: number, isCommit: boolean): void {
    for (const { groupId, fact, isTrue } of this.pending.end(producerId, isCommit)) {
      const group = this.getOrNew(groupId, fact.committed.commitTimestampMs);
      if (isTrue) applyLogFact(group, fact);
      this.settle(group);
    }
  }

  settle(group: Group): void {
    if (this.misplaced.get(group.id) === group) return; // the mover forgets it
    if (this.#isVoid(group) && !group.hadOffsets) this.groups.delete(group.id);
    else this.groups.set(group.id, group);
  }

  encode(groupId: string, fact: GroupFact | LogFact, wallMs: number): ShardRecord | null {
    return isLogFact(fact) ? encodeFact(groupId, fact, wallMs) : null;
  }

  replay({ key, value }: ShardRecord, { timestampMs, producerId }: RecordSource): void {
    const decoded = decodeFact(key, value);
    if (decoded === null) return;
    const { groupId, fact } = decoded;
    if (producerId !== null && fact.kind === "committed") {
      return this.hold(producerId, groupId, fact);
    }
    this.times.note(groupId, fact, timestampMs);
    this.#overtake(groupId, fact);
    const group = this.getOrNew(groupId, timestampMs);
    replayLogFact(group, fact);
    this.groups.set(groupId, group);
  }

  loaded(): void {
    const { index, places } = this.#options;
    for (const [id, group] of this.groups) {
      if (this.#isVoid(group)) this.groups.delete(id);
      else if (places.isMisplaced(id, index)) {
        this.groups.delete(id);
        this.misplaced.set(id, group);
      }
    }
  }

  clear(): void {
    this.groups.clear();
    this.misplaced.clear();
    this.times.clear();
    this.pending.clear();
  }

  #isVoid(group: Group): boolean {
    return isVoid(group) && !this.pending.concerns(group.id);
  }

  /** A plain word on an offset is later in what the group did than what a transaction has pending for it. */
  #overtake(groupId: string, fact: GroupFact | LogFact): void {
    if (fact.kind === "committed") this.pending.overtake(groupId, fact);
    if (fact.kind === "offsetGone") this.pending.drop(groupId, fact);
  }
}
