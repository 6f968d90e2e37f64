/**
 * LedPartitions: the partitions of `__consumer_offsets` that this node leads, each loading, active or failed.
 *
 * | state | means | its groups are answered |
 * |---|---|---|
 * | loading | its log is being opened or read | 14; beats pass, so that members do not all rejoin |
 * | active | the groups are what its log says | |
 * | failed | the log cannot be read to its end: damage, a device that fails, a record nobody understands | 16 |
 *
 * Kafka's CoordinatorRuntime answers its FAILED shards with 16 too, and leaves them so until the next election; here,
 * where no other node can be elected, the load is tried again, ever more seldom: a cause may go.
 */
import { type GroupLog, GroupPartition, type GroupPlaces } from "./group_partition.ts";

/** A partition that this node leads. */
export interface LedPartition {
  /** Where it is still being opened, what waits for it; that rejects when it will not be opened. */
  readonly log: GroupLog | (() => Promise<GroupLog>);
  readonly leaderEpoch: number;
}

export interface LedPartitionsOptions {
  /** What is led now; null for what is not. */
  readonly led: (index: number) => LedPartition | null;
  readonly places?: GroupPlaces;
  /** Takes the memory of a read back. */
  readonly give: (chunk: Uint8Array) => void;
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** A partition has become active. */
  readonly onActive: (partition: GroupPartition) => void;
  /** A partition that was active, or to be, is no longer led: whoever waits must be told. */
  readonly onGone: (partition: GroupPartition) => void;
  readonly onEvent: (event: string, details: Record<string, unknown>) => void;
}

export class LedPartitions {
  readonly #options: LedPartitionsOptions;
  readonly #partitions = new Map<number, GroupPartition>();
  /** By index: what takes the next try back. */
  readonly #retries = new Map<number, () => void>();
  #isStopped = false;

  constructor(options: LedPartitionsOptions) {
    this.#options = options;
  }

  get(index: number): GroupPartition | undefined {
    return this.#partitions.get(index);
  }

  all(): IterableIterator<GroupPartition> {
    return this.#partitions.values();
  }

  count(state: GroupPartition["state"]): number {
    let count = 0;
    for (const partition of this.all()) if (partition.state === state) count++;
    return count;
  }

  /** Takes up a partition. Resolves when it is active or failed; at once where its log is still being opened. */
  async load(index: number, { log, leaderEpoch }: LedPartition): Promise<void> {
    const known = this.#partitions.get(index);
    if (known && known.leaderEpoch >= leaderEpoch && isSameTopic(known, log)) return;
    if (known) this.unload(index);
    const partition = this.#newPartition(index, leaderEpoch);
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
    this.#retries.get(index)?.();
    this.#retries.delete(index);
    this.#options.onGone(partition);
  }

  stop(): void {
    this.#isStopped = true;
    for (const index of [...this.#partitions.keys()]) this.unload(index);
  }

  #newPartition(index: number, leaderEpoch: number): GroupPartition {
    const onLost = (error: unknown) => {
      if (!this.isCurrent(partition)) return; // known already
      this.#options.onEvent("group_log_write_failed", { partition: index, error: String(error) });
      this.unload(index);
      const led = this.#isStopped ? null : this.#options.led(index);
      if (led !== null) this.load(index, led); // which tells its own failure
    };
    const { places } = this.#options;
    const partition: GroupPartition = new GroupPartition(index, null, leaderEpoch, onLost, places);
    this.#partitions.set(index, partition);
    return partition;
  }

  /** Reads the log into the partition, which is then active or failed. Does not reject. */
  async #read(partition: GroupPartition, log: GroupLog, tries: number): Promise<void> {
    if (!this.isCurrent(partition)) return;
    try {
      await partition.load(this.#options.give, { log, goOn: () => this.isCurrent(partition) });
      if (!this.isCurrent(partition)) return;
      this.#options.onActive(partition);
    } catch (error) {
      return this.#failed(partition, error, tries);
    }
    if (tries === 0) return;
    this.#options.onEvent("group_load_healed", { partition: partition.index, tries });
  }

  #failed(partition: GroupPartition, error: unknown, tries: number): void {
    if (!this.isCurrent(partition) || this.#isStopped) return;
    const { index } = partition, reason = error instanceof Error ? error.message : String(error);
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(tries, 16), LONGEST_RETRY_MS);
    if (partition.failure !== reason) { // told once, and not at every try
      this.#options.onEvent("group_load_failed", { partition: index, reason, retryMs });
    }
    partition.fail(reason);
    this.#retries.set(index, this.#options.wake(retryMs, () => this.#retry(partition, tries + 1)));
  }

  /** The log may be another object by now, and stays failed for whoever asks until it has been read. */
  #retry(partition: GroupPartition, tries: number): void {
    if (!this.isCurrent(partition)) return;
    const led = this.#options.led(partition.index);
    if (led === null) return this.unload(partition.index);
    const { log } = led;
    (typeof log === "function" ? log() : Promise.resolve(log)).then(
      (log) => this.#read(partition, log, tries),
      (error) => this.#failed(partition, error, tries),
    );
  }

  /** Whether it is still led by this object, and not given up or loaded anew. */
  isCurrent(partition: GroupPartition): boolean {
    return this.#partitions.get(partition.index) === partition;
  }
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/** Whether the partition is of the topic that the log is of, as far as that is known. */
function isSameTopic({ topicId }: GroupPartition, log: LedPartition["log"]): boolean {
  return topicId === null || typeof log === "function" || topicId === log.topicId;
}
