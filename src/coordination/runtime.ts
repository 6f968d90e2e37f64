/**
 * CoordinatorRuntime: the shell around a coordinator's shards (Kafka's class of the name). It finds an id's partition,
 * asks the shard, appends what the log keeps, makes it true and answers, all in one turn; answers that show what was
 * just appended leave when the log has kept it, or written it where the shard says so. One timer serves the nearest
 * deadline of all entities.
 *
 * | the log | comes to |
 * |---|---|
 * | refuses an append | nothing has happened: whoever asked gets the error, what was due is tried again |
 * | loses one that it took | the partition is loaded anew, whoever waits for its answer gets 16 |
 */
import { coordinatorPartition } from "../protocol/coordinator_partition.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { GivesWay } from "../clock.ts";
import { appendError } from "./append_error.ts";
import type { CoordinatorTopic, Leadership } from "./coordinator_log.ts";
import { Deadlines } from "./deadlines.ts";
import type { LedPartition, LiveMarker } from "./led_partition.ts";
import { type CoordinationEvent, LedPartitions } from "./led_partitions.ts";
import type { Kinds, Now, Shard } from "./shard.ts";

/** An event that has come about. */
export interface Happening<K extends Kinds> {
  readonly entity: K["Entity"];
  readonly event: K["Event"];
  readonly facts: readonly K["Fact"][];
  readonly now: Now;
}

export interface CoordinatorRuntimeOptions<K extends Kinds, S extends Shard<K>> {
  readonly topic: CoordinatorTopic;
  readonly newShard: (index: number) => S;
  readonly now: () => Now;
  /** The answer to a request that comes to nothing, whatever it was. */
  readonly refusal: (ticket: number, errorCode: number) => K["Reply"];
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  readonly onEvent: (event: CoordinationEvent, details: Record<string, unknown>) => void;
  /** Gives others a turn while very many entities are looked at; without it none is given. */
  readonly turn?: GivesWay;
  /** A partition's state is there. What was decided before a restart, and waits to be done, begins here. */
  readonly onActive?: (partition: LedPartition<K, S>) => void;
  /** The log has taken the facts, which are made true next. */
  readonly onTaken?: (happening: Happening<K>, partition: LedPartition<K, S>) => void;
  /** The facts are kept: what they promise to others may be begun. Not called once the partition has gone. */
  readonly onKept?: (happening: Happening<K>, partition: LedPartition<K, S>) => void;
  /** Another partition that has to be active too before the id can be answered for; null: none. */
  readonly alsoNeeded?: (id: string, index: number) => LedPartition<K, S> | null;
}

export class CoordinatorRuntime<K extends Kinds, S extends Shard<K> = Shard<K>> {
  readonly partitions: LedPartitions<K, S>;
  readonly #options: CoordinatorRuntimeOptions<K, S>;
  readonly #deadlines = new Deadlines<K["Entity"]>();
  readonly #intervals = new Set<() => void>();
  #tickets = 0;
  #cancelTimer: (() => void) | null = null;
  #timerAtMs = Infinity;
  #isStopped = false;

  constructor(options: CoordinatorRuntimeOptions<K, S>) {
    this.#options = options;
    this.partitions = new LedPartitions<K, S>({
      ...options,
      led: (index) => options.topic.led(index),
      onActive: (partition) => options.onActive?.(partition),
      onGone: (partition) => this.#refuseAll(partition),
    });
  }

  now(): Now {
    return this.#options.now();
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
  }

  /** Takes up the leadership of a partition: its state is what its log says. */
  load(index: number, led: Leadership): Promise<void> {
    return this.partitions.load(index, led);
  }

  /** Gives a partition up; whoever waits is sent to look for the new coordinator. */
  unload(index: number): void {
    this.partitions.unload(index);
  }

  /** Ends all waiting and all timers. The state is in the logs. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    for (const cancel of this.#intervals) cancel();
    this.partitions.stop();
  }

  /**
   * Makes the topic when there is none yet, and takes up its partitions. Where it cannot be made (no space, too many
   * partitions) the coordinator stays unavailable (15), and the next who asks tries again.
   */
  async ensureTopic(): Promise<void> {
    const { topic } = this.#options;
    try {
      if (topic.partitionCount === 0) await topic.create();
    } catch (error) {
      this.#options.onEvent("topic_failed", { error: String(error) });
      return;
    }
    await this.loadAll();
  }

