/**
 * listOffsets: where partitions begin and end, and which offset a time has. Asks each leader once for all of its
 * partitions.
 */
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import type { CallOptions } from "./call.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The first record's offset, the one after the last, that of the record with the largest timestamp, that of the first one
 * which is on the broker itself and not in another tier (KIP-405), or that of the first record at or after a time in ms
 * since 1970.
 */
export type OffsetAt = "earliest" | "latest" | "maxTimestamp" | "earliestLocal" | number;

export interface FoundOffset extends TopicPartition {
  /** -1: no record is that late. */
  readonly offset: number;
  /** The record's; -1 for "earliest", "latest" and "earliestLocal". */
  readonly timestampMs: number;
}

export interface ListOffsetsOptions extends CallOptions {
  /** With readCommitted "latest" is the last stable offset; readUncommitted if not given. */
  readonly isolation?: Isolation;
}

export type Isolation = "readUncommitted" | "readCommitted";

/** In the order asked. Retries; throws KafkaError for the first partition that fails. */
export async function listOffsets(
  cluster: Cluster,
  asked: readonly (TopicPartition & { readonly at: OffsetAt })[],
  { isolation = "readUncommitted", timeoutMs, signal }: ListOffsetsOptions = {},
): Promise<FoundOffset[]> {
  const byLeader = new Map<number, number[]>();
  const answers: FoundOffset[] = [];
  await Promise.all(asked.map(async ({ topic, partition }, i) => {
    const { nodeId } = await cluster.retry(() => cluster.leader(topic, partition), {
      topic,
      timeoutMs,
      signal,
    });
    const places = byLeader.get(nodeId);
    if (places === undefined) byLeader.set(nodeId, [i]);
    else places.push(i);
  }));
  await Promise.all([...byLeader.values()].map(async (places) => {
    // One partition a topic entry, so that answers come back in the order of the places. The same partition twice in a
    // request is refused, so it goes out in rounds.
    for (const round of withoutRepeats(places, asked)) {
      const found = await cluster.retry(() => ask(cluster, round.map((i) => asked[i]), isolation), {
        topic: asked[round[0]].topic,
        timeoutMs,
        signal,
      });
      found.forEach((offset, k) => answers[round[k]] = offset);
    }
  }));
  return answers;
}

async function ask(
  cluster: Cluster,
  asked: readonly (TopicPartition & { readonly at: OffsetAt })[],
  isolation: Isolation,
): Promise<FoundOffset[]> {
  const { connection } = await cluster.leader(asked[0].topic, asked[0].partition);
  const version = connection.versionFor(ListOffsets, 10);
  const response = await connection.request(ListOffsets, version, {
    replicaId: -1,
    isolationLevel: isolation === "readCommitted" ? 1 : 0,
    topics: asked.map(({ topic, partition, at }) => ({
      name: topic,
      partitions: [{ partitionIndex: partition, timestamp: timestampOf(at, version) }],
    })),
    timeoutMs: 30_000,
  });
  const byName = new Map<string, FoundOffset>();
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode, offset, timestamp } of partitions) {
      check(errorCode, `offset of ${name}-${partitionIndex}`);
      byName.set(`${name}-${partitionIndex}`, {
        topic: name,
        partition: partitionIndex,
        offset,
        timestampMs: timestamp,
      });
    }
  }
  return asked.map(({ topic, partition }) => {
    const found = byName.get(`${topic}-${partition}`);
    if (!found) {
      throw new Error(`${connection.address} left out the offset of ${topic}-${partition}`);
    }
    return found;
  });
}

function timestampOf(at: OffsetAt, version: number): number {
  switch (at) {
    case "latest":
      return -1;
    case "earliest":
      return -2;
    case "maxTimestamp":
      return -3;
    case "earliestLocal":
      return version >= FIRST_VERSION_WITH_TIERS ? -4 : -2; // who does not know of tiers has one
    default:
      if (!Number.isSafeInteger(at) || at < 0) {
        throw new Error(`Offset at ${at}: needed is a time in ms since 1970, 0 or more`);
      }
      return at;
  }
}

const FIRST_VERSION_WITH_TIERS = 8;

function withoutRepeats(places: readonly number[], asked: readonly TopicPartition[]): number[][] {
  const rounds: number[][] = [], seen = new Map<string, number>();
  for (const i of places) {
    const name = `${asked[i].topic}-${asked[i].partition}`;
    const round = seen.get(name) ?? 0;
    seen.set(name, round + 1);
    (rounds[round] ??= []).push(i);
  }
  return rounds;
}
