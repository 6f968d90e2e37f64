/** Segments: what a partition's log is made of, and until when each part of it goes. */
import { StoreError } from "../storage/store.ts";
import type { SegmentRow } from "./api.ts";
import { EARLIEST, LATEST, nameOfPlace, offsetsAt, topicOf } from "./ask.ts";
import { ApiFailure } from "./failure.ts";
import type { Call, Route, SegmentFacts } from "./route.ts";

export const segmentRoutes: readonly Route[] = [{
  method: "GET",
  path: "topics/:topic/partitions/:partition/segments",
  summary: "What a partition's log is made of, the latest 200 parts of it",
  query: {},
  answers: "SegmentRow[]",
  handle: listSegments,
}];

const MAX_SEGMENTS = 200;

async function listSegments({ requests, params, house }: Call): Promise<SegmentRow[]> {
  const topic = await topicOf(requests, params.topic), partition = Number(params.partition);
  const place = { topic: params.topic, partition };
  if (!topic.partitions.some(({ partitionIndex }) => partitionIndex === partition)) {
    const message = `partition = ${params.partition}: needs 0 to ${topic.partitions.length - 1}`;
    throw new ApiFailure("not_found", message, { field: "partition" });
  }
  const [start, end] = await Promise.all(
    [EARLIEST, LATEST].map(async (timestamp) => {
      const found = (await offsetsAt(requests, [place], { timestamp })).get(nameOfPlace(place));
      if (typeof found === "number") return found;
      throw found;
    }),
  );
  const segments = house.segmentsOf(topic.topicId, partition) ?? [];
  return segments.slice(-MAX_SEGMENTS).map((segment, i, some): SegmentRow => ({
    start: Math.max(start, segment.baseOffset),
    end: some[i + 1]?.baseOffset ?? end,
    bytes: known(segment, ({ size }) => size),
    latestMs: known(segment, ({ largestTimestampMs }) => largestTimestampMs),
    isActive: i === some.length - 1,
  }));
}

/** One that cannot be looked at hides none of the others. */
function known(segment: SegmentFacts, read: (segment: SegmentFacts) => number): number | null {
  try {
    const value = read(segment);
    return value < 0 || !Number.isFinite(value) ? null : value;
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}
