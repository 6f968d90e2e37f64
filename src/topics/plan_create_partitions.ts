/**
 * planCreatePartitions: from a CreatePartitions request to records and an outcome for each topic. Existing partitions
 * stay what they are.
 *
 * The broker's own topics are refused (44): a group or a transactional id is found by a hash over their partitions, so with
 * one more of them most would be looked for where they are not. Kafka lets it be done; groups then begin without their
 * offsets, and who was fenced is not.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { assignmentError, newPartition, spread } from "./assignment.ts";
import type { Catalogue, Topic } from "./catalogue.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Steps } from "./metadata_store.ts";
import { isInternalTopic } from "./names.ts";
import { A_STEP, failure, type Outcome, repeatedInSteps, SUCCESS } from "./outcome.ts";
import { exceeds, OVER_QUOTA, type TopicLimits } from "./topic_limits.ts";

export interface PartitionGrowth {
  readonly name: string;
  /** Partitions afterwards, the existing ones included. */
  readonly count: number;
  /** Replicas of each new partition; null: the broker chooses. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

export interface GrownTopic extends Outcome {
  readonly name: string;
}

export function* planCreatePartitions(
  catalogue: Catalogue,
  topics: readonly PartitionGrowth[],
  limits: TopicLimits,
): Steps<GrownTopic[]> {
  const twice = yield* repeatedInSteps(topics.map((topic) => topic.name));
  const result: GrownTopic[] = [], records: NewRecord[] = [];
  for (const name of twice) {
    result.push({ name, ...failure(ErrorCode.INVALID_REQUEST, "Duplicate topic name.") });
  }
  let added = 0;
  for (const [i, growth] of topics.entries()) {
    if (i % A_STEP === 0) yield;
    const { name, count } = growth;
    if (twice.has(name)) continue;
    const topic = catalogue.topic(name);
    const more = topic === undefined ? 0 : Math.max(0, count - topic.partitions.length);
    const refused = growthError(catalogue, topic, growth) ??
      exceeds(catalogue, added + more, limits) ??
      (limits.mayChange?.(more) === false ? OVER_QUOTA : null);
    result.push({ name, ...refused ?? SUCCESS });
    if (refused !== null) continue;
    added += more;
    grow(catalogue, topic!, growth, records);
  }
  return { records, result };
}

function growthError(
  catalogue: Catalogue,
  topic: Topic | undefined,
  { name, count, assignments }: PartitionGrowth,
): Outcome | null {
  if (topic === undefined) return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  if (isInternalTopic(name)) {
    const message = `The number of partitions of ${name} is fixed: what is in it is found by it.`;
    return failure(ErrorCode.POLICY_VIOLATION, message);
  }
  const present = topic.partitions.length;
  if (count === present) {
    const message = `Topic already has ${present} partition(s).`;
    return failure(ErrorCode.INVALID_PARTITIONS, message);
  }
  if (count < present) {
    const message =
      `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`;
    return failure(ErrorCode.INVALID_PARTITIONS, message);
  }
  if (assignments === null) return null;
  const more = count - present, wrong = ErrorCode.INVALID_REPLICA_ASSIGNMENT;
  if (assignments.length !== more) {
    const message =
      `Attempted to add ${more} additional partition(s), but only ${assignments.length} assignment(s) were specified.`;
    return failure(wrong, message);
  }
  const factor = topic.partitions[0].replicas.length;
  for (const { brokerIds } of assignments) {
    const error = assignmentError(catalogue, brokerIds);
    if (error !== null) return error;
    if (brokerIds.length !== factor) {
      const message =
        `The manual partition assignment includes a partition with ${brokerIds.length} replica(s), but the topic's partitions have ${factor}.`;
      return failure(wrong, message);
    }
  }
  return null;
}

function grow(
  catalogue: Catalogue,
  topic: Topic,
  { count, assignments }: PartitionGrowth,
  records: NewRecord[],
): void {
  const present = topic.partitions.length, factor = topic.partitions[0].replicas.length;
  for (let i = present; i < count; i++) {
    const replicas = assignments?.[i - present].brokerIds ?? spread(catalogue, i, factor);
    records.push(newPartition(catalogue, topic.id, i, replicas));
  }
}
