/**
 * reading: the records of planned partitions as they come, until each has reached its end, somebody stops it, or the
 * time is up. What a fetch brought is in memory, and the next one on its way, never more.
 */
import type { Cluster } from "../../client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../client/consumer.ts";
import { ConnectionError } from "../../client/errors.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import type { Isolation } from "../../client/list_offsets.ts";
import type { PartitionRange } from "./plan.ts";

export interface ReadOptions {
  readonly isolation: Isolation;
  /** Asked between records that came together. */
  readonly isStopped: () => boolean;
  /** How long nothing may move before the end is reached, 60 s if not given. */
  readonly stalledMs?: number;
}

/** Records that came together, [] every now and then. Throws KafkaError, and ConnectionError when nothing moves. */
export async function* reading(
  cluster: Cluster,
  planned: readonly PartitionRange[],
  { isolation, isStopped, stalledMs = 60_000 }: ReadOptions,
): AsyncGenerator<readonly ConsumerRecord[], void> {
  using consumer = new Consumer(cluster, {
    autoOffsetReset: "earliest",
    isolation,
    ...CONSUMER_LIMITS,
  });
  const ends = new Map(planned.map((one) => [nameOf(one), one.until]));
  let open = planned.filter(({ from, until }) => until === null || from < until);
  consumer.assign(open);
  for (const one of open) consumer.seek(one, one.from);
  const progress = new Progress(stalledMs);
  while (open.length > 0 && !isStopped()) {
    const records = await consumer.poll(POLL_MS);
    yield before(ends, records);
    const still = open.filter((one) => one.until === null || !consumer.hasReached(one, one.until));
    if (still.length < open.length) consumer.assign(still);
    open = still;
    const bounded = open.filter(({ until }) => until !== null);
    if (bounded.length > 0) progress.look(bounded, (one) => consumer.position(one) ?? 0);
  }
}

/** Those that stand before the end of their partition; they come a partition after the other. */
function before(
  ends: ReadonlyMap<string, number | null>,
  records: readonly ConsumerRecord[],
): readonly ConsumerRecord[] {
  let last: ConsumerRecord | null = null, end = Infinity;
  return records.filter((record) => {
    if (record.partition !== last?.partition || record.topic !== last.topic) {
      last = record;
      end = ends.get(nameOf(record)) ?? Infinity;
    }
    return record.offset < end;
  });
}

class Progress {
  #sum = -1;
  #sinceMs = performance.now();

  constructor(readonly stalledMs: number) {}

  /** Throws when nothing has moved for too long: a broker that went away is tried again and again by the consumer. */
  look(open: readonly PartitionRange[], positionOf: (one: PartitionRange) => number): void {
    const sum = open.reduce((total, one) => total + positionOf(one) + 1, 0);
    if (sum !== this.#sum) {
      this.#sum = sum;
      this.#sinceMs = performance.now();
    } else if (performance.now() - this.#sinceMs > this.stalledMs) {
      const [first] = open;
      throw new ConnectionError(
        `Nothing came for ${this.stalledMs} ms, and ${nameOf(first)} is at ${
          positionOf(first)
        } of ${first.until}`,
      );
    }
  }
}

/** What one fetch may bring, compressed and decompressed. */
export const CONSUMER_LIMITS = {
  maxBytes: 4 << 20,
  maxPartitionBytes: 1 << 20,
  maxDecodedBytes: 32 << 20,
};

/** How often ends are looked for. */
const POLL_MS = 100;