  /** The partition that an id belongs to; null while the topic does not exist. */
  partitionFor(id: string): number | null {
    const { partitionCount } = this.#options.topic;
    return partitionCount === 0 ? null : coordinatorPartition(id, partitionCount);
  }

  /** Where an id is kept, or why it cannot be asked for here and now. */
  place(id: string): LedPartition<K, S> | number {
    const index = this.partitionFor(id);
    if (this.#isStopped || index === null) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const partition = this.partitions.get(index);
    if (partition === undefined) return ErrorCode.NOT_COORDINATOR;
    const isActive = partition.state === "active";
    const hindering = isActive ? this.#options.alsoNeeded?.(id, index) ?? null : partition;
    if (hindering === null) return partition;
    return hindering.state === "failed"
      ? ErrorCode.NOT_COORDINATOR
      : ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  }

  /** Why the partition of an id has failed, as a sentence; null when it has not. */
  failureOf(id: string): string | null {
    const index = this.partitionFor(id);
    if (index === null) return null;
    for (const needed of [this.partitions.get(index), this.#options.alsoNeeded?.(id, index)]) {
      if (needed?.state !== "failed") continue;
      const { name } = this.#options.topic;
      return `Partition ${name}-${needed.index} cannot be loaded: ${needed.failure}`;
    }
    return null;
  }

  /** How many partitions are in this state. */
  count(state: LedPartition<K, S>["state"]): number {
    return this.partitions.count(state);
  }

  /** Whether any partition is still being read, so that a list of what there is would not be whole. */
  get isLoading(): boolean {
    return this.count("loading") > 0;
  }

  /** The partitions whose state is known. */
  *active(): Generator<LedPartition<K, S>> {
    for (const partition of this.partitions.all()) {
      if (partition.state === "active") yield partition;
    }
  }

  /** Runs a request's event through the shard; resolves with the answer. */
  ask(
    partition: LedPartition<K, S>,
    entity: K["Entity"],
    event: (ticket: number) => K["Event"],
  ): Promise<K["Reply"]> {
    const ticket = ++this.#tickets;
    return new Promise((resolve) => {
      partition.waiting.set(ticket, resolve);
      try {
        this.submit(partition, entity, event(ticket), ticket);
      } catch (error) { // the promise rejects with it
        partition.waiting.delete(ticket);
        throw error;
      }
    });
  }

  /**
   * Runs an event, and what it makes due, through the shard. The entity may be new. Returns the log's error code where
   * it took nothing: of this event, nothing has happened then, or of what it made due, which is tried again.
   */
  submit(
    partition: LedPartition<K, S>,
    entity: K["Entity"],
    event: K["Event"],
    ticket: number | null = null,
  ): number {
    const now = this.now(), { shard } = partition;
    let errorCode: number | null = null;
    try {
      return errorCode = this.#run(partition, { entity, event, now, ticket });
    } finally { // whatever happened, nothing empty is left behind, and what is due is looked at
      shard.settle(entity);
      const isTaken = errorCode === ErrorCode.NONE;
      this.watch(entity, isTaken ? shard.nextDeadline(entity) : now.ms + APPEND_RETRY_MS);
    }
  }

  /** Looks at the entity again then; null: not. */
  watch(entity: K["Entity"], atMs: number | null): void {
    if (atMs === null) return;
    this.#deadlines.set(entity, atMs);
    this.#setTimer(this.now().ms);
  }

  /**
   * Writes what is decided on every entity that there is now, each in one turn; others have theirs between. Where the log
   * takes nothing, the next sweep tries again.
   */
  async sweep(
    decideOn: (entity: K["Entity"], shard: S) => readonly K["Fact"][],
    onDone: (facts: readonly K["Fact"][]) => void = () => {},
  ): Promise<void> {
    const { turn } = this.#options;
    for (const partition of [...this.active()]) {
      for (const entity of [...partition.shard.entities()]) {
        if (turn?.isLong) await turn.next();
        const isHere = this.partitions.isCurrent(partition) && partition.state === "active";
        if (!isHere || this.#isStopped) break;
        if (!partition.shard.has(entity)) continue; // it went meanwhile
        const facts = decideOn(entity, partition.shard);
        if (facts.length === 0) continue;
        const errorCode = partition.writeAll(entity, facts, this.now().wallMs);
        if (errorCode === ErrorCode.NONE) onDone(facts);
      }
    }
  }

  /** Does the work again and again until the coordinator stops. */
  every(intervalMs: number, work: () => unknown): void {
    const { wake, onEvent } = this.#options;
    const cancel = wake(intervalMs, () => {
      this.#intervals.delete(cancel);
      this.every(intervalMs, work);
      const done = work();
      if (!(done instanceof Promise)) return;
      done.catch((error) => onEvent("work_failed", { error: String(error) }));
    });
    this.#intervals.add(cancel);
  }

  /**
   * A marker was appended to the log of a partition, in this turn. What is answered from now on waits for it to be
   * kept.
   */
  marker(index: number, marker: LiveMarker): void {
    this.partitions.get(index)?.marker(marker);
  }

  #run(
    partition: LedPartition<K, S>,
    { entity, event, now, ticket }: {
      readonly entity: K["Entity"];
      readonly event: K["Event"];
      readonly now: Now;
      readonly ticket: number | null;
    },
  ): number {
    const { shard } = partition;
    const refuse = (errorCode: number) => {
      if (ticket !== null) this.#refuse(partition, ticket, appendError(errorCode));
      return errorCode;
    };
    // Whoever waited for something since it was found may come too late.
    if (partition.state !== "active") return refuse(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    for (let next: K["Event"] | null = event; next !== null; next = shard.due(entity, now.ms)) {
      const { facts, replies, mayWait } = shard.decide(entity, next, now);
      const errorCode = partition.append(entity.id, facts, now.wallMs, { mayWait });
      // Nothing has happened. Whoever asked hears of it; what was due is tried again.
      if (errorCode !== ErrorCode.NONE) return next === event ? refuse(errorCode) : errorCode;
      const happening = { entity, event: next, facts, now };
      this.#options.onTaken?.(happening, partition);
      for (const fact of facts) shard.apply(entity, fact, now);
      for (const reply of replies) this.#answer(partition, reply);
      this.#tellWhenKept(happening, partition);
    }
    return ErrorCode.NONE;
  }

  #tellWhenKept(happening: Happening<K>, partition: LedPartition<K, S>): void {
    const { onKept, onEvent } = this.#options;
    if (onKept === undefined || happening.facts.length === 0) return;
    const tell = () => {
      if (!this.partitions.isCurrent(partition)) return;
      try {
        onKept(happening, partition);
      } catch (error) {
        onEvent("work_failed", { partition: partition.index, error: String(error) });
      }
    };
    partition.whenKept(tell, () => {}); // else the partition is loaded anew
  }

  #answer(partition: LedPartition<K, S>, reply: K["Reply"]): void {
    const { ticket } = reply, resolve = partition.waiting.get(ticket);
    if (resolve === undefined) return;
    partition.waiting.delete(ticket);
    const leave = () => resolve(reply);
    const orLost = () => resolve(this.#options.refusal(ticket, ErrorCode.NOT_COORDINATOR));
    if (reply.leavesWritten) partition.whenWritten(leave, orLost);
    else partition.whenKept(leave, orLost);
  }

  #refuse({ waiting }: LedPartition<K, S>, ticket: number, errorCode: number): void {
    const resolve = waiting.get(ticket);
    waiting.delete(ticket);
    resolve?.(this.#options.refusal(ticket, errorCode));
  }

  #refuseAll(partition: LedPartition<K, S>): void {
    for (const ticket of [...partition.waiting.keys()]) {
      this.#refuse(partition, ticket, ErrorCode.NOT_COORDINATOR);
    }
  }

  /** Looks at every entity whose deadline has come. */
  #tick(): void {
    const { ms } = this.now();
    try {
      for (let one = this.#deadlines.take(ms); one; one = this.#deadlines.take(ms)) {
        const partition = this.partitions.get(this.partitionFor(one.id) ?? -1);
        if (partition?.shard.get(one.id) !== one || this.#isStopped) continue;
        const event = partition.shard.due(one, ms);
        const deadlineMs = event === null ? partition.shard.nextDeadline(one) : null;
        if (event !== null) this.submit(partition, one, event);
        else if (deadlineMs !== null) this.#deadlines.set(one, deadlineMs); // it has moved
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
}

const APPEND_RETRY_MS = 1000;
