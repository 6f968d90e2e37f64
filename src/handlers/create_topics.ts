/**
 * CreateTopics 2–7: creates topics, or with validateOnly says whether it could.
 *
 * Partitions and replicas go to the nodes given, or to all in turn. One bad topic does not hinder the others. A topic
 * is answered when its records are durable and its logs are there, so the first Produce after the reply succeeds. Where
 * a log cannot be made (no space, something in its way) the answer is 56: the topic stands, and the log is made as soon as
 * it can be. (Kafka's controller answers 0 then, and its partitions 56.) Where the records cannot be written it is 56 too,
 * and there is no topic.
 *
 * Configs that do not fit into an answer are left out, with 42 as topicConfigErrorCode.
 *
 * Versions: 4 counts of -1 · 5 answers with the configs in force · 7 with the topic id.
 * Who has a quota of changes and has used it up gets 89 from version 6 on; before, it is created, and waited for (KIP-599).
 * timeoutMs has no effect: nothing is waited for but the local device.
 */
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { describeTopicConfigs } from "../topics/describe_topic_config.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { type CreatedTopic, planCreateTopics } from "../topics/plan_create_topics.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Encodable } from "../protocol/schema.ts";
import { failure } from "../topics/outcome.ts";
import { changesBy } from "./change_quota.ts";
import { type Handler, handler } from "./handler.ts";
import { orNotWritten } from "./not_written.ts";
import type { LongAnswers } from "./long_answers.ts";
import type { Placed } from "./placed.ts";

export interface CreateTopicsDeps {
  readonly metadata: MetadataStore;
  readonly nodeId: number;
  readonly numPartitions: number;
  readonly maxPartitions: number;
  /** Topic defaults that the configuration sets, as text. */
  readonly staticConfigs: ReadonlyMap<string, string>;
  readonly placed: Placed;
  readonly answers: LongAnswers;
}

export function createTopics(deps: CreateTopicsDeps): Handler {
  const { metadata } = deps;
  return handler(
    CreateTopics,
    { min: 2, max: 7 },
    async ({ topics, validateOnly }, context) => {
      const plan = { ...deps, mayChange: changesBy(context, 6) };
      const transaction = metadata.transact(function* (catalogue) {
        const { records, result } = yield* planCreateTopics(catalogue, topics, plan);
        return { records: validateOnly ? [] : records, result };
      });
      const created = await orNotWritten<CreatedTopic[]>(
        transaction,
        (outcome) => topics.map(({ name }) => ({ name, ...outcome })),
      );
      return await deps.answers.of({
        items: created,
        part: (topic): Part => answer(placed(topic, deps), deps),
        tooLong: (topic): Part => {
          const { configs, ...fields } = placed(topic, deps);
          const topicConfigErrorCode = configs === undefined
            ? ErrorCode.NONE
            : ErrorCode.INVALID_REQUEST;
          return { ...fields, configs: null, topicConfigErrorCode };
        },
        whole: (topics) => ({ topics }),
        connection: context.connection,
      });
    },
  );
}

type Part = NonNullable<Encodable<typeof CreateTopics.response>["topics"]>[number];

/** What the topic's logs say to it. */
function placed(topic: CreatedTopic, { placed }: CreateTopicsDeps): CreatedTopic {
  const { topicId, errorCode } = topic;
  const problem = errorCode === ErrorCode.NONE && topicId ? placed.problemOf(topicId) : null;
  if (problem === null) return topic;
  const message = `The topic was created, and is not served yet: ${problem}`;
  return { ...topic, ...failure(ErrorCode.KAFKA_STORAGE_ERROR, message) };
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
