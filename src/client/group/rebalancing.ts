/**
 * Rebalancing: what a rebalance does to a consumer's partitions. Memberships run in the background and hand in here what
 * is to be done; it is done within the consumer's next poll(), one thing after the other, so that nothing changes while
 * the caller is busy with records it was given.
 */
import type { Bell } from "../bell.ts";
import { withinMs } from "../call.ts";
import type { RebalanceListener } from "../consumer_options.ts";
import type { TopicPartition } from "../list_offsets.ts";
import { without } from "./partitions_by_topic.ts";

/** What a consumer does for it. */
export interface RebalancedConsumer {
  /** Reads these from now on and no others. */
  assign(partitions: readonly TopicPartition[]): void;
  /** Commits positions of these before they go, where that happens by itself; never rejects. */
  commitBefore(partitions: readonly TopicPartition[]): Promise<void>;
  /** What a listener threw. */
  failed(error: unknown): void;
}

/** The membership is over: what it waited for will not happen. */
export class MembershipEnded extends Error {
  override readonly name = "MembershipEnded";
}

interface Waiting {
  readonly run: () => Promise<void>;
  readonly reject: (error: unknown) => void;
}

export class Rebalancing {
  readonly #consumer: RebalancedConsumer;
  readonly #bell: Bell;
  /** Hears of what comes and goes. */
  listener: RebalanceListener = {};
  #waiting: Waiting[] = [];
  /** What is being done of it: the poll that began it may have been given up. */
  #running: Promise<void> | null = null;
  #owned: readonly TopicPartition[] = [];
  #polledAtMs = performance.now();
  #isOver = false;
  /** What comes back later changes nothing any more. */
  #isAbandoned = false;
  #listenerMs = Infinity;

  /** `bell` wakes the poll that may be on. */
  constructor(consumer: RebalancedConsumer, bell: Bell) {
    this.#consumer = consumer;
    this.#bell = bell;
  }

  /** What this member has. */
  get owned(): readonly TopicPartition[] {
    return this.#owned;
  }

  /** Whether something waits for a poll(). */
  get isDue(): boolean {
    return this.#waiting.length > 0 || this.#running !== null;
  }

  /** How long nobody has polled. */
  get silentMs(): number {
    return performance.now() - this.#polledAtMs;
  }

  /** The consumer polls, still. */
  polled(): void {
    this.#polledAtMs = performance.now();
  }

  /** Does `work` within poll(), and settles as it does. Rejects with MembershipEnded when that comes before. */
  inPoll(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) return reject(new MembershipEnded());
      this.#waiting.push({ run: () => work().then(resolve, reject), reject });
      this.#bell.ring();
    });
  }

  /** Does what waits; poll() calls it. Never rejects: who handed in the work hears of it. */
  run(): Promise<void> {
    return this.#running ??= this.#runAll().finally(() => this.#running = null);
  }

  /** Nothing more is done in polls. */
  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new MembershipEnded());
  }

  /**
   * After end(): gives up everything, once what a poll began is over, unless that takes long: it may be a listener that
   * waits for this. `isLost`: others have it already. The listener is waited for no longer than `listenerMs`.
   */
  async giveUp(isLost: () => boolean, listenerMs: number): Promise<void> {
    this.#listenerMs = listenerMs;
    if (this.#running !== null) await withinMs(this.#running, BUSY_MS);
    if (isLost()) await this.lose();
    else await this.revoke(this.#owned);
    this.#keep([]);
    this.#isAbandoned = true;
  }

  async #runAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#waiting.shift()!.run();
      this.polled();
    }
  }

  /** Commits and gives up these. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const going = without(this.#owned, without(this.#owned, partitions));
    if (going.length === 0) return;
    await this.#consumer.commitBefore(going);
    await this.#tell("onPartitionsRevoked", going);
    this.#keep(without(this.#owned, going));
  }

  /** Gives up everything that others have already. */
  async lose(): Promise<void> {
    const lost = this.#owned;
    if (lost.length === 0) return;
    const { onPartitionsLost } = this.listener;
    await this.#tell(onPartitionsLost ? "onPartitionsLost" : "onPartitionsRevoked", lost);
    this.#keep([]);
  }

  /** Has these from now on: first it gives up what is not among them, then it takes what is new. */
  async take(partitions: readonly TopicPartition[]): Promise<void> {
    await this.revoke(without(this.#owned, partitions));
    const added = without(partitions, this.#owned);
    this.#keep(partitions);
    await this.#tell("onPartitionsAssigned", added);
  }

  #keep(partitions: readonly TopicPartition[]): void {
    if (this.#isAbandoned) return;
    this.#owned = partitions;
    this.#consumer.assign(partitions);
  }

  async #tell(what: keyof RebalanceListener, partitions: readonly TopicPartition[]): Promise<void> {
    const maxMs = this.#listenerMs;
    try {
      const told = this.listener[what]?.(partitions);
      if (told === undefined || maxMs === Infinity) return await told;
      if (await withinMs(told.then(() => true), maxMs) !== null) return;
      throw new Error(`The listener of rebalances has not come back from ${what} in ${maxMs} ms`);
    } catch (error) {
      this.#consumer.failed(error);
    }
  }
}

/** How long the end waits for a listener that is told of something else. */
const BUSY_MS = 5000;
