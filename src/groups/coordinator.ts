/**
 * GroupCoordinator: the groups of all partitions of `__consumer_offsets`, over the runtime that every coordinator has.
 * What is special to groups is here: offsets that expire, the number of groups, and groups that an older version kept
 * elsewhere.
 *
 * Requests come and answers go in the shapes of the protocol, without transport: handlers add nothing but names.
 */
import type { Clock, GivesWay } from "../clock.ts";
import { TrustedTime } from "../clock/trusted_time.ts";
import type { CoordinatorTopic } from "../coordination/coordinator_log.ts";
import type { CoordinationEvent } from "../coordination/led_partitions.ts";
import { CoordinatorRuntime } from "../coordination/runtime.ts";
import type { Now } from "../coordination/shard.ts";
import type { ConsumerSettings } from "./consumer/consumer_decision.ts";
import { metadataLength } from "./consumer/consumer_group.ts";
import type { TopicView } from "./consumer/consumer_topics.ts";
import type { Group } from "./group.ts";
import { GroupMetrics } from "./group_metrics.ts";
import { HeldBytes, saidBytes } from "./held_bytes.ts";
import { GroupMover } from "./group_mover.ts";
import { type GroupKinds, type GroupPartition, GroupShard } from "./group_shard.ts";
import type { DecisionContext } from "./machines.ts";
import { decideExpiry, topicOffsets } from "./offsets/offset_machine.ts";

export interface GroupSettings {
  readonly initialRebalanceDelayMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly maxSize: number;
  readonly maxGroups: number;
  /** What members may say of themselves and be assigned, over all groups. */
  readonly maxMemberBytes: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly offsetMetadataMaxLength: number;
  /** Committed offsets, of all groups. */
  readonly maxOffsets: number;
  /** Of all committed offsets together, in characters. */
  readonly offsetMetadataMaxBytes: number;
}

/** What groups of the consumer protocol need besides. */
export interface ConsumerContext {
  readonly topics: TopicView;
  readonly settings: (groupId: string) => ConsumerSettings;
}

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  /** What offsets expire by. Without it, the clock as far as it is confirmed since this began. */
  readonly time?: TrustedTime;
  readonly settings: GroupSettings;
  readonly topic: CoordinatorTopic;
  readonly consumer: ConsumerContext;
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Fresh ids for members, unique over all time. */
  readonly newId: () => string;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** Gives others a turn while very many groups are looked at. */
  readonly turn?: GivesWay;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

export class GroupCoordinator extends CoordinatorRuntime<GroupKinds, GroupShard> {
  readonly settings: GroupSettings;
  readonly consumer: ConsumerContext;
  readonly metrics = new GroupMetrics();
  readonly newId: () => string;
  readonly memberBytes: HeldBytes;
  readonly metadataBytes: HeldBytes;
  readonly #offsets: HeldBytes;
  readonly #mover: GroupMover;
  readonly #time: TrustedTime;

