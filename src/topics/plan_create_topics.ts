/**
 * planCreateTopics: from a CreateTopics request and the catalogue to records and an outcome for each topic. Codes and
 * texts are those of Kafka's ReplicationControlManager, which tools print.
 */
import { randomUuid, type Uuid } from "../bytes/uuid.ts";
import { validateTopicConfigs } from "../config/topic_configs.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { foldedName } from "../storage/backends/name_case.ts";
import { assignmentError, newPartition, replicationError, spread } from "./assignment.ts";
import type { Catalogue } from "./catalogue.ts";
import { METADATA_TOPIC } from "./metadata_topic.ts";
import type { NewRecord } from "./metadata_record.ts";
import type { Steps } from "./metadata_store.ts";
import { isInternalTopic, topicNameError } from "./names.ts";
import { A_STEP, failure, type Outcome, repeatedInSteps, SUCCESS } from "./outcome.ts";
import { exceeds, OVER_QUOTA, type TopicLimits } from "./topic_limits.ts";

/** A topic as CreateTopics asks for it. */
export interface NewTopic {
  readonly name: string;
  /** -1: the default, or as many as are assigned. */
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly {
    readonly partitionIndex: number;
    readonly brokerIds: readonly number[];
  }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface CreateTopicsOptions extends TopicLimits {
  readonly numPartitions: number;
  readonly newId?: () => Uuid;
}

/** What became of one topic; id and below mean something after success only. */
export interface CreatedTopic extends Outcome {
  readonly name: string;
  readonly topicId?: Uuid;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: ReadonlyMap<string, string>;
}

export function* planCreateTopics(
  catalogue: Catalogue,
  topics: readonly NewTopic[],
  options: CreateTopicsOptions,
): Steps<CreatedTopic[]> {
  const twice = yield* repeatedInSteps(topics.map((topic) => topic.name));
  const records: NewRecord[] = [];
  const results: CreatedTopic[] = [];
  const made = new Map<string, string>();
  const once = topics.filter((topic) => !twice.has(topic.name) && topic.name !== METADATA_TOPIC);
  yield;
  const total = once.reduce((sum, topic) => sum + partitionsOf(topic, options), 0);
  const tooMany = exceeds(catalogue, total, options);
  for (const [i, topic] of once.entries()) {
    if (i % A_STEP === 0) yield;
    const refused = tooMany ?? topicError(catalogue, topic) ?? folderError(catalogue, topic, made);
    if (refused !== null) {
      results.push({ name: topic.name, ...refused });
      continue;
    }
    const created = create(catalogue, topic, options, records);
    if (created.errorCode === ErrorCode.NONE) made.set(foldedName(topic.name), topic.name);
    results.push(created);
  }
  yield;
  for (const name of twice) {
    results.push({ name, ...failure(ErrorCode.INVALID_REQUEST, "Duplicate topic name.") });
  }
  if (!twice.has(METADATA_TOPIC) && topics.some((topic) => topic.name === METADATA_TOPIC)) {
    const message = `Creation of internal topic ${METADATA_TOPIC} is prohibited.`;
    results.push({ name: METADATA_TOPIC, ...failure(ErrorCode.INVALID_REQUEST, message) });
  }
  return { records, result: results };
}

/** How many partitions the topic would have; what is invalid counts as none. */
function partitionsOf(topic: NewTopic, options: CreateTopicsOptions): number {
  if (topic.assignments.length > 0) return topic.assignments.length;
  return topic.numPartitions === -1 ? options.numPartitions : Math.max(0, topic.numPartitions);
}

function topicError(catalogue: Catalogue, topic: NewTopic): Outcome | null {
  const { name } = topic;
  const nameError = topicNameError(name);
  if (nameError !== null) return failure(ErrorCode.INVALID_TOPIC_EXCEPTION, nameError);
  if (catalogue.topic(name) !== undefined) {
    return failure(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const colliding = catalogue.collidingTopic(name); // those of one request do not collide in Kafka
  if (colliding !== undefined) {
    return failure(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Topic '${name}' collides with existing topic: ${colliding}`,
    );
  }
  const config = validateTopicConfigs(topic.configs.map(({ name, value }) => [name, value]));
  if (config !== null) return failure(ErrorCode.INVALID_CONFIG, config);
  return topic.assignments.length > 0
    ? manualError(catalogue, topic)
    : countError(catalogue, topic);
}

/**
 * Where the file system does not tell upper from lower case, a name that differs in nothing else from another topic's, one
 * made by the same request or one of the broker's own: Kafka makes both, and each writes into the other's files.
 */
function folderError(
  catalogue: Catalogue,
  { name }: NewTopic,
  made: ReadonlyMap<string, string>,
): Outcome | null {
  if (!catalogue.foldsCase) return null;
  const folded = foldedName(name);
  const isOwn = folded !== name && (isInternalTopic(folded) || folded === METADATA_TOPIC);
  const other = catalogue.topicInFolderOf(name) ?? made.get(folded) ?? (isOwn ? folded : undefined);
  return other === undefined ? null : failure(
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    `Topic '${name}' would share the folder of topic '${other}': the broker's file system does not tell upper from lower case`,
  );
}

function countError(catalogue: Catalogue, topic: NewTopic): Outcome | null {
  if (topic.replicationFactor !== -1 && topic.replicationFactor <= 0) {
    return replicationError(catalogue, topic.replicationFactor);
  }
  if (topic.numPartitions !== -1 && topic.numPartitions <= 0) {
    return failure(
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    );
  }
  return topic.replicationFactor === -1
    ? null
    : replicationError(catalogue, topic.replicationFactor);
}

function manualError(catalogue: Catalogue, topic: NewTopic): Outcome | null {
  const manual = "A manual partition assignment was specified, but";
  if (topic.replicationFactor !== -1) {
    return failure(ErrorCode.INVALID_REQUEST, `${manual} replication factor was not set to -1.`);
  }
  if (topic.numPartitions !== -1) {
    return failure(ErrorCode.INVALID_REQUEST, `${manual} numPartitions was not set to -1.`);
  }
  const wrong = (why: string) => failure(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why);
  const seen = new Set<number>();
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (seen.has(partitionIndex)) {
      return wrong(`Found multiple manual partition assignments for partition ${partitionIndex}`);
    }
    seen.add(partitionIndex);
    const error = assignmentError(catalogue, brokerIds);
    if (error !== null) return error;
    if (brokerIds.length !== topic.assignments[0].brokerIds.length) {
      return wrong(
        "The manual partition assignment includes a partition with another number of replicas than the first.",
      );
    }
  }
  for (let i = 0; i < seen.size; i++) {
    if (!seen.has(i)) return wrong("partitions should be a consecutive 0-based integer sequence");
  }
  return null;
}

function create(
  catalogue: Catalogue,
  topic: NewTopic,
  options: CreateTopicsOptions,
  records: NewRecord[],
): CreatedTopic {
  const { name } = topic;
  const topicId = (options.newId ?? randomUuid)();
  const numPartitions = partitionsOf(topic, options);
  if (options.mayChange?.(numPartitions) === false) return { name, ...OVER_QUOTA };
  const factor = topic.assignments[0]?.brokerIds.length ?? Math.abs(topic.replicationFactor);
  const configs = new Map(topic.configs.map((config) => [config.name, config.value!]));
  records.push({ kind: "TopicRecord", version: 0, value: { name, topicId } });
  for (const [key, value] of configs) {
    const resource = { resourceType: 2, resourceName: name };
    records.push({ kind: "ConfigRecord", version: 0, value: { ...resource, name: key, value } });
  }
  const manual = [...topic.assignments].sort((a, b) => a.partitionIndex - b.partitionIndex);
  for (let i = 0; i < numPartitions; i++) {
    const replicas = manual[i]?.brokerIds ?? spread(catalogue, i, factor);
    records.push(newPartition(catalogue, topicId, i, replicas));
  }
  return { name, ...SUCCESS, topicId, numPartitions, replicationFactor: factor, configs };
}
