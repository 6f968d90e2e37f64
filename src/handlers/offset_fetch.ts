/**
 * OffsetFetch 1–10: how far groups have read; null topics means everything a group has committed.
 *
 * Versions: 2 an error for the whole group · 5 leader epochs · 7 may insist on offsets that no open transaction can
 * change (88) · 8 many groups at once · 9 member id and epoch, which only groups of the consumer protocol
 * check · 10 topics by id, an unknown one 100; those come last.
 *
 * Unknown groups, topics and partitions simply have no offset (-1). An offset that was committed for an older topic of
 * the same name is not shown.
 *
 * A request may name one group over and over, or very many partitions: what is asked for is read a stretch at a time, and
 * others have their turns between. What does not fit into an answer is 42.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import {
  type FetchClaim,
  type FetchedOffset,
  isOf,
  OffsetReader,
} from "../groups/requests/committing.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { OffsetFetch } from "../protocol/messages/offset_fetch.ts";
import type { Decoded } from "../protocol/schema.ts";
import { byTopic } from "./group_answers.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import type { OffsetServices } from "./offset_commit.ts";

/** Topics as one group asks for them. */
type Wanted = readonly WantedTopic[];

interface WantedTopic {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitionIndexes: readonly number[];
}

/** What one group is asked for. */
interface AskedGroup {
  readonly groupId: string;
  readonly claim?: FetchClaim;
  /** Null: everything. */
  readonly wanted: Wanted | null;
}

export interface OffsetFetchServices extends OffsetServices {
  readonly answers: LongAnswers;
}

export function offsetFetch({ groups, catalogue, answers }: OffsetFetchServices): Handler {
  return handler(
    OffsetFetch,
    { min: 1, max: 10 },
    async (request, { apiVersion, connection }) => {
      const { requireStable } = request, byId = apiVersion >= 10, isMany = apiVersion >= 8;
      const wanted = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
      const asked = isMany ? askedGroups(request.groups) : [{ groupId: request.groupId, wanted }];
      const options = { groups, catalogue, requireStable, byId };
      const made: Made[] = [];
      const read = await answers.of({
        items: stretchesOf(asked, options, (reading) => made.push(reading.made())),
        part: (stretch): Part => stretch.reading.read(stretch),
        tooLong: (stretch): Part => stretch.reading.leaveOut(stretch),
        whole: () => null,
        connection,
      });
      if (read !== null) return read;
      const told: Answered[] = [];
      // Some at a time: promises for all of very many groups take several times what is answered.
      for (let i = 0; i < made.length; i += GROUPS_AT_ONCE) {
        told.push(...await Promise.all(made.slice(i, i + GROUPS_AT_ONCE).map(whenKept)));
      }
      if (isMany) return { groups: told };
      const [answer] = told;
      if (answer.errorCode === ErrorCode.NONE || apiVersion >= 2 || wanted === null) return answer;
      return { topics: failed(wanted, answer.errorCode) }; // v1 has an error in each partition only
    },
  );
}

function* askedGroups(
  groups: Decoded<typeof OffsetFetch.request>["groups"],
): Generator<AskedGroup> {
  for (const { groupId, memberId, memberEpoch, topics } of groups) {
    yield { groupId, claim: { memberId, memberEpoch }, wanted: topics };
  }
}

/** What is to be read, one group after the other; `onRead` is called when a group's stretches have been. */
function* stretchesOf(
  asked: Iterable<AskedGroup>,
  options: ReadingOptions,
  onRead: (reading: Reading) => void,
): Generator<Stretch> {
  for (const group of asked) {
    const reading = new Reading(group, options);
    yield* reading.stretches();
    onRead(reading);
  }
}

/** What was read; for its size. */
type Part = readonly unknown[];

/** Partitions of one topic that are read at once, from here on; or, without a topic, all that a group has. */
interface Stretch {
  readonly reading: Reading;
  readonly topic: WantedTopic | null;
  readonly from: number;
}

interface AnsweredTopic {
  readonly name: string;
  readonly topicId: Uuid;
  readonly isUnknown: boolean;
  readonly partitions: ReturnType<typeof none>[];
}

/** What is answered of one group, once what it rests on is kept; without a reader it rests on nothing. */
interface Made {
  readonly answer: Answered;
  readonly reader: OffsetReader | null;
}

interface Answered {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly Omit<AnsweredTopic, "isUnknown">[];
}

async function whenKept({ answer, reader }: Made): Promise<Answered> {
  const errorCode = await reader?.kept<number>(ErrorCode.NONE, ErrorCode.NOT_COORDINATOR);
  return errorCode ? { ...answer, errorCode, topics: [] } : answer;
}

