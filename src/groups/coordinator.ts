/**
 * GroupCoordinator: the shell around the groups' machines. It finds a group's partition, asks the machine, appends
 * what is durable, makes it true and answers, all in one turn; answers that show what was just appended leave when the
 * log has kept it. One timer serves the nearest deadline of all groups.
 *
 * Requests come and answers go in the shapes of the protocol, without transport: handlers add nothing but names.
 */
import type { Clock } from "../clock.ts";
import { TrustedTime } from "../clock/trusted_time.ts";
import { coordinatorPartition } from "../protocol/coordinator_partition.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ConsumerSettings } from "./consumer_decision.ts";
import type { TopicView } from "./consumer_topics.ts";
import { Deadlines } from "../coordination/deadlines.ts";
import type { Now, Reply } from "./decision.ts";
import { type Group, isLogFact, type LogFact } from "./group.ts";
import { GroupMetrics } from "./group_metrics.ts";
import type { GroupPartition } from "./group_partition.ts";
import { GroupMover } from "./group_mover.ts";
import { type LedPartition, LedPartitions } from "./led_partitions.ts";
import {
  applyFact,
  deadlineOf,
  decideEvent,
  type DecisionContext,
  dueIn,
  type GroupEvent,
  type GroupFact,
} from "./machines.ts";
import { decideExpiry, topicOffsets } from "./offset_machine.ts";

export interface GroupSettings {
  readonly initialRebalanceDelayMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  readonly maxSize: number;
  readonly maxGroups: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly offsetMetadataMaxLength: number;
}

