/**
 * Opening: where the copy of each partition begins, or goes on. How far an earlier copy came is what the target's log says:
 * its end is one of the offsets that were kept before anything was sent, and what lies before it bears the copy's
 * producer id. Anything else there is somebody else's.
 */
import type { PartitionOfTopic } from "../../client/batch_reader.ts";
import type { Cluster, Topic } from "../../client/cluster.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import type { Identity } from "../../client/partition_sender.ts";
import { isWrittenBy } from "../../client/written_by.ts";
import type { Kept } from "./ledger.ts";
import { OffsetMap } from "./offset_map.ts";
import type { OpenedPartition } from "./partition_copy.ts";

/** Why a topic is not copied, in words. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

export interface Opening {
  readonly from: Topic;
  readonly to: Topic;
  readonly isMade: boolean;
  /** Whether records that were there may stay in front. */
  readonly isAppending: boolean;
  /** By "topic-partition" of the target. */
  readonly kept: ReadonlyMap<string, Kept>;
  /** For partitions that nothing is kept of. */
  readonly identity: Identity;
}

/** All partitions of a topic. Throws RefusedError, KafkaError, ConnectionError. */
export async function openedPartitions(
  source: Cluster,
  target: Cluster,
  opening: Opening,
): Promise<OpenedPartition[]> {
  const { from, to } = opening;
  if (to.partitions.length < from.partitions.length) {
    throw new RefusedError(
      `${to.name} has ${to.partitions.length} partitions at the target, ${from.partitions.length} are needed: ` +
        `\`runnel topic grow ${to.name} ${from.partitions.length}\` there gives it those`,
    );
  }
  const pairs = from.partitions.map(({ index: partition }) => ({
    from: { topic: from.name, topicId: from.id, partition },
    to: { topic: to.name, topicId: to.id, partition },
  }));
  const starts = await listOffsets(source, pairs.map((one) => ({ ...one.from, at: "earliest" })));
  const ends = await settledEnds(target, pairs.map((one) => one.to), opening.kept);
  const opened: OpenedPartition[] = [];
  for (const [at, pair] of pairs.entries()) {
    const end = ends[at].end, kept = opening.kept.get(nameOf(pair.to));
    if (kept === undefined) {
      const { isAppending, isMade, identity } = opening;
      if (ends[at].start < end && !isAppending) {
        throw new RefusedError(
          `${
            nameOf(pair.to)
          } has records that are not of this copy: choose another name by --rename, ` +
            "delete them, or let them stay in front by --append",
        );
      }
      const map = new OffsetMap([{ source: starts[at].offset, target: end }], end);
      opened.push({ ...pair, isMade, identity, map });
    } else opened.push(await goneOn(target, { ...pair, kept, end, start: ends[at].start }));
  }
  return opened;
}

interface GoingOn {
  readonly from: PartitionOfTopic;
  readonly to: PartitionOfTopic;
  readonly kept: Kept;
  readonly start: number;
  readonly end: number;
}

async function goneOn(
  target: Cluster,
  { from, to, kept, start, end }: GoingOn,
): Promise<OpenedPartition> {
  const { progress, copied } = kept, { identity, isMade } = progress;
  if (progress.targetId !== to.topicId) {
    throw new RefusedError(
      `${to.topic} was deleted at the target and made again since it was copied: ${RESTART}`,
    );
  }
  if (progress.source.topic !== from.topic || progress.source.id !== from.topicId) {
    throw new RefusedError(
      `${to.topic} at the target is a copy of another topic ${progress.source.topic} (${progress.source.id}) than of ` +
        `${from.topic} (${from.topicId}): choose another name by --rename`,
    );
  }
  const map = new OffsetMap(progress.points, copied);
  const isOurs = end === map.start.target || start === end ||
    await isWrittenBy(target, to, { offset: end - 1, identity });
  if (!isOurs || map.backTo(end) === null) {
    throw new RefusedError(
      `${nameOf(to)} ends at ${end}, and the copy was at ${copied} to ${
        progress.points[progress.points.length - 1].target
      }: somebody else wrote there, so it cannot go on. ${RESTART}`,
    );
  }
  return { from, to, isMade, identity, map };
}

const RESTART =
  "Choose another name by --rename, or another --name and --append to copy all once more";

/**
 * Where partitions begin and end, once they stay so for a moment: what a copy that was killed had sent may be on its way
 * into the log still.
 */
async function settledEnds(
  cluster: Cluster,
  partitions: readonly PartitionOfTopic[],
  kept: ReadonlyMap<string, Kept>,
): Promise<{ start: number; end: number }[]> {
  const starts = await listOffsets(cluster, partitions.map((one) => ({ ...one, at: "earliest" })));
  const endsNow = async () =>
    (await listOffsets(cluster, partitions.map((one) => ({ ...one, at: "latest" }))))
      .map(({ offset }) => offset);
  let ends = await endsNow();
  const isPending = partitions.some((one, at) => {
    const points = kept.get(nameOf(one))?.progress.points;
    return points !== undefined && points[points.length - 1].target > ends[at];
  });
  for (let looks = 0; isPending && looks < MAX_LOOKS; looks++) {
    await cluster.pause(SETTLE_MS);
    const later = await endsNow();
    const isSettled = later.every((end, at) => end === ends[at]);
    ends = later;
    if (isSettled) break;
  }
  return ends.map((end, at) => ({ start: starts[at].offset, end }));
}

const SETTLE_MS = 250;
const MAX_LOOKS = 60;
