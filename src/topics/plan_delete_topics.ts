/**
 * planDeleteTopics: from names and ids to records and an outcome for each. A deleted topic's id is never used again,
 * so nothing of it can come back under a topic of the same name.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode, errorMessage } from "../protocol/errors.ts";
import type { Catalogue } from "./catalogue.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Steps } from "./metadata_store.ts";
import { A_STEP, failure, type Outcome, repeatedInSteps, SUCCESS } from "./outcome.ts";
import { OVER_QUOTA, type TopicLimits } from "./topic_limits.ts";

/** A topic by its name, or by its id with a null name. */
export interface TopicSelector {
  readonly name: string | null;
  readonly topicId: Uuid;
}

export interface DeletedTopic extends Outcome {
  readonly name: string | null;
  readonly topicId: Uuid;
}

export function* planDeleteTopics(
  catalogue: Catalogue,
  topics: readonly TopicSelector[],
  { mayChange }: Pick<TopicLimits, "mayChange"> = {},
): Steps<DeletedTopic[]> {
  const named = topics.filter((topic) => topic.name !== null).map((topic) => topic.name!);
  const twice = yield* repeatedInSteps(named);
  const twiceById = yield* repeatedInSteps(topics.filter(isById).map((topic) => topic.topicId));
  const records: NewRecord[] = [], result: DeletedTopic[] = [];
  const going = new Set<Uuid>();
  const refuse = ({ name, topicId }: TopicSelector, errorCode: number, message: string | null) =>
    result.push({ name, topicId, ...failure(errorCode, message) });
  for (const name of twice) {
    refuse({ name, topicId: ZERO_UUID }, ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
  }
  for (const topicId of twiceById) {
    refuse(
      { name: null, topicId: topicId as Uuid },
      ErrorCode.INVALID_REQUEST,
      "Duplicate topic id.",
    );
  }
  for (const [i, selector] of topics.entries()) {
    if (i % A_STEP === 0) yield;
    const { name, topicId } = selector;
    if (name !== null && twice.has(name) || isById(selector) && twiceById.has(topicId)) continue;
    if (name === null && topicId === ZERO_UUID) {
      const message = "Neither topic name nor id were specified.";
      refuse(selector, ErrorCode.INVALID_REQUEST, message);
    } else if (name !== null && topicId !== ZERO_UUID) {
      const message = "You may not specify both topic name and topic id.";
      refuse(selector, ErrorCode.INVALID_REQUEST, message);
    } else {
      const topic = name === null ? catalogue.topicById(topicId) : catalogue.topic(name);
      const code = name === null
        ? ErrorCode.UNKNOWN_TOPIC_ID
        : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (topic === undefined) {
        refuse(selector, code, errorMessage(code));
      } else if (going.has(topic.id)) {
        refuse(selector, ErrorCode.INVALID_REQUEST, "The topic was named by its id, too.");
      } else if (mayChange?.(topic.partitions.length) === false) {
        result.push({ name: topic.name, topicId: topic.id, ...OVER_QUOTA });
      } else {
        going.add(topic.id);
        records.push({ kind: "RemoveTopicRecord", version: 0, value: { topicId: topic.id } });
        result.push({ name: topic.name, topicId: topic.id, ...SUCCESS });
      }
    }
  }
  return { records, result };
}

const isById = ({ name, topicId }: TopicSelector) => name === null && topicId !== ZERO_UUID;
