/** TopicIds: names of topics for their ids, and back, where messages have ids only. */
import type { Uuid } from "../bytes/uuid.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { grouped } from "./group/partitions_by_topic.ts";
import type { TopicPartition } from "./list_offsets.ts";

export interface OfTopicId {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

export class TopicIds {
  readonly #cluster: Cluster;
  /** Of the last assignment, and of the one before, which may be held still. */
  #names: ReadonlyMap<Uuid, string> = new Map();
  #before: ReadonlyMap<Uuid, string> = new Map();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** null of a topic that is in no assignment lately. */
  idOf(topic: string): Uuid | null {
    for (const names of [this.#names, this.#before]) {
      for (const [id, name] of names) if (name === topic) return id;
    }
    return null;
  }

  /** Topics that no assignment named lately are left out. */
  byId(partitions: readonly TopicPartition[]): OfTopicId[] {
    return [...grouped(partitions)].flatMap(([name, some]) => {
      const topicId = this.idOf(name);
      return topicId === null
        ? []
        : [{ topicId, partitions: some.map(({ partition }) => partition) }];
    });
  }

  /**
   * What an assignment is by names. `expected` are looked for first; after them, all topics. `isWhole` is false while
   * there are ids that no topic has: the metadata may be old, or the topic gone.
   */
  async byName(
    assigned: readonly OfTopicId[],
    expected: readonly string[],
    call: CallOptions = {},
  ): Promise<{ partitions: TopicPartition[]; isWhole: boolean }> {
    const known = new Map(this.#names);
    const isUnknown = () => assigned.some(({ topicId }) => !known.has(topicId));
    for (const name of isUnknown() ? expected : []) {
      const topic = this.#cluster.lastKnown(name);
      if (topic !== null) known.set(topic.id, name);
    }
    if (isUnknown()) {
      const topics = await this.#cluster.retry(() => this.#cluster.topics(), call);
      for (const { id, name } of topics) known.set(id, name);
    }
    const found = assigned.filter(({ topicId }) => known.has(topicId));
    this.#before = this.#names;
    this.#names = new Map(found.map(({ topicId }) => [topicId, known.get(topicId)!]));
    const partitions = found.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topic: known.get(topicId)!, partition }))
    );
    return { partitions, isWhole: found.length === assigned.length };
  }
}
