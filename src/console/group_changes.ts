/** Changes of groups: resetting what one has committed, with a preview, and deleting one. */
import { check } from "../client/errors.ts";
import { DeleteGroups } from "../protocol/messages/delete_groups.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import { type Changed, type DeleteBody, LIMITS } from "./api.ts";
import type { ResetAnswer, ResetOffsetsBody } from "./api.ts";
import {
  EARLIEST,
  isMade,
  LATEST,
  mustHaveCoordinator,
  nameOfPlace,
  OFFSETS_TOPIC,
  offsetsAt,
  type Place,
  topicOf,
} from "./ask.ts";
import { ApiFailure } from "./failure.ts";
import { committedBy, idQuery } from "./groups.ts";
import { confirmShape, mustConfirm } from "./confirm.ts";
import { type Call, needed, type Route } from "./route.ts";
import type { ObjectShape, Shape } from "./shape.ts";

const MAX_OFFSET = Number.MAX_SAFE_INTEGER;

function kindOf(kinds: readonly string[], rest: Record<string, Shape> = {}): ObjectShape {
  const properties = { kind: { type: "string", enum: kinds } as const, ...rest };
  return { type: "object", properties, required: Object.keys(properties) };
}

const resetShape: ObjectShape = {
  type: "object",
  properties: {
    topic: { type: "string", maxLength: 249 },
    partitions: {
      type: "array",
      items: { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 },
      maxItems: 10_000,
      doc: "All of the topic if not given.",
    },
    to: {
      oneOf: [
        kindOf(["start", "end"]),
        kindOf(["offset"], { offset: { type: "integer", minimum: 0, maximum: MAX_OFFSET } }),
        kindOf(["time"], { timeMs: { type: "integer", minimum: 0, maximum: MAX_OFFSET } }),
        kindOf(["shift"], { by: { type: "integer", minimum: -MAX_OFFSET, maximum: MAX_OFFSET } }),
      ],
    },
    preview: { type: "boolean", doc: "Only shows what would be; true if not given." },
    seen: {
      type: "array",
      items: {
        type: "object",
        properties: {
          partition: { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 },
          before: { nullable: { type: "integer", minimum: 0, maximum: MAX_OFFSET } },
          after: { type: "integer", minimum: 0, maximum: MAX_OFFSET },
        },
        required: ["partition", "before", "after"],
      },
      maxItems: LIMITS.maxSeen,
      doc:
        "What was shown: that is done, whatever `to` would be now, or nothing where it does not hold any more.",
    },
  },
  required: ["topic", "to"],
};

export const groupChangeRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "group/offsets",
    summary: "Resets what a group without members has committed, or shows what that would do",
    query: idQuery,
    body: resetShape,
    answers: "ResetAnswer",
    handle: reset,
  },
  {
    method: "POST",
    path: "group/delete",
    summary: "Deletes a group without members, with all it has committed",
    query: idQuery,
    body: confirmShape,
    answers: "Changed",
    isChange: true,
    handle: deleteGroup,
  },
];

async function reset(call: Call): Promise<ResetAnswer> {
  const { requests, session, house } = call, groupId = needed(call, "id");
  const { topic, partitions, to, preview = true, seen } = call.body as ResetOffsetsBody;
  if (!preview && !session.canWrite) {
    throw new ApiFailure("read_only", "the console only shows: needs console.write = true");
  }
  const all = (await topicOf(requests, topic)).partitions.map((one) => one.partitionIndex);
  const wrong = partitions?.find((one) => !all.includes(one));
  if (wrong !== undefined) {
    const message = `partitions has ${wrong}: ${topic} has 0 to ${all.length - 1}`;
    throw new ApiFailure("bad_request", message, { field: "partitions" });
  }
  const places = [...new Set(partitions ?? all)].map((partition) => ({ topic, partition }));
  if (!preview) await mustHaveCoordinator(requests, groupId);
  const committed: Awaited<ReturnType<typeof committedBy>> = isMade(house, OFFSETS_TOPIC)
    ? await committedBy(requests, groupId)
    : new Map();
  const [starts, ends, times] = await Promise.all([
    offsetsAt(requests, places, { timestamp: EARLIEST }),
    offsetsAt(requests, places, { timestamp: LATEST }),
    to.kind === "time" ? offsetsAt(requests, places, { timestamp: to.timeMs }) : new Map(),
  ]);
  const offsets = places.map((place) => {
    const name = nameOfPlace(place), before = committed.get(name)?.offset ?? null;
    const numberOf = (offset: unknown): number => {
      if (typeof offset === "number") return offset;
      throw offset;
    };
    const start = numberOf(starts.get(name)), end = numberOf(ends.get(name));
    if (!preview && seen !== undefined) {
      const after = seenOf(seen, place, { groupId, before, start, end });
      return { ...place, before, after, moves: before === null ? null : after - before };
    }
    const wanted = () => {
      switch (to.kind) {
        case "start":
          return start;
        case "end":
          return end;
        case "offset":
          return to.offset;
        case "shift":
          return (before ?? start) + to.by;
        case "time": {
          const found = numberOf(times.get(name));
          return found < 0 ? end : found; // nothing is as late
        }
      }
    };
    const after = Math.min(end, Math.max(start, wanted()));
    return { ...place, before, after, moves: before === null ? null : after - before };
  });
  if (preview) return { isDone: false, offsets };
  const version = requests.versionFor(OffsetCommit, LAST_VERSION_WITH_NAMES);
  const answer = await requests.request(OffsetCommit, version, {
    groupId,
    memberId: "",
    topics: [{
      name: topic,
      partitions: offsets.map(({ partition, after }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(after),
        committedMetadata: "",
      })),
    }],
  });
  for (const { partitionIndex, errorCode } of answer.topics[0].partitions) {
    check(errorCode, `commit of group ${groupId} in ${topic}-${partitionIndex}`);
  }
  return { isDone: true, offsets };
}

/** Where a partition was shown to go. Throws ApiFailure where what was shown does not hold any more. */
function seenOf(
  seen: NonNullable<ResetOffsetsBody["seen"]>,
  place: Place,
  now: {
    readonly groupId: string;
    readonly before: number | null;
    readonly start: number;
    readonly end: number;
  },
): number {
  const name = nameOfPlace(place), shown = seen.find((one) => one.partition === place.partition);
  if (shown === undefined) {
    throw new ApiFailure("bad_request", `seen has nothing of ${name}`, { field: "seen" });
  }
  const { before, after } = shown, { groupId, start, end } = now;
  if (before !== now.before) {
    const [has, had] = [now.before, before].map((one) => one ?? "nothing");
    const message = `group ${groupId} has committed ${has} of ${name}, and not ${had}: look again`;
    throw new ApiFailure("conflict", message);
  }
  if (after >= start && after <= end) return after;
  const message = `${name} has offsets ${start} to ${end}, and not ${after}: look again`;
  throw new ApiFailure("conflict", message);
}

const LAST_VERSION_WITH_NAMES = 9;

async function deleteGroup(call: Call): Promise<Changed> {
  const { requests } = call, id = needed(call, "id");
  mustConfirm(call.body as DeleteBody, id);
  await mustHaveCoordinator(requests, id);
  const { results: [result] } = await requests.request(
    DeleteGroups,
    requests.versionFor(DeleteGroups),
    { groupsNames: [id] },
  );
  check(result.errorCode, `delete group ${id}`, result.errorMessage || null);
  return { isDone: true };
}
