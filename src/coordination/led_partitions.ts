/**
 * LedPartitions: the partitions of a coordinator's topic that this node leads, each loading, active or failed.
 *
 * | state | means | requests are answered |
 * |---|---|---|
 * | loading | its log is being opened or read | 14 |
 * | active | the state is what its log says | |
 * | failed | the log cannot be read to its end: damage, a device that fails, a record nobody understands | 16 |
 *
 * Kafka's CoordinatorRuntime answers its FAILED shards with 16 too, and leaves them so until the next election; here,
 * where no other node can be elected, the load is tried again, ever more seldom: a cause may go.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { CoordinatorLog, Leadership } from "./coordinator_log.ts";
import { LedPartition, type Unkept } from "./led_partition.ts";
import type { Kinds, Shard } from "./shard.ts";

/** What happens to partitions that somebody should hear of; each coordinator has names of its own for it. */
export type CoordinationEvent =
  | "load_failed"
  | "load_healed"
  | "log_write_failed"
  | "topic_failed"
  | "work_failed";

export interface LedPartitionsOptions<K extends Kinds, S extends Shard<K>> {
  /** What is led now; null for what is not. */
  readonly led: (index: number) => Leadership | null;
  readonly newShard: (index: number) => S;
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** A partition has become active. */
  readonly onActive: (partition: LedPartition<K, S>) => void;
  /** A partition that was active, or to be, is no longer led: whoever waits must be told. */
  readonly onGone: (partition: LedPartition<K, S>) => void;
  readonly onEvent: (event: CoordinationEvent, details: Record<string, unknown>) => void;
}

export class LedPartitions<K extends Kinds, S extends Shard<K>> {
  readonly #options: LedPartitionsOptions<K, S>;
  readonly #partitions = new Map<number, LedPartition<K, S>>();
  /** Of what was given up last, by index: what it appended that is not kept yet. */
  readonly #unkept = new Map<number, Unkept>();
  /** By index: what takes the next try back. */
  readonly #retries = new Map<number, () => void>();
  #isStopped = false;

  constructor(options: LedPartitionsOptions<K, S>) {
    this.#options = options;
  }

  get(index: number): LedPartition<K, S> | undefined {
    return this.#partitions.get(index);
  }

  all(): IterableIterator<LedPartition<K, S>> {
    return this.#partitions.values();
  }

  count(state: LedPartition<K, S>["state"]): number {
    let count = 0;
    for (const partition of this.all()) if (partition.state === state) count++;
    return count;
  }

  /** Takes up a partition. Resolves when it is active or failed; at once where its log is still being opened. */
  async load(index: number, led: Leadership): Promise<void> {
    if (this.#isStopped) return;
    const { log, leaderEpoch } = led;
    const known = this.#partitions.get(index), isSame = known && isSameTopic(known, led);
    if (known && isSame && known.leaderEpoch >= leaderEpoch) return;
    if (known) this.unload(index);
    const partition = this.#newPartition(index, leaderEpoch), unkept = this.#unkept.get(index);
    this.#unkept.delete(index);
    if (unkept && isSameTopic(unkept, led)) partition.inherit(unkept);
    if (typeof log !== "function") return await this.#read(partition, log, 0);
    log().then(
      (opened) => this.#read(partition, opened, 0),
      (error) => this.#failed(partition, error, 0),
    );
  }

  /** Gives a partition up. */
  unload(index: number): void {
    const partition = this.#partitions.get(index);
    if (partition === undefined) return;
    this.#partitions.delete(index);
    this.#unkept.delete(index);
    if (partition.unkept.promises.size > 0) this.#unkept.set(index, partition.unkept);
    partition.close();
    this.#retries.get(index)?.();
    this.#retries.delete(index);
    this.#options.onGone(partition);
  }

  stop(): void {
    this.#isStopped = true;
    for (const index of [...this.#partitions.keys()]) this.unload(index);
  }

  /** Whether it is still led by this object, and not given up or loaded anew. */
  isCurrent(partition: LedPartition<K, S>): boolean {
    return this.#partitions.get(partition.index) === partition;
  }

  #newPartition(index: number, leaderEpoch: number): LedPartition<K, S> {
    const onLost = (error: unknown) => {
      if (!this.isCurrent(partition)) return; // known already
      this.#options.onEvent("log_write_failed", { partition: index, error: String(error) });
      this.unload(index);
      const led = this.#isStopped ? null : this.#options.led(index);
      if (led === null) return;
      this.load(index, led).catch((error) =>
        // what fails in the log it tells itself
        this.#options.onEvent("work_failed", { partition: index, error: String(error) })
      );
    };
    const shard = this.#options.newShard(index);
    const partition: LedPartition<K, S> = new LedPartition({ index, leaderEpoch, shard, onLost });
    this.#partitions.set(index, partition);
    return partition;
  }

  /** Reads the log into the partition, which is then active or failed. Does not reject. */
  async #read(
    partition: LedPartition<K, S>,
    log: CoordinatorLog,
    tries: number,
  ): Promise<void> {
    if (!this.isCurrent(partition)) return;
    try {
      await partition.load(log, this.#options.give, () => this.isCurrent(partition));
      if (!this.isCurrent(partition)) return;
      this.#options.onActive(partition);
    } catch (error) {
      return this.#failed(partition, error, tries);
    }
    if (tries === 0) return;
    this.#options.onEvent("load_healed", { partition: partition.index, tries });
  }

  #failed(partition: LedPartition<K, S>, error: unknown, tries: number): void {
    if (!this.isCurrent(partition) || this.#isStopped) return;
    const { index } = partition, reason = error instanceof Error ? error.message : String(error);
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(tries, 16), LONGEST_RETRY_MS);
    if (partition.failure !== reason) { // told once, and not at every try
      this.#options.onEvent("load_failed", { partition: index, reason, retryMs });
    }
    partition.fail(reason);
    this.#retries.set(index, this.#options.wake(retryMs, () => this.#retry(partition, tries + 1)));
  }

  /** The log may be another object by now, and stays failed for whoever asks until it has been read. */
  #retry(partition: LedPartition<K, S>, tries: number): void {
    if (!this.isCurrent(partition)) return;
    const led = this.#options.led(partition.index);
    if (led === null) return this.unload(partition.index);
    const { log } = led;
    (typeof log === "function" ? log() : Promise.resolve(log)).then(
      (log) => this.#read(partition, log, tries),
      (error) => this.#failed(partition, error, tries),
    );
  }
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/** Whether the partition is of the topic that the log is of, as far as that is known. */
function isSameTopic(
  { topicId }: { readonly topicId: Uuid | null },
  led: Leadership,
): boolean {
  const ledId = led.topicId ?? (typeof led.log === "function" ? null : led.log.topicId);
  return topicId === null || ledId === null || topicId === ledId;
}
