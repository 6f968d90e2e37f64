/**
 * Shard: what a coordinator keeps in one partition of its topic, as functions without time, disk or network. The
 * runtime around it (Kafka's CoordinatorRuntime) finds the partition, replays the log into it, and for everything that
 * happens goes *decide → append → apply → answer once it is kept*. Groups are one user, transactions another.
 *
 * | type | is |
 * |---|---|
 * | Entity | what ids are of: a group, a transactional id |
 * | Event | what may happen to one: a request with its ticket, a deadline |
 * | Fact | what a decision makes true; some go to the log, others live in memory only |
 * | Reply | the answer to the request that holds a ticket |
 */

/** The two clocks of clock.ts, read once for an event. */
export interface Now {
  /** Monotonic: every timeout is measured by it. */
  readonly ms: number;
  /** What records are stamped with. */
  readonly wallMs: number;
}

export interface Decision<Fact, Reply> {
  /** Appended as one batch and made true, all or none. */
  readonly facts: readonly Fact[];
  /** They leave when everything appended so far is kept. */
  readonly replies: readonly Reply[];
}

/** A record of the coordinator's log. */
export interface ShardRecord {
  readonly key: Uint8Array;
  /** null: a tombstone. */
  readonly value: Uint8Array | null;
}

export interface Shard<Entity extends { readonly id: string }, Event, Fact, Reply> {
  get(id: string): Entity | undefined;
  entities(): Iterable<Entity>;

  /** What an event comes to. Changes nothing. */
  decide(entity: Readonly<Entity>, event: Event, now: Now): Decision<Fact, Reply>;
  /** Makes a fact true. */
  apply(entity: Entity, fact: Fact): void;
  /** What is due by now in an entity; null: nothing. */
  due(entity: Readonly<Entity>, nowMs: number): Event | null;
  /** Monotonic ms of the entity's next deadline; null: none. */
  nextDeadline(entity: Readonly<Entity>): number | null;
  /** Tickets of requests that wait for something to happen; they are refused when the partition goes. */
  waiting(): Iterable<number>;

  /** The record of a fact; null for one that lives in memory only. */
  encode(entityId: string, fact: Fact, wallMs: number): ShardRecord | null;
  /** Takes up a record of the log; of a transaction (producerId not null) it counts from its marker on. Throws for what it cannot understand. */
  replay(record: ShardRecord, from: { timestampMs: number; producerId: number | null }): void;
  /** A producer's transaction ended in this partition, live or in a replay. */
  marker(producerId: number, isCommit: boolean): void;
  /** Forgets everything, before the log is read again. */
  clear(): void;
}
