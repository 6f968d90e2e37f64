/**
 * Shard: what a coordinator keeps in one partition of its topic, as functions without time, disk or network. The
 * runtime around it (Kafka's CoordinatorRuntime) finds the partition, replays the log into it, and for everything that
 * happens goes *decide → append → apply → answer once it is kept*. Groups are one user, transactions another.
 */

/** The types that a coordinator deals in. */
export interface Kinds {
  /** What ids are of: a group, a transactional id. */
  readonly Entity: { readonly id: string };
  /** What may happen to one: a request with its ticket, a deadline. */
  readonly Event: unknown;
  /** What a decision makes true; some go to the log, others live in memory only. */
  readonly Fact: unknown;
  /** The answer to the request that holds a ticket. */
  readonly Reply: {
    readonly ticket: number;
    /** Whether it leaves when the log has written what it shows, and not only when it has kept that. */
    readonly leavesWritten?: boolean;
  };
}

/** The two clocks of clock.ts, read once for an event. */
export interface Now {
  /** Monotonic: every timeout is measured by it. */
  readonly ms: number;
  /** What records are stamped with. */
  readonly wallMs: number;
}

export interface Decision<K extends Kinds> {
  /** Appended as one batch and made true, all or none. */
  readonly facts: readonly K["Fact"][];
  /** They leave when everything appended so far is kept, but for those that say otherwise. */
  readonly replies: readonly K["Reply"][];
  /** Whether nobody waits for the facts to be kept who does not wait for what comes next as well. */
  readonly mayWait?: boolean;
}

/** A record of the coordinator's log. */
export interface ShardRecord {
  readonly key: Uint8Array;
  /** null: a tombstone. */
  readonly value: Uint8Array | null;
}

/** Where a record of the log comes from. */
export interface RecordSource {
  readonly timestampMs: number;
  /** Of the transaction it is part of; null when it counts at once. */
  readonly producerId: number | null;
}

export interface Shard<K extends Kinds> {
  get(id: string): K["Entity"] | undefined;
  /** All there are, for sweeps. */
  entities(): Iterable<K["Entity"]>;
  /** Whether this is still one of them. */
  has(entity: K["Entity"]): boolean;

  /** What an event comes to. Changes nothing. */
  decide(entity: K["Entity"], event: K["Event"], now: Now): Decision<K>;
  /** What is due by now in an entity; null: nothing. */
  due(entity: K["Entity"], nowMs: number): K["Event"] | null;
  /** Monotonic ms of the entity's next deadline; null: none. */
  nextDeadline(entity: K["Entity"]): number | null;

  /**
   * Makes a fact true that the log has taken, or that lives in memory only. `now` is that of the decision; null where
   * there was none.
   */
  apply(entity: K["Entity"], fact: K["Fact"], now: Now | null): void;
  /** Takes up a fact that a producer's transaction wrote: it counts once its marker commits it. */
  hold(producerId: number, entityId: string, fact: K["Fact"]): void;
  /** A producer's transaction ended in this partition, live or in a replay. */
  marker(producerId: number, isCommit: boolean): void;
  /** Keeps the entity, which may be new, if it holds anything, and forgets it otherwise. */
  settle(entity: K["Entity"]): void;

  /** The record of a fact; null for one that lives in memory only. */
  encode(entityId: string, fact: K["Fact"], wallMs: number): ShardRecord | null;
  /** Takes up a record of the log. Throws for what it cannot understand. */
  replay(record: ShardRecord, from: RecordSource): void;
  /** The log has been read to its end. */
  loaded(): void;
  /** Forgets everything, before the log is read (again). */
  clear(): void;
}
