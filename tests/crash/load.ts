/** What the loads of the crash suites have in common: they go on through every crash, and judge what they find. */
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../src/client/consumer.ts";
import { ConnectionError, KafkaError, mayRetry } from "../../src/client/errors.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { nameOf } from "./content.ts";
import type { Seen } from "./ledger.ts";
import { pause } from "./victim.ts";

export interface Load {
  readonly topic: string;
  /** Things that the broker has said yes to. */
  readonly acknowledged: number;
  /** Makes its topic and begins to send. */
  begin(): Promise<void>;
  /** Sends nothing new while that is true; what is on its way goes on, and is tried again. */
  isResting?: boolean;
  /** What is wrong, after a start. */
  judge(): Promise<string[]>;
  /** Stops sending; resolves when the fate of everything sent is decided, or may stay undecided. */
  end(): Promise<void>;
  /** In one line. */
  summary(): string;
}

/** What a load is told about the world it lives in. */
export interface LoadContext {
  readonly bootstrap: string;
  readonly seed: number;
  /** Told of what must not happen, at once. */
  readonly complain: (complaint: string) => void;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: number;
}

/**
 * Everything that a topic holds at the time of the call, and what comes meanwhile, each record as `keep` puts it: records
 * themselves are large. Throws when it cannot be read to its end.
 */
export async function readTopic<T>(
  bootstrap: string,
  { topic, partitions: count }: TopicPartitions,
  keep: (record: ConsumerRecord) => T,
): Promise<T[]> {
  using consumer = new Consumer({ bootstrap }, {
    autoOffsetReset: "earliest",
    fetchMaxWaitMs: 100,
    // In turn, so that a fetch ends at many places: in the middle of a partition, or before the first batch of one.
    maxBytes: [16 << 20, 5 << 20][readings++ % 2],
    maxPartitionBytes: [2 << 20, 700_000, 1 << 20][readings % 3],
  });
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  consumer.assign(partitions);
  const admin = new Admin({ bootstrap, callTimeoutMs: READ_LIMIT_MS });
  const find = async (at: "earliest" | "latest") =>
    (await admin.listOffsets(partitions.map((one) => ({ ...one, at })))).map(({ offset }) =>
      offset
    );
  const ends = await find("latest"), starts = await find("earliest");
  admin.close();
  partitions.forEach((partition, i) => consumer.seek(partition, starts[i]));
  const all: T[] = [];
  const isBehind = () =>
    partitions.filter((partition, i) => consumer.position(partition)! < ends[i]);
  let lastMs = performance.now();
  while (isBehind().length > 0) {
    const records = await consumer.poll(500);
    for (const record of records) all.push(keep(record));
    if (records.length > 0) lastMs = performance.now();
    if (performance.now() - lastMs <= READ_LIMIT_MS) continue;
    const [{ partition }] = isBehind();
    throw new Error(
      `${topic}-${partition} cannot be read beyond ${
        consumer.position({ topic, partition })
      }, it ends at ${ends[partition]}`,
    );
  }
  return all;
}

/** A record as ledgers see it. */
export const seen = ({ partition, offset, value }: ConsumerRecord): Seen => ({
  partition,
  offset,
  value: value === null ? "a tombstone" : nameOf(value),
});

/** Complaints that `judge` finds, or that it could not judge. */
export async function judged(topic: string, judge: () => Promise<string[]>): Promise<string[]> {
  try {
    return await judge();
  } catch (error) {
    return [`${topic} could not be judged: ${(error as Error).message}`];
  }
}

/** Makes a topic, over crashes if need be. */
export async function makeTopic(
  cluster: Cluster,
  { topic, partitions, configs }: TopicPartitions & { configs: Record<string, string> },
): Promise<void> {
  const admin = new Admin(cluster);
  await persist(`create ${topic}`, async () => {
    try {
      await admin.createTopics([{ name: topic, partitions, configs }]);
    } catch (error) {
      // An earlier try was carried out, and its answer lost.
      if (!(error instanceof KafkaError) || error.code !== ErrorCode.TOPIC_ALREADY_EXISTS) {
        throw error;
      }
    }
  });
}

/** Deletes a topic, over crashes if need be. `cluster` must not retry by itself. */
export async function dropTopic(cluster: Cluster, topic: string): Promise<void> {
  const admin = new Admin(cluster);
  await persist(`delete ${topic}`, async () => {
    try {
      await admin.deleteTopics([topic]);
    } catch (error) {
      const isGone = error instanceof KafkaError &&
        error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (!isGone) throw error;
    }
  });
}

/** A cluster whose calls are tried once: what an answer says is then known to be of this try. */
export function impatient(bootstrap: string): Cluster {
  return new Cluster({ bootstrap, callTimeoutMs: 0 });
}

/** Tries until it succeeds; throws what retrying does not mend. */
export async function persist(what: string, attempt: () => Promise<void>): Promise<void> {
  const deadlineMs = performance.now() + PERSIST_LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isWorthIt = error instanceof ConnectionError || mayRetry(error);
      if (!isWorthIt) throw error;
      if (performance.now() > deadlineMs) {
        throw new Error(`${what}: not done after ${PERSIST_LIMIT_MS / 1000} s`, { cause: error });
      }
      await pause(50);
    }
  }
}

/** One at a time, in the order they came. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

let readings = 0;
const READ_LIMIT_MS = 60_000, PERSIST_LIMIT_MS = 180_000;
