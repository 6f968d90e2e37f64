/** Changes of topics and of what is in them. */
import { type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AlterPartitionReassignments } from "../../protocol/messages/alter_partition_reassignments.ts";
import { AlterReplicaLogDirs } from "../../protocol/messages/alter_replica_log_dirs.ts";
import { CreatePartitions } from "../../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../protocol/messages/delete_topics.ts";
import { ElectLeaders } from "../../protocol/messages/elect_leaders.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import type { Encodable } from "../../protocol/schema.ts";
import {
  type Change,
  change,
  each,
  eachOf,
  indexed,
  partitionCodes,
  partitionName,
} from "./change.ts";
import { configChange } from "./config_changes.ts";

export const topicChanges: readonly Change[] = [
  change(CreateTopics, {
    action: "topic.create",
    doc: "Topics are made; not where they are only validated.",
    isChange: ({ validateOnly }) => !validateOnly,
    items({ topics, validateOnly }) {
      if (validateOnly) return [];
      const codeOf = indexed((answer: Encodable<typeof CreateTopics.response>) =>
        each(answer.topics ?? [], ({ name = "", errorCode }) => [name, errorCode] as const)
      );
      return each(topics, (topic) => ({
        type: "topic",
        name: topic.name,
        change: {
          partitions: topic.assignments.length > 0 ? topic.assignments.length : topic.numPartitions,
          replication_factor: topic.assignments[0]?.brokerIds.length ?? topic.replicationFactor,
          ...(topic.configs.length > 0 && {
            configs: topic.configs.map(({ name, value }) => configChange(name, value)),
          }),
        },
        codeOf: codeOf(topic.name),
      }));
    },
    refuse: ({ topics }, refusal) => ({
      topics: topics.map(({ name }) => ({ name, ...refusal })),
    }),
  }),
  change(Metadata, {
    action: "topic.create",
    doc: "A topic is made because a client asked for it (`auto_create_topics`).",
    items({ topics, allowAutoTopicCreation }, { topics: known }) {
      if (!allowAutoTopicCreation || !known.areMadeWhenAskedFor || topics === null) return [];
      const missing = topics.filter(({ name }) => name !== null && !known.has(name));
      if (missing.length === 0) return [];
      const codeOf = indexed((answer: Encodable<typeof Metadata.response>) =>
        each(answer.topics ?? [], ({ name, errorCode }) => [name ?? "", errorCode] as const)
      );
      return each([...new Set(missing.map(({ name }) => name!))], (name) => ({
        type: "topic",
        name,
        codeOf: codeOf(name),
      }));
    },
    counts: (errorCode) => errorCode === null || errorCode === ErrorCode.NONE,
    without: (request) => ({ ...request, allowAutoTopicCreation: false }),
  }),
  change(DeleteTopics, {
    action: "topic.delete",
    doc: "Topics are deleted, by name or id.",
    isChange: () => true,
    items({ topics, topicNames }, { topics: known }) {
      const keyOf = (name: string | null | undefined, topicId: Uuid | undefined) =>
        topicId === undefined || topicId === ZERO_UUID ? `name ${name}` : `id ${topicId}`;
      const codeOf = indexed((answer: Encodable<typeof DeleteTopics.response>) =>
        eachOf(
          answer.responses ?? [],
          ({ name, topicId }) => [keyOf(name, undefined), keyOf(undefined, topicId)],
          ({ errorCode }, key) => [key, errorCode] as const,
        )
      );
      return each(selectorsOf({ topics, topicNames }), ({ name, topicId }) => ({
        type: "topic",
        name: name ?? known.nameOf(topicId) ?? topicId,
        ...(topicId !== ZERO_UUID && { change: { topic_id: topicId } }),
        codeOf: codeOf(keyOf(name, topicId)),
      }));
    },
    refuse: (request, refusal) => ({
      responses: selectorsOf(request).map((selector) => ({ ...selector, ...refusal })),
    }),
  }),
  change(CreatePartitions, {
    action: "topic.add_partitions",
    doc: "Topics get more partitions; not where that is only validated.",
    isChange: ({ validateOnly }) => !validateOnly,
    items({ topics, validateOnly }) {
      if (validateOnly) return [];
      const codeOf = indexed((answer: Encodable<typeof CreatePartitions.response>) =>
        each(answer.results ?? [], ({ name = "", errorCode }) => [name, errorCode] as const)
      );
      return each(topics, ({ name, count }) => ({
        type: "topic",
        name,
        change: { partitions: count },
        codeOf: codeOf(name),
      }));
    },
    refuse: ({ topics }, refusal) => ({
      results: topics.map(({ name }) => ({ name, ...refusal })),
    }),
  }),
  change(DeleteRecords, {
    action: "records.delete",
    doc: "The records of partitions up to an offset are deleted; -1: all that consumers see.",
    isChange: () => true,
    items({ topics }) {
      const codeOf = indexed((answer: Encodable<typeof DeleteRecords.response>) =>
        partitionCodes(answer.topics)
      );
      return eachOf(
        topics,
        ({ partitions }) => partitions,
        ({ name }, { partitionIndex, offset }) => ({
          type: "partition",
          name: partitionName(name, partitionIndex),
          change: { offset },
          codeOf: codeOf(partitionName(name, partitionIndex)),
        }),
      );
    },
    refuse: ({ topics }, { errorCode }) => ({
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode,
          lowWatermark: -1,
        })),
      })),
    }),
  }),
  change(AlterReplicaLogDirs, {
    action: "replica.move",
    doc: "Replicas are to lie in another directory.",
    isChange: () => true,
    items({ dirs }) {
      const codeOf = indexed((answer: Encodable<typeof AlterReplicaLogDirs.response>) =>
        eachOf(
          answer.results ?? [],
          ({ partitions = [] }) => partitions,
          ({ topicName = "" }, { partitionIndex = 0, errorCode }) =>
            [partitionName(topicName, partitionIndex), errorCode] as const,
        )
      );
      return eachOf(
        dirs.flatMap(({ path, topics }) => topics.map((topic) => ({ path, ...topic }))),
        ({ partitions }) => partitions,
        ({ path, name }, partition) => {
          const named = partitionName(name, partition);
          return { type: "partition", name: named, change: { path }, codeOf: codeOf(named) };
        },
      );
    },
    refuse: ({ dirs }, { errorCode }) => ({
      results: dirs.flatMap(({ topics }) => topics).map(({ name, partitions }) => ({
        topicName: name,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode })),
      })),
    }),
  }),
  change(AlterPartitionReassignments, {
    action: "partition.reassign",
    doc: "Partitions are to have other replicas, or not any more.",
    isChange: () => true,
    items({ topics }) {
      const codeOf = indexed((answer: Encodable<typeof AlterPartitionReassignments.response>) =>
        partitionCodes(answer.responses)
      );
      return eachOf(
        topics,
        ({ partitions }) => partitions,
        ({ name }, { partitionIndex, replicas }) => ({
          type: "partition",
          name: partitionName(name, partitionIndex),
          change: { replicas },
          codeOf: (answer) =>
            answer.errorCode || codeOf(partitionName(name, partitionIndex))(answer),
        }),
      );
    },
    refuse: (_request, refusal) => ({ ...refusal, responses: [] }),
  }),
  change(ElectLeaders, {
    action: "partition.elect_leader",
    doc: "Partitions are to elect their leaders anew; those of all topics where none is named.",
    isChange: () => true,
    items({ topicPartitions, electionType }) {
      const election = electionType === 1 ? "unclean" : "preferred";
      if (topicPartitions === null) {
        return [{
          type: "cluster",
          name: "*",
          change: { election },
          codeOf: ({ errorCode = 0 }) => errorCode,
        }];
      }
      const codeOf = indexed((answer: Encodable<typeof ElectLeaders.response>) =>
        eachOf(
          answer.replicaElectionResults ?? [],
          ({ partitionResult = [] }) => partitionResult,
          ({ topic = "" }, { partitionId = 0, errorCode }) =>
            [partitionName(topic, partitionId), errorCode] as const,
        )
      );
      return eachOf(
        topicPartitions,
        ({ partitions }) => partitions,
        ({ topic }, partition) => ({
          type: "partition",
          name: partitionName(topic, partition),
          change: { election },
          codeOf: (answer) => answer.errorCode || codeOf(partitionName(topic, partition))(answer),
        }),
      );
    },
    refuse: ({ topicPartitions }, refusal, apiVersion) => ({
      ...(apiVersion >= 1 && { errorCode: refusal.errorCode }),
      replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, ...refusal })),
      })),
    }),
  }),
];

function selectorsOf(
  { topics, topicNames }: {
    readonly topics: readonly { readonly name: string | null; readonly topicId: Uuid }[];
    readonly topicNames: readonly string[];
  },
): { readonly name: string | null; readonly topicId: Uuid }[] {
  return [...topics, ...topicNames.map((name) => ({ name, topicId: ZERO_UUID }))];
}
