/** PartitionSet: partitions by topic, in the order in which they came. */
export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

export class PartitionSet implements Iterable<Partition> {
  readonly #topics = new Map<string, Set<number>>();
  #size = 0;

  constructor(partitions: Iterable<Partition> = []) {
    for (const one of partitions) this.add(one);
  }

  get size(): number {
    return this.#size;
  }

  has({ topic, partition }: Partition): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false;
  }

  add({ topic, partition }: Partition): void {
    let known = this.#topics.get(topic);
    if (known === undefined) this.#topics.set(topic, known = new Set());
    if (known.has(partition)) return;
    known.add(partition);
    this.#size++;
  }

  /** Whether it was there. */
  delete({ topic, partition }: Partition): boolean {
    const known = this.#topics.get(topic);
    if (known === undefined || !known.delete(partition)) return false;
    if (known.size === 0) this.#topics.delete(topic);
    this.#size--;
    return true;
  }

  *[Symbol.iterator](): Generator<Partition> {
    for (const [topic, partitions] of this.#topics) {
      for (const partition of partitions) yield { topic, partition };
    }
  }

  byTopic(): Iterable<readonly [topic: string, partitions: ReadonlySet<number>]> {
    return this.#topics;
  }
}

/** One that nobody adds to. */
export type ReadonlyPartitionSet = Omit<PartitionSet, "add" | "delete">;