interface ReadingOptions extends OffsetServices {
  readonly requireStable: boolean;
  readonly byId: boolean;
}

/** One group's answer, while it is made. */
class Reading {
  readonly #group: AskedGroup;
  readonly #options: ReadingOptions;
  readonly #topics: AnsweredTopic[] = [];
  #reader: OffsetReader | number | null = null;
  #all: readonly FetchedOffset[] = [];
  #isLeftOut = false;

  constructor(group: AskedGroup, options: ReadingOptions) {
    this.#group = group;
    this.#options = options;
  }

  /** In the order in which they are to be read. */
  stretches(): Stretch[] {
    const stretches: Stretch[] = [{ reading: this, topic: null, from: 0 }];
    for (const topic of this.#group.wanted ?? []) {
      let from = 0;
      do {
        stretches.push({ reading: this, topic, from });
        from += PARTITIONS_AT_ONCE;
      } while (from < topic.partitionIndexes.length);
    }
    return stretches;
  }

  read({ topic: wantedTopic, from }: Stretch): Part {
    const { groups, requireStable } = this.#options, { groupId, claim, wanted } = this.#group;
    this.#reader ??= OffsetReader.of(groups, { groupId, claim, requireStable });
    const reader = this.#reader;
    if (typeof reader === "number") return [];
    if (wantedTopic === null) return this.#all = wanted === null ? this.#current(reader) : [];
    const topic = this.#topicOf(wantedTopic, from);
    const read = partitionsOf(wantedTopic, from).map((partition) =>
      topic.isUnknown
        ? none(partition, ErrorCode.UNKNOWN_TOPIC_ID)
        : row(reader.read({ topic: topic.name, topicId: topic.topicId, partition }))
    );
    topic.partitions.push(...read);
    return read;
  }

  /** There is no room for more. */
  leaveOut({ topic, from }: Stretch): Part {
    if (topic === null) this.#isLeftOut = this.#group.wanted === null;
    else {
      const left = partitionsOf(topic, from).map((i) => none(i, ErrorCode.INVALID_REQUEST));
      this.#topicOf(topic, from).partitions.push(...left);
    }
    return [];
  }

  /** When all of it has been read. */
  made(): Made {
    const { groupId, wanted } = this.#group, reader = this.#reader;
    const refused = (errorCode: number) => {
      return { answer: { groupId, errorCode, topics: [] }, reader: null };
    };
    if (typeof reader === "number") return refused(reader);
    if (reader === null || this.#isLeftOut) return refused(ErrorCode.INVALID_REQUEST); // nothing of it fits
    const topics = wanted === null ? this.#allTopics() : this.#namedTopics();
    return { answer: { groupId, errorCode: ErrorCode.NONE, topics }, reader };
  }

  /** The answer that a stretch belongs to. */
  #topicOf({ name, topicId }: WantedTopic, from: number): AnsweredTopic {
    if (from > 0) return this.#topics[this.#topics.length - 1];
    const { catalogue, byId } = this.#options;
    const topic = byId ? catalogue.topicById(topicId) : catalogue.topic(name);
    const answered = {
      name: topic?.name ?? name,
      topicId: topic?.id ?? topicId,
      isUnknown: byId && topic === undefined,
      partitions: [],
    };
    this.#topics.push(answered);
    return answered;
  }

  #namedTopics() {
    const topics = this.#topics;
    return [...topics.filter((one) => !one.isUnknown), ...topics.filter((one) => one.isUnknown)];
  }

  /** Of topics that there are: by id no others can be named at all. */
  #current(reader: OffsetReader): readonly FetchedOffset[] {
    const { catalogue, byId } = this.#options;
    return reader.all().filter(({ topic, committed }) => {
      const id = catalogue.topic(topic)?.id ?? ZERO_UUID;
      return isOf(committed!, id) && !(byId && id === ZERO_UUID);
    });
  }

  #allTopics() {
    return byTopic(this.#all, row).map((topic) => ({
      ...topic,
      topicId: this.#options.catalogue.topic(topic.name)?.id ?? ZERO_UUID,
    }));
  }
}

function partitionsOf({ partitionIndexes }: WantedTopic, from: number): readonly number[] {
  return partitionIndexes.slice(from, from + PARTITIONS_AT_ONCE);
}

const GROUPS_AT_ONCE = 1000;
/** About a tenth of a millisecond's work. */
const PARTITIONS_AT_ONCE = 200;

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
