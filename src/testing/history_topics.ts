/** HistoryTopics: the catalogue of a random history: which topics there are, of which incarnation, with which config. */
import type { Uuid } from "../bytes/uuid.ts";
import type { TopicConfig } from "../config/topic_configs.ts";
import type { WantedLog } from "../storage/opening.ts";
import { PartitionHistory } from "./partition_history.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { wantedLog } from "./storage_world.ts";

export interface HistoryTopic {
  readonly id: Uuid;
  readonly name: string;
  readonly config: Partial<TopicConfig>;
  readonly partitions: readonly PartitionHistory[];
}

export class HistoryTopics {
  readonly #random: SeededRandom;
  /** Whether batches and segments are large. */
  readonly #hasLarge: boolean;
  readonly #topics = new Map<string, HistoryTopic>();
  /** Topics that were deleted, as the metadata log remembers them. */
  readonly deleted = new Set<Uuid>();
  #incarnations = 0;
  leaderEpoch = 0;

  constructor(random: SeededRandom, hasLarge: boolean) {
    this.#random = random;
    this.#hasLarge = hasLarge;
    for (const name of ["plain", "table", "other"]) this.make(name);
  }

  pick(): HistoryTopic {
    return this.#random.pick([...this.#topics.values()]);
  }

  *partitions(): Generator<PartitionHistory> {
    for (const { partitions } of this.#topics.values()) yield* partitions;
  }

  pickPartition(): PartitionHistory {
    return this.#random.pick([...this.partitions()]);
  }

  /** What the catalogue wants there to be. */
  wanted(): WantedLog[] {
    return [...this.#topics.values()].flatMap((topic) => this.wantedOf(topic));
  }

  wantedOf({ id, name, config, partitions }: HistoryTopic): WantedLog[] {
    return partitions.map(({ partition }) =>
      wantedLog(id, { topic: name, partition, leaderEpoch: this.leaderEpoch }, config)
    );
  }

  /** A topic, in the place of the one that has the name. */
  make(name: string, reusedId?: Uuid): HistoryTopic {
    const incarnation = ++this.#incarnations;
    const id = reusedId ?? `${String(incarnation).padStart(21, "A")}A` as Uuid;
    const isCompacted = name === "table";
    const partitions = Array.from(
      { length: name === "plain" ? 2 : 1 },
      (_, partition) =>
        new PartitionHistory({
          topicId: id,
          folder: `${name}-${partition}`,
          partition,
          isCompacted,
          label: `${name}${partition}#${incarnation}`,
          random: this.#random,
        }),
    );
    const topic = { id, name, config: this.#config(isCompacted), partitions };
    const before = this.#topics.get(name);
    if (before !== undefined && before.id !== id) this.deleted.add(before.id);
    this.#topics.set(name, topic);
    return topic;
  }

  #config(isCompacted: boolean): Partial<TopicConfig> {
    return {
      "segment.bytes": this.#hasLarge ? 400_000 : this.#random.pick([600, 1500, 5000]),
      "index.interval.bytes": 100,
      "retention.bytes": isCompacted ? -1 : this.#random.pick([-1, 4000]),
      "max.message.bytes": 1 << 20,
      ...isCompacted && {
        "cleanup.policy": ["compact"],
        "min.cleanable.dirty.ratio": 0,
        "delete.retention.ms": 3000,
      },
    };
  }
}
