/** Plan: which offsets of which partitions are read, fixed once before the first record is. */
import type { Cluster } from "../../client/cluster.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { type Isolation, listOffsets, type TopicPartition } from "../../client/list_offsets.ts";
import { ConfigError } from "../../config/load.ts";
import { existingTopic } from "../existing_topic.ts";
import type { Place, Range, Ranges } from "./range.ts";

export interface PartitionRange extends TopicPartition {
  readonly from: number;
  /** The offset behind the last one; null: without end. */
  readonly until: number | null;
}

export interface PlannedPartition extends PartitionRange {
  /** Where the partition ended as it was looked at. */
  readonly end: number;
}

export interface PlanOptions {
  readonly topics: readonly string[];
  /** Empty: all there are. */
  readonly partitions: readonly number[];
  readonly ranges: Ranges;
  /** Ends are fixed now unless it follows. */
  readonly isFollowing: boolean;
  readonly isolation: Isolation;
}

/**
 * Places before the beginning or behind the end of a partition mean these. Throws ConfigError for partitions that are
 * not there, KafkaError.
 */
export async function plannedPartitions(
  cluster: Cluster,
  { topics, partitions, ranges, isFollowing, isolation }: PlanOptions,
): Promise<PlannedPartition[]> {
  const chosen: (TopicPartition & { readonly range: Range })[] = [];
  for (const topic of new Set(topics)) {
    for (const partition of await partitionsOf(cluster, topic, { partitions, ranges })) {
      const range = ranges.byPartition.get(partition) ?? ranges.all ?? EVERYTHING;
      chosen.push({ topic, partition, range });
    }
  }
  const offsets = async (at: "earliest" | "latest" | number, some: readonly TopicPartition[]) =>
    (await listOffsets(
      cluster,
      some.map(({ topic, partition }) => ({ topic, partition, at })),
      { isolation },
    )).map(({ offset }) => offset);
  const [starts, ends] = [await offsets("earliest", chosen), await offsets("latest", chosen)];
  const bounds = chosen.map((_, i) => ({ start: starts[i], end: ends[i] }));
  const times = new Times(offsets, chosen, bounds);
  const from = await times.resolved(({ from }) => from);
  const until = await times.resolved(({ to }) => to);
  return chosen.map(({ topic, partition }, i) => ({
    topic,
    partition,
    from: from[i]!,
    until: until[i] ?? (isFollowing ? null : ends[i]),
    end: ends[i],
  }));
}

/** What there is to say where every offset that somebody named lies behind the end, so that nothing is printed; else null. */
export function nothingThere(
  planned: readonly PlannedPartition[],
  { all, byPartition }: Ranges,
): string | null {
  const isBehind = ({ partition, end }: PlannedPartition) => {
    const from = (byPartition.get(partition) ?? all)?.from;
    return from?.kind === "offset" && from.offset > end;
  };
  if (planned.length === 0 || !planned.every(isBehind)) return null;
  const last = planned.reduce((most, { end }) => Math.max(most, end), 0);
  const which = planned.length === 1
    ? nameOf(planned[0])
    : `every one of ${planned.length} partitions`;
  return `Nothing is at that --offset: ${which} ends at ${last}${
    planned.length === 1 ? "" : " or before"
  }`;
}

const EVERYTHING: Range = { from: { kind: "start" }, to: null };

async function partitionsOf(
  cluster: Cluster,
  topic: string,
  { partitions, ranges }: Pick<PlanOptions, "partitions" | "ranges">,
): Promise<readonly number[]> {
  const found = await existingTopic(cluster, topic);
  const count = found.partitions.length;
  const missing = [...partitions, ...ranges.byPartition.keys()].find((index) => index >= count);
  if (missing !== undefined) {
    throw new ConfigError(`${topic} has no partition ${missing}: it has 0 to ${count - 1}`);
  }
  return partitions.length > 0
    ? [...new Set(partitions)]
    : found.partitions.map(({ index }) => index);
}

type Offsets = (
  at: "earliest" | "latest" | number,
  some: readonly TopicPartition[],
) => Promise<number[]>;

/** Places as offsets; those of one time are asked for together. */
class Times {
  constructor(
    readonly offsets: Offsets,
    readonly chosen: readonly (TopicPartition & { readonly range: Range })[],
    readonly bounds: readonly { readonly start: number; readonly end: number }[],
  ) {}

  async resolved(placeOf: (range: Range) => Place | null): Promise<(number | null)[]> {
    const found: (number | null)[] = [], byTime = new Map<number, number[]>();
    for (const [i, { range }] of this.chosen.entries()) {
      const place = placeOf(range), { start, end } = this.bounds[i];
      if (place?.kind !== "time") {
        found[i] = place === null ? null : clamped(offsetOf(place, start, end), start, end);
        continue;
      }
      byTime.set(place.timeMs, [...byTime.get(place.timeMs) ?? [], i]);
    }
    for (const [timeMs, places] of byTime) {
      const offsets = await this.offsets(timeMs, places.map((i) => this.chosen[i]));
      for (const [k, i] of places.entries()) {
        const { start, end } = this.bounds[i];
        found[i] = offsets[k] < 0 ? end : clamped(offsets[k], start, end);
      }
    }
    return found;
  }
}

function offsetOf(place: Exclude<Place, { kind: "time" }>, start: number, end: number): number {
  switch (place.kind) {
    case "start":
      return start;
    case "end":
      return end;
    case "offset":
      return place.offset;
    case "afterStart":
      return start + place.offset;
    case "beforeEnd":
      return end - place.offset;
  }
}

const clamped = (offset: number, start: number, end: number) =>
  Math.min(Math.max(offset, start), end);