  constructor(options: GroupCoordinatorOptions) {
    const { settings, consumer, clock, topic, wake, onEvent } = options;
    const time = options.time ?? new TrustedTime(clock);
    const now = () => ({ ms: time.monotonicMs(), wallMs: time.stampMs() });
    super({
      ...options,
      now,
      newShard: (index) =>
        new GroupShard({
          index,
          places: this.#mover,
          contextOf: (group, now) => this.contextOf(group, now),
          onDecided: (group, fact, now) => this.#count(group, fact, now),
        }),
      refusal: (ticket, errorCode) => ({ api: "refused", ticket, body: { errorCode } }),
      onEvent: (event, details) => onEvent(EVENTS[event], details),
      onActive: (partition) => this.#taken(partition),
      onTaken: ({ event: { kind } }) => {
        const hasExpired = kind === "memberExpires" || kind === "consumerExpires";
        if (hasExpired) this.metrics.sessionsExpired++;
      },
      alsoNeeded: (id, index) => this.#mover.unsettled(id, index),
    });
    this.settings = settings;
    this.consumer = consumer;
    this.newId = options.newId;
    const nowMs = () => clock.monotonicMs();
    this.memberBytes = new HeldBytes({
      maxBytes: settings.maxMemberBytes,
      nowMs,
      held: () => this.#saidBytes(),
    });
    this.metadataBytes = new HeldBytes({
      maxBytes: settings.offsetMetadataMaxBytes,
      nowMs,
      held: () => this.#sumOfOffsets(({ metadataLength }) => metadataLength),
    });
    this.#offsets = new HeldBytes({
      maxBytes: settings.maxOffsets,
      nowMs,
      held: () => this.#sumOfOffsets(({ count }) => count),
    });
    this.#time = time;
    this.#mover = new GroupMover({
      wake,
      onEvent,
      partitionCount: () => topic.partitionCount,
      partitions: () => this.partitions,
      wallMs: () => now().wallMs,
      onMoved: (partition, group) => this.submit(partition, group, { kind: "loaded" }),
    });
    this.every(settings.offsetsRetentionCheckIntervalMs, () => this.expireOffsets());
  }

  /** Resolves when what belongs elsewhere has been moved, too. */
  override async loadAll(): Promise<void> {
    await super.loadAll();
    await this.#mover.idle();
  }

  override stop(): void {
    this.#mover.stop();
    super.stop();
  }

  /** Whether one more group would be too many. */
  get isFull(): boolean {
    const { maxGroups } = this.settings;
    let count = 0, length = 0;
    for (const { shard: { groups } } of this.partitions.all()) {
      count += groups.size;
      length += groups.idLength;
    }
    return count >= maxGroups || length > maxGroups * USUAL_ID_LENGTH;
  }

  #saidBytes(): number {
    let bytes = 0;
    for (const { shard } of this.active()) {
      for (const { members } of shard.groups.values()) {
        if (members.type === "consumer") {
          for (const { id, metadata } of members.members.values()) {
            bytes += id.length + metadataLength(metadata);
          }
          continue;
        }
        for (const { id, clientId, protocols, assignment } of members.members.values()) {
          bytes += id.length + clientId.length + saidBytes(protocols) + assignment.length;
        }
        for (const id of members.pendingMembers.keys()) bytes += id.length;
      }
    }
    return bytes;
  }

  /** Over the offsets of all groups, and those that transactions have pending. */
  #sumOfOffsets(
    of: (offsets: { readonly count: number; readonly metadataLength: number }) => number,
  ): number {
    let sum = 0;
    for (const { shard } of this.active()) {
      sum += of(shard.pending);
      for (const { offsets } of shard.groups.values()) sum += of(offsets);
    }
    return sum;
  }

  /** Whether there is room for those of the offsets that the group does not have yet. */
  hasRoomFor(
    offsets: readonly { readonly topic: string; readonly partition: number }[],
    group: Readonly<Group> | undefined,
  ): boolean {
    let fresh = 0;
    for (const { topic, partition } of offsets) {
      if (group?.offsets.get(topic, partition) === undefined) fresh++;
    }
    return fresh === 0 || this.#offsets.admits(fresh);
  }

  /** How long an offset's metadata may be in a request that has these. */
  maxMetadataLength(offsets: readonly { readonly metadata: string }[]): number {
    let length = 0;
    for (const { metadata } of offsets) length += metadata.length;
    return length === 0 || this.metadataBytes.admits(length)
      ? this.settings.offsetMetadataMaxLength
      : 0;
  }

  override get isLoading(): boolean {
    return super.isLoading || this.#mover.isBusy;
  }

  /** Every group of the partitions that are active. */
  *groups(): Generator<Group> {
    for (const { shard } of this.active()) yield* shard.groups.values();
  }

  /** What a decision about the group is made in. */
  contextOf({ id }: Readonly<Group>, now: Now = this.now()): DecisionContext {
    const { topics, settings } = this.consumer;
    const consumerCircumstances = { now, topics, settings: settings(id) };
    return { classicSettings: this.settings, consumerCircumstances };
  }

  /** Offsets of deleted topics go, in every group. */
  async deleteTopics(names: ReadonlySet<string>): Promise<void> {
    await this.sweep((group, { pending }) => topicOffsets(group, names, pending));
  }

  /** Removes what is past its retention. Called by itself at intervals. */
  async expireOffsets(): Promise<void> {
    const wallMs = this.#time.nowMs(), retentionMs = this.settings.offsetsRetentionMs;
    await this.sweep(
      (group, { pending: open }) => decideExpiry(group, { wallMs, retentionMs, open }),
      (facts) => {
        this.metrics.offsetExpirations += facts.filter(({ kind }) => kind === "offsetGone").length;
      },
    );
  }

  #taken(partition: GroupPartition): void {
    for (const group of partition.shard.groups.values()) {
      this.submit(partition, group, { kind: "loaded" });
    }
    this.#mover.taken(partition);
  }

  #count({ members }: Readonly<Group>, { kind }: GroupKinds["Fact"], now: Now): void {
    if (kind === "rebalancing" || kind === "epoch") this.metrics.rebalancesBegun++;
    if (kind !== "stored" || members.type !== "classic" || members.rebalanceSinceMs === null) {
      return;
    }
    this.metrics.rebalanceCompleted(now.ms - members.rebalanceSinceMs);
  }
}

/** Longer ids count for several. */
const USUAL_ID_LENGTH = 256;

/** What the runtime tells of, in the words of the log (log/events.ts). */
const EVENTS: Record<CoordinationEvent, string> = {
  load_failed: "group_load_failed",
  load_healed: "group_load_healed",
  log_write_failed: "group_log_write_failed",
  topic_failed: "offsets_topic_failed",
  work_failed: "group_work_failed",
};
