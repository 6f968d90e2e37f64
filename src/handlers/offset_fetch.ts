/**
 * OffsetFetch 1–10: how far groups have read; null topics means everything a group has committed.
 *
 * Versions: 2 an error for the whole group · 5 leader epochs · 7 may insist on offsets that no open transaction can
 * change (88) · 8 many groups at once · 9 member id and epoch, which only groups of the consumer protocol
 * check · 10 topics by id, an unknown one 100; those come last.
 *
 * Unknown groups, topics and partitions simply have no offset (-1). An offset that was committed for an older topic of
 * the same name is not shown.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import {
  type FetchClaim,
  type FetchedOffset,
  fetchOffsets,
  isOf,
} from "../groups/requests/committing.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { byTopic } from "./group_answers.ts";
import { type Handler, handler } from "./handler.ts";
import type { OffsetServices } from "./offset_commit.ts";

/** Topics as one group asks for them. */
type Wanted = readonly {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitionIndexes: readonly number[];
}[];

export function offsetFetch({ groups, catalogue }: OffsetServices): Handler {
  return handler(OffsetFetch, { min: 1, max: 10 }, async (request, { apiVersion }) => {
    const byId = apiVersion >= 10;
    const { requireStable } = request;
    if (apiVersion >= 8) {
      const answers = request.groups.map(({ groupId, memberId, memberEpoch, topics }) => {
        const claim = { memberId, memberEpoch };
        return fetchOne({ groups, catalogue }, {
          groupId,
          claim,
          wanted: topics,
          byId,
          requireStable,
        });
      });
      return { groups: await Promise.all(answers) };
    }
    const wanted = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
    const answer = await fetchOne({ groups, catalogue }, {
      groupId: request.groupId,
      wanted,
      byId: false,
      requireStable,
    });
    if (answer.errorCode === ErrorCode.NONE || apiVersion >= 2 || wanted === null) return answer;
    return { topics: failed(wanted, answer.errorCode) }; // v1 has an error in each partition only
  });
}

async function fetchOne(
  { groups, catalogue }: OffsetServices,
  { groupId, claim, wanted, byId, requireStable }: {
    readonly groupId: string;
    readonly claim?: FetchClaim;
    readonly wanted: Wanted | null;
    readonly byId: boolean;
    readonly requireStable: boolean;
  },
) {
  if (wanted === null) {
    const fetched = await fetchOffsets(groups, groupId, null, requireStable, claim);
    if (typeof fetched === "number") return { groupId, errorCode: fetched, topics: [] };
    const current = fetched.filter(({ topic, committed }) => {
      const id = catalogue.topic(topic)?.id ?? ZERO_UUID;
      // By id only topics that exist can be named at all.
      return isOf(committed!, id) && !(byId && id === ZERO_UUID);
    });
    return { groupId, errorCode: ErrorCode.NONE, topics: named(catalogue, byTopic(current, row)) };
  }
  const topics = wanted.map(({ name, topicId, partitionIndexes }) => {
    const topic = byId ? catalogue.topicById(topicId) : catalogue.topic(name);
    const known = topic?.name ?? name;
    return {
      name: known,
      topicId: topic?.id ?? topicId,
      partitionIndexes,
      isUnknown: byId && !topic,
    };
  });
  const rows = topics.flatMap(({ name, topicId, partitionIndexes, isUnknown }) =>
    isUnknown ? [] : partitionIndexes.map((partition) => ({ topic: name, topicId, partition }))
  );
  const fetched = await fetchOffsets(groups, groupId, rows, requireStable, claim);
  if (typeof fetched === "number") return { groupId, errorCode: fetched, topics: [] };
  let at = 0;
  const answers = topics.map(({ name, topicId, partitionIndexes, isUnknown }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((index) =>
      isUnknown ? none(index, ErrorCode.UNKNOWN_TOPIC_ID) : row(fetched[at++])
    ),
  }));
  const known = answers.filter((_, i) => !topics[i].isUnknown);
  const unknown = answers.filter((_, i) => topics[i].isUnknown);
  return { groupId, errorCode: ErrorCode.NONE, topics: [...known, ...unknown] };
}

function row({ partition, committed, isUnstable }: FetchedOffset) {
  if (isUnstable) return none(partition, ErrorCode.UNSTABLE_OFFSET_COMMIT);
  if (committed === null) return none(partition, ErrorCode.NONE);
  const { offset, leaderEpoch, metadata } = committed;
  return {
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
    errorCode: ErrorCode.NONE as number,
  };
}

function none(partitionIndex: number, errorCode: number) {
  return {
    partitionIndex,
    committedOffset: -1n,
    committedLeaderEpoch: -1,
    metadata: "",
    errorCode,
  };
}

function failed(wanted: Wanted, errorCode: number) {
  return wanted.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => none(index, errorCode)),
  }));
}

/** Adds the ids of topics. */
function named<T extends { readonly name: string }>(catalogue: Catalogue, topics: readonly T[]) {
  return topics.map((topic) => ({
    ...topic,
    topicId: catalogue.topic(topic.name)?.id ?? ZERO_UUID,
  }));
}
