/**
 * Reset plan: what each partition of a group would be set to, by the rules of Kafka's consumer groups tool: a time
 * behind the last record is the end; an offset beyond what there is becomes the nearest there is; what has nothing
 * committed cannot be shifted, and "current" sets it to the end.
 */
import type { Cluster } from "../../client/cluster.ts";
import type { Committed } from "../../client/groups.ts";
import { listOffsets, type OffsetAt, type TopicPartition } from "../../client/list_offsets.ts";
import { ConfigError } from "../../config/load.ts";
import { partitionName } from "./findings.ts";
import type { ChosenTopic } from "./partitions.ts";
import { readOffsetsFile } from "./offsets_file.ts";
import type { ResetTarget } from "./reset_target.ts";

export interface PlannedReset extends TopicPartition {
  /** Null: nothing is committed. */
  readonly before: bigint | null;
  readonly after: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

export interface AskedReset {
  readonly groupId: string;
  readonly target: ResetTarget;
  /** Null: all that something is committed of; unless the target is a file, which says itself. */
  readonly topics: readonly ChosenTopic[] | null;
  readonly committed: readonly Committed[];
}

/** In order of topics and partitions. Throws ConfigError for what is not there, or cannot be shifted. */
export async function planReset(cluster: Cluster, asked: AskedReset): Promise<PlannedReset[]> {
  const { groupId, target, committed } = asked;
  const file = target.kind === "file" ? readOffsetsFile(target.path, groupId) : null;
  const partitions = file ?? await partitionsOf(cluster, asked);
  await mustExist(cluster, partitions);
  const before = byName(committed), wanted = byName(file ?? []);
  const at = (when: OffsetAt) =>
    listOffsets(
      cluster,
      partitions.map(({ topic, partition }) => ({ topic, partition, at: when })),
    );
  const [starts, ends, times] = await Promise.all([
    at("earliest"),
    at("latest"),
    target.kind === "time" ? at(target.timeMs) : [],
  ]);
  return partitions.map(({ topic, partition }, row) => {
    const name = partitionName({ topic, partition });
    const start = BigInt(starts[row].offset), end = BigInt(ends[row].offset);
    const now = before.get(name) ?? null;
    const found = times.length === 0 ? null : BigInt(times[row].offset);
    const after = afterOf({ target, start, end, now, found, wanted: wanted.get(name) ?? null });
    if (after === null) {
      throw new ConfigError(
        `${name} cannot be shifted: group ${groupId} has committed nothing there`,
      );
    }
    return { topic, partition, before: now, after, start, end };
  }).sort((a, b) => a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1);
}

/** Null: there is nothing to shift. */
function afterOf({ target, start, end, now, found, wanted }: {
  readonly target: ResetTarget;
  readonly start: bigint;
  readonly end: bigint;
  /** What is committed. */
  readonly now: bigint | null;
  /** Of the time; below 0 where no record is that late. */
  readonly found: bigint | null;
  /** Of the file. */
  readonly wanted: bigint | null;
}): bigint | null {
  const within = (offset: bigint) => offset < start ? start : offset > end ? end : offset;
  switch (target.kind) {
    case "earliest":
      return start;
    case "latest":
      return end;
    case "current":
      return now ?? end;
    case "offset":
      return within(target.value);
    case "shift":
      return now === null ? null : within(now + target.value);
    case "time":
      return found === null || found < 0n ? end : found;
    case "file":
      return within(wanted ?? end);
  }
}

async function partitionsOf(
  cluster: Cluster,
  { topics, committed }: AskedReset,
): Promise<readonly TopicPartition[]> {
  if (topics === null) return committed;
  const found: TopicPartition[] = [];
  for (const { topic, partitions } of topics) {
    const { partitions: all } = await cluster.retry(() => cluster.topic(topic), { timeoutMs: 0 });
    for (const partition of partitions ?? all.map(({ index }) => index)) {
      found.push({ topic, partition });
    }
  }
  return found;
}

async function mustExist(cluster: Cluster, partitions: readonly TopicPartition[]): Promise<void> {
  for (const { topic, partition } of partitions) {
    // The topics are known by now, or asked for once each.
    const { partitions: { length } } = await cluster.retry(() => cluster.topic(topic), {
      timeoutMs: 0,
    });
    if (partition >= length) {
      throw new ConfigError(`${topic} has no partition ${partition}: it has ${length}`);
    }
  }
}

function byName(offsets: readonly Committed[]): Map<string, bigint> {
  return new Map(offsets.map((one) => [partitionName(one), one.offset]));
}
