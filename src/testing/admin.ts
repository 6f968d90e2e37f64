/**
 * AdminFixture: the handlers of topics and cluster over a metadata log in memory, asked through the codec, so that what
 * they answer is also proved to fit every version.
 */
import { type Config, defaultConfig } from "../config/options.ts";
import { decode, encode } from "../protocol/codec.ts";
import { OPEN_ACCESS } from "../security/acl/access.ts";
import type { Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import { someAnswers } from "./answers.ts";
import { Fixture, META } from "./topics.ts";
import { TransactionDesk } from "./transactions.ts";
import { registeredNodes } from "../topics/node_registry.ts";
import { ProducerIds } from "../topics/producer_ids.ts";
import { alterConfigs } from "../handlers/alter_configs.ts";
import { createPartitions } from "../handlers/create_partitions.ts";
import { createTopics } from "../handlers/create_topics.ts";
import { deleteTopics } from "../handlers/delete_topics.ts";
import { describeCluster } from "../handlers/describe_cluster.ts";
import { describeConfigs } from "../handlers/describe_configs.ts";
import { describeTopicPartitions } from "../handlers/describe_topic_partitions.ts";
import type { Handler, RequestContext } from "../handlers/handler.ts";
import { incrementalAlterConfigs } from "../handlers/incremental_alter_configs.ts";
import { initProducerId } from "../handlers/init_producer_id.ts";
import { listConfigResources } from "../handlers/list_config_resources.ts";
import { metadata as metadataHandler } from "../handlers/metadata.ts";

export async function adminFixture(
  { autoCreateTopics = true, config = defaultConfig(), maxAnswerBytes = 1 << 25 } = {},
) {
  const fixture = await Fixture.start();
  const { metadata, catalogue } = fixture;
  const { nodeId, clusterId } = META;
  const nodes = registeredNodes(catalogue, { selfId: nodeId, clusterId });
  const limits = { numPartitions: 2, maxPartitions: 1000 };
  const ids = new ProducerIds(metadata, nodeId);
  const full: Config = { ...config, nodeId };
  const answers = someAnswers(maxAnswerBytes);
  return {
    fixture,
    catalogue,
    handlers: {
      createTopics: createTopics({
        metadata,
        nodeId,
        ...limits,
        staticConfigs: config.topicSet,
        placed: ALL_PLACED,
        answers,
      }),
      deleteTopics: deleteTopics({ metadata }),
      createPartitions: createPartitions({ metadata, placed: ALL_PLACED, ...limits }),
      metadata: metadataHandler({ metadata, nodes, autoCreateTopics, answers, ...limits }),
      describeCluster: describeCluster({ nodes }),
      describeConfigs: describeConfigs({ metadata, nodeId, config: full, answers }),
      describeTopicPartitions: describeTopicPartitions({ catalogue, nodes }),
      alterConfigs: alterConfigs({ metadata, nodeId, config: full }),
      incrementalAlterConfigs: incrementalAlterConfigs({ metadata, nodeId, config: full }),
      listConfigResources: listConfigResources({ catalogue }),
      initProducerId: initProducerId({
        transactions: new TransactionDesk().coordinator,
        newProducerId: async () => await ids.next(),
      }),
    },
  };
}

/** There are no logs here, and nothing is wrong with them. */
const ALL_PLACED = { problemOf: () => null };

/** Encodes the request in the version, answers it, and decodes the encoded answer. */
export async function ask<Q extends Fields, R extends Fields>(
  handler: Handler,
  api: { readonly request: Message<Q>; readonly response: Message<R> },
  version: number,
  request: Encodable<Message<Q>>,
  access = OPEN_ACCESS,
  quota: RequestContext["quota"] = null,
): Promise<Decoded<Message<R>>> {
  const decoded = decode(api.request, version, encode(api.request, version, request));
  const context = {
    apiVersion: version,
    connection: { isEnding: false, hold: () => {} },
    access,
    quota,
  } as unknown as RequestContext;
  const answer = await handler.handle(decoded, context) as Encodable<Message<R>>;
  return decode(api.response, version, encode(api.response, version, answer));
}

/** Runs `body` for each version served. */
export async function everyVersion(
  { served }: Handler,
  body: (version: number) => Promise<void>,
): Promise<void> {
  for (let version = served.min; version <= served.max; version++) await body(version);
}