/** The topic that groups are kept in, as the catalogue and the logs have it. */
export interface OffsetsTopic {
  /** 0 while it does not exist. */
  readonly partitionCount: number;
  /** Makes it; resolves when its logs can be written to. Calls while one is under way share it. */
  create(): Promise<void>;
  /** A partition that this node leads; null for others. */
  led(partition: number): LedPartition | null;
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
  readonly topic: OffsetsTopic;
  readonly consumer: ConsumerContext;
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Fresh ids for members, unique over all time. */
  readonly newId: () => string;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

export class GroupCoordinator {
  readonly settings: GroupSettings;
  readonly consumer: ConsumerContext;
  readonly metrics = new GroupMetrics();
  readonly newId: () => string;
  readonly #options: GroupCoordinatorOptions;
  readonly #partitions: LedPartitions;
  readonly #mover: GroupMover;
  readonly #deadlines = new Deadlines<Group>();
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #time: TrustedTime;
  #tickets = 0;
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;
  #cancelExpiry: (() => void) | null = null;
  #isStopped = false;

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options;
    this.settings = options.settings;
    this.consumer = options.consumer;
    this.newId = options.newId;
    this.#time = options.time ?? new TrustedTime(options.clock);
    this.#mover = new GroupMover({
      ...options,
      partitionCount: () => options.topic.partitionCount,
      partitions: () => this.#partitions,
      wallMs: () => this.now().wallMs,
      onMoved: (partition, group) => this.submit(partition, group, { kind: "loaded" }),
    });
    this.#partitions = new LedPartitions({
      ...options,
      places: this.#mover,
      led: (index) => options.topic.led(index),
      onActive: (partition) => this.#taken(partition),
      onGone: (partition) => this.#refuseAll(partition),
    });
    this.#expireLater();
  }

  now(): Now {
    return { ms: this.#time.monotonicMs(), wallMs: this.#time.stampMs() };
  }

  /**
   * Loads every partition that this node leads and has not loaded, at start and whenever leaders change. Resolves when
   * those whose log is there are active or failed; the others follow by themselves.
   */
  async loadAll(): Promise<void> {
    const { topic } = this.#options;
    const loads: Promise<void>[] = [];
    for (let i = 0; i < topic.partitionCount; i++) {
      const led = topic.led(i);
      if (led) loads.push(this.load(i, led));
    }
    await Promise.all(loads);
    await this.#mover.idle();
  }

  /** Takes up the leadership of a partition: its groups are what its log says. */
  load(index: number, led: LedPartition): Promise<void> {
    return this.#isStopped ? Promise.resolve() : this.#partitions.load(index, led);
  }

  /** Gives a partition up; whoever waits is sent to look for the new coordinator. */
  unload(index: number): void {
    this.#partitions.unload(index);
  }

  /** Ends all waiting and all timers. The state is in the logs. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelExpiry?.();
    this.#mover.stop();
    this.#partitions.stop();
  }

  /**
   * Makes the offsets topic when there is none yet, and takes up its partitions. Where it cannot be made (no space, too
   * many partitions) groups stay unavailable (15), and the next who asks tries again.
   */
  async ensureTopic(): Promise<void> {
    const { topic } = this.#options;
    try {
      if (topic.partitionCount === 0) await topic.create();
    } catch (error) {
      this.#options.onEvent("offsets_topic_failed", { error: String(error) });
      return;
    }
    await this.loadAll();
  }

  /** The partition of `__consumer_offsets` that a group belongs to; null while the topic does not exist. */
  partitionFor(groupId: string): number | null {
    const { partitionCount } = this.#options.topic;
    return partitionCount === 0 ? null : coordinatorPartition(groupId, partitionCount);
  }

  /** Where a group is kept, or why it cannot be asked for here and now. */
  place(groupId: string): GroupPartition | number {
    const index = this.partitionFor(groupId);
    if (this.#isStopped || index === null) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const partition = this.#partitions.get(index);
    if (partition === undefined) return ErrorCode.NOT_COORDINATOR;
    const isActive = partition.state === "active";
    const hindering = isActive ? this.#mover.unsettled(groupId, index) : partition;
    if (hindering === null) return partition;
    return hindering.state === "failed"
      ? ErrorCode.NOT_COORDINATOR
      : ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  }

  /** Why the partition of a group has failed, as a sentence; null when it has not. */
  failureOf(groupId: string): string | null {
    const index = this.partitionFor(groupId);
    if (index === null) return null;
    for (const partition of [this.#partitions.get(index), this.#mover.unsettled(groupId, index)]) {
      if (partition?.state !== "failed") continue;
      return `Partition __consumer_offsets-${partition.index} cannot be loaded: ${partition.failure}`;
    }
    return null;
  }

  /** How many partitions are in this state. */
  count(state: GroupPartition["state"]): number {
    return this.#partitions.count(state);
  }

  /** Whether one more group would be too many. */
  get isFull(): boolean {
    let count = 0;
    for (const { groups } of this.#partitions.all()) count += groups.size;
    return count >= this.settings.maxGroups;
  }

  /** Whether any partition is still being read, so that a list of groups would not be whole. */
  get isLoading(): boolean {
    return this.count("loading") > 0 || this.#mover.isBusy;
  }

  /** Every group of the partitions that are active. */
  *groups(): Generator<Group> {
    for (const { state, groups } of this.#partitions.all()) {
      if (state === "active") yield* groups.values();
    }
  }

  /** Runs a request's event through the machine of its group; resolves with the answer. */
  ask(
    partition: GroupPartition,
    group: Group,
    event: (ticket: number) => GroupEvent,
  ): Promise<Reply> {
    const ticket = ++this.#tickets;
    return new Promise((resolve) => {
      this.#waiting.set(ticket, resolve);
      this.submit(partition, group, event(ticket), ticket);
    });
  }

  /** Runs an event, and what it makes due, through the group's machine. */
  submit(partition: GroupPartition, group: Group, event: GroupEvent, ticket = 0): void {
    const { now } = this.contextOf(group).consumerCircumstances;
    let isRefused = true;
    try {
      isRefused = this.#run(partition, group, event, ticket);
    } finally { // whatever happened, nothing empty is left behind, and what is due is looked at
      partition.forgetIfVoid(group);
      this.watch(group, isRefused ? now.ms + APPEND_RETRY_MS : deadlineOf(group));
    }
  }

  /** Whether the log took something back. */
  #run(partition: GroupPartition, group: Group, event: GroupEvent, ticket: number): boolean {
    const context = this.contextOf(group), { now } = context.consumerCircumstances;
    for (let next: GroupEvent | null = event; next; next = dueIn(group, now.ms)) {
      const { facts, replies } = decideEvent(group, next, context);
      const errorCode = this.#record(partition, group, facts, now);
      if (errorCode !== ErrorCode.NONE) {
        // Nothing has happened. Whoever asked hears of it; what was due is tried again.
        this.#refuse(next === event ? ticket : 0, appendError(errorCode));
        return true;
      }
      const hasExpired = next.kind === "memberExpires" || next.kind === "consumerExpires";
      if (hasExpired) this.metrics.sessionsExpired++;
      for (const reply of replies) this.#answer(partition, reply);
    }
    return false;
  }

  /** What a decision about the group is made in, now. */
  contextOf({ id }: Group): DecisionContext {
    const { topics, settings } = this.consumer;
    const consumerCircumstances = { now: this.now(), topics, settings: settings(id) };
    return { classicSettings: this.settings, consumerCircumstances };
  }

  /** Looks at the group again then, by default at its deadline. */
  watch(group: Group, atMs: number | null = deadlineOf(group)): void {
    if (atMs === null) return;
    this.#deadlines.set(group, atMs);
    this.#setTimer(this.now().ms);
  }

  /** Offsets of deleted topics go, in every group. */
  deleteTopics(names: ReadonlySet<string>): void {
    this.#sweep((group) => topicOffsets(group, names));
  }

  /** Removes what is past its retention. Called by itself at intervals. */
  expireOffsets(): void {
    const wallMs = this.#time.nowMs(), retentionMs = this.settings.offsetsRetentionMs;
    const expired = (group: Group, { pending }: GroupPartition) =>
      pending.concerns(group.id) ? [] : decideExpiry(group, { wallMs, retentionMs });
    this.#sweep(expired, (facts) => {
      this.metrics.offsetExpirations += facts.filter(({ kind }) => kind === "offsetGone").length;
    });
  }

  #taken(partition: GroupPartition): void {
    for (const group of partition.groups.values()) {
      this.submit(partition, group, { kind: "loaded" });
    }
    this.#mover.taken(partition);
  }

  #refuseAll(partition: GroupPartition): void {
    for (const { members } of partition.groups.values()) {
      if (members.type !== "classic") continue; // consumer groups let nobody wait
      for (const { joinTicket, syncTicket } of members.members.values()) {
        if (joinTicket !== null) this.#refuse(joinTicket, ErrorCode.NOT_COORDINATOR);
        if (syncTicket !== null) this.#refuse(syncTicket, ErrorCode.NOT_COORDINATOR);
      }
    }
  }

  #record(
    partition: GroupPartition,
    group: Group,
    facts: readonly GroupFact[],
    now: Now,
  ): number {
    const stored = facts.filter((fact): fact is GroupFact & LogFact => isLogFact(fact));
    const errorCode = partition.append(group.id, stored, now.wallMs);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    for (const fact of facts) {
      this.#count(group, fact, now);
      applyFact(group, fact);
    }
    return ErrorCode.NONE;
  }

  #count({ members }: Group, fact: GroupFact, now: Now): void {
    if (fact.kind === "rebalancing" || fact.kind === "epoch") this.metrics.rebalancesBegun++;
    if (fact.kind !== "stored" || members.type !== "classic" || members.rebalanceSinceMs === null) {
      return;
    }
    this.metrics.rebalanceCompleted(now.ms - members.rebalanceSinceMs);
  }

  #sweep(
    decideOn: (group: Group, partition: GroupPartition) => LogFact[],
    onDone: (facts: LogFact[]) => void = () => {},
  ): void {
    const { wallMs } = this.now();
    for (const partition of this.#partitions.all()) {
      if (partition.state !== "active") continue;
      for (const group of partition.everyGroup()) {
        const facts = decideOn(group, partition);
        // Where the log takes nothing the next sweep tries again.
        if (partition.commitAll(group, facts, wallMs) === ErrorCode.NONE) onDone(facts);
        partition.forgetIfVoid(group);
      }
    }
  }

  #answer(partition: GroupPartition, reply: Reply): void {
    const resolve = this.#waiting.get(reply.ticket);
    if (resolve === undefined) return;
    this.#waiting.delete(reply.ticket);
    partition.whenKept(
      () => resolve(reply),
      () =>
        resolve({
          api: "refused",
          ticket: reply.ticket,
          body: { errorCode: ErrorCode.NOT_COORDINATOR },
        }),
    );
  }

  #refuse(ticket: number, errorCode: number): void {
    const resolve = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    resolve?.({ api: "refused", ticket, body: { errorCode } });
  }

  /** Looks at every group whose deadline has come. */
  #tick(): void {
    const { ms } = this.now();
    try {
      for (let group = this.#deadlines.take(ms); group; group = this.#deadlines.take(ms)) {
        const partition = this.#partitions.get(this.partitionFor(group.id) ?? -1);
        if (partition?.groups.get(group.id) !== group || this.#isStopped) continue;
        const event = dueIn(group, ms);
        const deadlineMs = event === null ? deadlineOf(group) : null;
        if (event !== null) this.submit(partition, group, event);
        else if (deadlineMs !== null) this.#deadlines.set(group, deadlineMs); // beats moved it
      }
    } finally {
      this.#setTimer(ms); // the others are due whatever became of this one
    }
  }

  #setTimer(nowMs: number): void {
    const nextMs = this.#deadlines.nextMs;
    if (nextMs === null || nextMs >= this.#timerAtMs || this.#isStopped) return;
    this.#cancelTimer?.();
    this.#timerAtMs = nextMs;
    this.#cancelTimer = this.#options.wake(Math.max(0, nextMs - nowMs), () => {
      this.#timerAtMs = Infinity;
      this.#cancelTimer = null;
      this.#tick();
    });
  }

  #expireLater(): void {
    const { offsetsRetentionCheckIntervalMs } = this.settings;
    this.#cancelExpiry = this.#options.wake(offsetsRetentionCheckIntervalMs, () => {
      this.#expireLater();
      this.expireOffsets();
    });
  }
}

const APPEND_RETRY_MS = 1000;

/** What a client is told when the log took nothing: to look for the coordinator again, unless that is no use. */
export function appendError(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  }
}
