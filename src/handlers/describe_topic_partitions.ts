/**
 * DescribeTopicPartitions 0: topics and partitions page by page, sorted by name.
 *
 * An empty list asks for all topics. A page ends after responsePartitionLimit partitions (below 1: 1; at most 2000)
 * and the cursor says where the next one begins. Topics that may not be described are left out of all topics, and are 29
 * when they are named. A cursor's topic must be among those asked for, and its partition
 * may not be negative: 42 for every topic.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeTopicPartitions } from "../protocol/messages/describe_topic_partitions.ts";
import type { Access } from "../security/acl/access.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";
import type { Catalogue, Partition } from "../topics/catalogue.ts";
import { isInternalTopic, topicNameError } from "../topics/names.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { type Handler, handler } from "./handler.ts";
import { partitionAnswer } from "./topic_answers.ts";

export interface DescribeTopicPartitionsDeps {
  readonly catalogue: Catalogue;
  readonly nodes: NodeRegistry;
}

/** Kafka's max.request.partition.size.limit. */
const MAX_PARTITIONS = 2000;

interface Cursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

export function describeTopicPartitions(deps: DescribeTopicPartitionsDeps): Handler {
  return handler(DescribeTopicPartitions, { min: 0, max: 0 }, (request, { access }) => {
    const { cursor } = request;
    const asked = request.topics.map((topic) => topic.name);
    const isValid = cursor === null || cursor.partitionIndex >= 0 &&
        (asked.length === 0 || asked.includes(cursor.topicName));
    if (!isValid) {
      return {
        topics: asked.map((name) => ({ name, errorCode: ErrorCode.INVALID_REQUEST })),
        nextCursor: null,
      };
    }
    const limit = Math.max(1, Math.min(MAX_PARTITIONS, request.responsePartitionLimit));
    const named = namesFrom(deps.catalogue, asked, cursor);
    const shown = named.filter((name) => access.mayTopic(Operation.DESCRIBE, name));
    const answer = page(deps, shown, { limit, cursor, access });
    if (asked.length === 0 || shown.length === named.length) return answer;
    const isShown = new Set(shown);
    const hidden = named.filter((name) => !isShown.has(name)).map((name) => ({
      name,
      errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    }));
    return { ...answer, topics: [...answer.topics, ...hidden] };
  });
}

/** Names in order, beginning with the cursor's topic. */
function namesFrom(
  catalogue: Catalogue,
  asked: readonly string[],
  cursor: Cursor | null,
): string[] {
  const names = asked.length === 0
    ? catalogue.topics().map((topic) => topic.name)
    : [...new Set(asked)].sort();
  return cursor === null ? names : names.filter((name) => name >= cursor.topicName);
}

function page(
  { catalogue, nodes }: DescribeTopicPartitionsDeps,
  names: readonly string[],
  { limit, cursor, access }: { limit: number; cursor: Cursor | null; access: Access },
) {
  const topics = [];
  let left = limit, nextCursor: Cursor | null = null;
  for (const name of names) {
    if (left === 0) {
      nextCursor = { topicName: name, partitionIndex: 0 };
      break;
    }
    const topic = catalogue.topic(name);
    if (topic === undefined) {
      topics.push(unknown(name, access));
      continue;
    }
    const from = cursor?.topicName === name ? cursor.partitionIndex : 0;
    const partitions = topic.partitions.slice(from, from + left);
    topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: isInternalTopic(name),
      partitions: partitions.map((partition) => answer(partition, nodes)),
      topicAuthorizedOperations: access.allowed(ResourceType.TOPIC, name),
    });
    left -= partitions.length;
    const next = from + partitions.length;
    if (next < topic.partitions.length) {
      nextCursor = { topicName: name, partitionIndex: next };
      break;
    }
  }
  return { topics, nextCursor };
}

function answer(partition: Partition, nodes: NodeRegistry) {
  const { eligibleLeaderReplicas, lastKnownElr } = partition;
  return { ...partitionAnswer(partition, nodes), eligibleLeaderReplicas, lastKnownElr };
}

function unknown(name: string, access: Access) {
  return {
    name,
    errorCode: topicNameError(name) === null
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.INVALID_TOPIC_EXCEPTION,
    topicAuthorizedOperations: access.allowed(ResourceType.TOPIC, name),
  };
}
