/**
 * CreateTopics 2–7: creates topics, or with validateOnly says whether it could.
 *
 * Partitions and replicas go to the nodes given, or to all in turn. One bad topic does not hinder the others. A topic
 * is answered when its records are durable and its logs are there, so the first Produce after the reply succeeds.
 *
 * Versions: 4 counts of -1 · 5 answers with the configs in force · 7 with the topic id.
 * timeoutMs has no effect: nothing is waited for but the local device.
 */
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { describeTopicConfigs } from "../topics/describe_topic_config.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { type CreatedTopic, planCreateTopics } from "../topics/plan_create_topics.ts";
import { type Handler, handler } from "./handler.ts";

export interface CreateTopicsDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  readonly numPartitions: number;
  readonly maxPartitions: number;
  /** Topic defaults that the configuration sets, as text. */
  readonly staticConfigs: ReadonlyMap<string, string>;
}

export function createTopics(deps: CreateTopicsDeps): Handler {
  const { metadata } = deps;
  return handler(CreateTopics, { min: 2, max: 7 }, async ({ topics, validateOnly }) => {
    const created = await metadata.transact((catalogue) => {
      const { records, result } = planCreateTopics(catalogue, topics, deps);
      return { records: validateOnly ? [] : records, result };
    });
    return { topics: created.map((topic) => answer(topic, deps)) };
  });
}

function answer(topic: CreatedTopic, deps: CreateTopicsDeps) {
  const { configs, ...fields } = topic;
  if (configs === undefined) return fields;
  const described = describeTopicConfigs(configs, { ...deps, catalogue: deps.metadata.catalogue });
  return {
    ...fields,
    configs: described.map(({ name, value, source }) => ({ name, value, configSource: source })),
  };
}
