/** Survey: a cluster as its metadata has it, broken parts and all. */
import type { Connection } from "../../client/connection.ts";
import type { TopicPartition } from "../../client/list_offsets.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";

export interface Survey {
  readonly clusterId: string | null;
  /** -1: none is known. */
  readonly controllerId: number;
  readonly brokers: readonly AdvertisedBroker[];
  readonly topics: readonly SurveyedTopic[];
}

export interface AdvertisedBroker {
  readonly id: number;
  readonly host: string;
  readonly port: number;
}

export interface SurveyedTopic {
  readonly name: string;
  readonly isInternal: boolean;
  readonly partitions: readonly SurveyedPartition[];
}

export interface SurveyedPartition {
  readonly index: number;
  readonly errorCode: number;
  /** -1: none. */
  readonly leaderId: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly offlineReplicas: readonly number[];
}

/** Of all topics that are shown to who asks. */
export async function surveyOf(connection: Connection): Promise<Survey> {
  const answer = await connection.request(Metadata, connection.versionFor(Metadata), {
    topics: null,
    allowAutoTopicCreation: false,
  });
  return {
    clusterId: answer.clusterId,
    controllerId: answer.controllerId,
    brokers: answer.brokers.map(({ nodeId, host, port }) => ({ id: nodeId, host, port })),
    topics: answer.topics.map(({ name, isInternal, partitions }) => ({
      name: name ?? "",
      isInternal,
      partitions: partitions.map((one) => ({
        index: one.partitionIndex,
        errorCode: one.errorCode,
        leaderId: one.leaderId,
        replicas: one.replicaNodes,
        isr: one.isrNodes,
        offlineReplicas: one.offlineReplicas,
      })).sort((a, b) => a.index - b.index),
    })).sort((a, b) => a.name < b.name ? -1 : 1),
  };
}

export function partitionsOf(
  topics: readonly SurveyedTopic[],
  fits: (partition: SurveyedPartition, topic: SurveyedTopic) => boolean = () => true,
): TopicPartition[] {
  return topics.flatMap((topic) =>
    topic.partitions.filter((one) => fits(one, topic))
      .map(({ index }) => ({ topic: topic.name, partition: index }))
  );
}
