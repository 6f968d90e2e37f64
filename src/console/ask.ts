/** What the console asks of the broker in more than one place, each as the user. */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Requests } from "../client/asking.ts";
import { check, KafkaError } from "../client/errors.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import type { Decoded } from "../protocol/schema.ts";
import type { House } from "./route.ts";

export type TopicFacts = Decoded<typeof Metadata.response>["topics"][number];

/** Topics that the user may describe; null: all. Those that are not there have an error code. */
export async function topicsOf(
  requests: Requests,
  names: readonly string[] | null,
): Promise<readonly TopicFacts[]> {
  const answer = await requests.request(Metadata, requests.versionFor(Metadata), {
    topics: names?.map((name) => ({ name, topicId: ZERO_UUID })) ?? null,
    allowAutoTopicCreation: false,
  });
  check(answer.errorCode, "metadata");
  return answer.topics;
}

/** One topic, its partitions in order; throws KafkaError where it is not there. */
export async function topicOf(requests: Requests, name: string): Promise<TopicFacts> {
  const [topic] = await topicsOf(requests, [name]);
  check(topic.errorCode, `topic ${name}`);
  return {
    ...topic,
    partitions: topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex),
  };
}

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export const LATEST = -1, EARLIEST = -2;

/** By `nameOfPlace`: an offset each (-1: there is none at that time), or why it cannot be asked. */
export async function offsetsAt(
  requests: Requests,
  places: readonly Place[],
  { timestamp, isCommitted = false }: {
    readonly timestamp: number;
    readonly isCommitted?: boolean;
  },
): Promise<Map<string, number | KafkaError>> {
  if (places.length === 0) return new Map();
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    const indexes = topics.get(topic);
    if (indexes === undefined) topics.set(topic, [partition]);
    else indexes.push(partition);
  }
  const answer = await requests.request(ListOffsets, requests.versionFor(ListOffsets, 10), {
    replicaId: -1,
    isolationLevel: isCommitted ? 1 : 0,
    topics: [...topics].map(([name, indexes]) => ({
      name,
      partitions: indexes.map((partitionIndex) => ({ partitionIndex, timestamp })),
    })),
    timeoutMs: 5000,
  });
  return new Map(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, offset }) => {
        const place = nameOfPlace({ topic: name, partition: partitionIndex });
        return [place, errorCode === 0 ? offset : new KafkaError(errorCode, place)] as const;
      })
    ),
  );
}

export function nameOfPlace({ topic, partition }: Place): string {
  return `${topic}-${partition}`;
}

/** Throws KafkaError where nobody can commit for the group now. The first one asked for makes the topic of offsets. */
export async function mustHaveCoordinator(requests: Requests, group: string): Promise<void> {
  const answer = await requests.request(FindCoordinator, requests.versionFor(FindCoordinator), {
    keyType: GROUP,
    coordinatorKeys: [group],
  });
  const [{ errorCode, errorMessage }] = answer.coordinators;
  check(errorCode, `coordinator of group ${group}`, errorMessage);
}

const GROUP = 0;

export const OFFSETS_TOPIC = "__consumer_offsets", TRANSACTION_TOPIC = "__transaction_state";

/** Whether a topic of the broker's own has been made: before, nobody has asked for a coordinator, and looking makes none. */
export function isMade({ metrics }: Pick<House, "metrics">, topic: string): boolean {
  for (const one of metrics.partitions()) if (one.topic === topic) return true;
  return false;
}
