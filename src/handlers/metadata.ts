/**
 * Metadata 0–13: the brokers, and the topics asked for with who leads their partitions.
 *
 * All topics: null (v0: an empty list); none: an empty list. A topic that is named twice is answered once. An unknown name is created when client and broker both
 * allow it, and answered as it then is, where Kafka answers 3 and lets the client ask again. Unknown ids are 100, bad
 * names 17. When any topic is asked by id, names are not looked at, as in Kafka.
 *
 * A topic that may not be described is left out of all topics; by name it is 29, whether or not it exists, and by id too,
 * without its name. So is a name 29 that may not be created.
 *
 * Versions: 4 may forbid auto-creation · 8 authorized operations · 10 topic ids in answers · 12 topics by id; before
 * that an id, or a null name, refuses every topic with 42.
 */
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import type { RequestQuota } from "../quotas/request_quota.ts";
import type { Encodable } from "../protocol/schema.ts";
import type { Access } from "../security/acl/access.ts";
import { Operation, ResourceType } from "../security/acl/acl.ts";
import type { Topic } from "../topics/catalogue.ts";
import type { MetadataStore } from "../topics/metadata_store.ts";
import { isInternalTopic, topicNameError } from "../topics/names.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";
import { type CreatedTopic, planCreateTopics } from "../topics/plan_create_topics.ts";
import { MAX_PARTITIONS_PER_REQUEST } from "../topics/topic_limits.ts";
import { asRegistered, type EndpointFor } from "./endpoints.ts";
import { changesBy } from "./change_quota.ts";
import { type Answer, type ConnectionInfo, type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { orNotWritten } from "./not_written.ts";
import { NO_OPERATIONS, partitionAnswer } from "./topic_answers.ts";

const { DESCRIBE } = Operation;

export interface MetadataDeps {
  readonly metadata: MetadataStore;
  readonly nodes: NodeRegistry;
  readonly endpointFor?: EndpointFor;
  readonly autoCreateTopics: boolean;
  readonly numPartitions: number;
  readonly maxPartitions: number;
  readonly answers: LongAnswers;
}

/** What may be done with a topic, as it is answered. */
type Operations = (name: string) => number;

interface Asked {
  readonly name: string | null;
  readonly topicId: Uuid;
}

export function metadata(deps: MetadataDeps): Handler {
  return handler(
    Metadata,
    { min: 0, max: 13 },
    async (request, { apiVersion, connection, access, quota }) => {
      const operations = request.includeTopicAuthorizedOperations
        ? (name: string) => access.allowed(ResourceType.TOPIC, name)
        : () => NO_OPERATIONS;
      const asksAll = request.topics === null || apiVersion === 0 && request.topics.length === 0;
      // Each topic is told once, so an answer has an end.
      const told = <Item>(items: Iterable<Item>, part: (item: Item) => Part) =>
        deps.answers.of({ items, part, whole: (topics) => topics, connection });
      const topics = await (asksAll
        ? told(
          deps.metadata.catalogue.topics().filter(({ name }) => access.mayTopic(DESCRIBE, name)),
          (topic) => known(topic, deps.nodes, operations),
        )
        : asked(deps, request.topics!, {
          apiVersion,
          access,
          operations,
          mayCreate: request.allowAutoTopicCreation,
          quota,
          told,
        }));
      if (typeof topics === "symbol") return topics;
      return {
        brokers: brokers(deps, connection),
        clusterId: deps.nodes.clusterId,
        controllerId: deps.nodes.controllerId,
        topics,
        clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
          ? access.mayCluster(DESCRIBE) ? access.allowedCluster() : 0
          : NO_OPERATIONS,
      };
    },
  );
}

function brokers({ nodes, endpointFor = asRegistered }: MetadataDeps, connection: ConnectionInfo) {
  return nodes.nodes().filter((node) => !node.isFenced)
    .map((node) => ({ nodeId: node.id, ...endpointFor(node, connection), rack: node.rack }));
}

/** What is answered of one topic. */
type Part = NonNullable<Encodable<typeof Metadata.response>["topics"]>[number];
type Parts = Answer<Part[]> | Promise<Answer<Part[]>>;

/** Of the topics that are named. */
async function asked(
  deps: MetadataDeps,
  asked: readonly Asked[],
  options: {
    apiVersion: number;
    access: Access;
    operations: Operations;
    mayCreate: boolean;
    quota: RequestQuota | null;
    /** Makes the answer of its parts. */
    told: <Item>(items: Iterable<Item>, part: (item: Item) => Part) => Parts;
  },
): Promise<Answer<Part[]>> {
  const { catalogue } = deps.metadata;
  const { apiVersion, access, operations, mayCreate, told } = options;
  const byId = asked.filter((topic) => topic.topicId !== ZERO_UUID);
  if (apiVersion < 12 && (byId.length > 0 || asked.some((topic) => topic.name === null))) {
    return told(asked, ({ name, topicId }) => {
      return { name: name ?? "", topicId, errorCode: ErrorCode.INVALID_REQUEST };
    });
  }
  if (byId.length > 0) {
    return told(new Set(byId.map(({ topicId }) => topicId)), (topicId) => {
      const topic = catalogue.topicById(topicId);
      if (topic !== undefined) {
        if (access.mayTopic(DESCRIBE, topic.name)) return known(topic, deps.nodes, operations);
        return { name: null, topicId, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED };
      }
      return { name: null, topicId, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
    });
  }
  const names = new Set(asked.map((topic) => topic.name));
  const shown = access.isOpen
    ? names
    : new Set([...names].filter((name) => name === null || access.mayTopic(DESCRIBE, name)));
  const missing = [...shown].filter((name) => name !== null && !catalogue.topic(name)) as string[];
  const creates = mayCreate && deps.autoCreateTopics && missing.length > 0;
  const refused = new Set(creates ? missing.filter((name) => !mayMake(access, name)) : []);
  const created = missing.filter((name) => !refused.has(name));
  const isTooMuch = creates && created.length > MAX_PARTITIONS_PER_REQUEST; // which is refused, whole
  const refusals = creates && created.length > 0 && !isTooMuch
    ? await autoCreate(deps, created, options.quota)
    : new Map<string, number>();
  return told(names, (name) => {
    if (name !== null && (!shown.has(name) || refused.has(name))) {
      return { name, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED };
    }
    const topic = name === null ? undefined : catalogue.topic(name);
    if (topic !== undefined) return known(topic, deps.nodes, operations);
    return {
      name: name ?? "",
      errorCode: name === null
        ? ErrorCode.INVALID_REQUEST
        : isTooMuch && !isInternalTopic(name)
        ? ErrorCode.POLICY_VIOLATION
        : refusals.get(name) ?? unknownError(name),
      isInternal: isInternalTopic(name ?? ""),
      topicAuthorizedOperations: operations(name ?? ""),
    };
  });
}

/** Whether somebody may have a topic made by asking for it. */
function mayMake(access: Access, name: string): boolean {
  return access.mayCluster(Operation.CREATE) || access.mayTopic(Operation.CREATE, name);
}

/** Creates what can be created; the error code of what cannot. */
async function autoCreate(
  deps: MetadataDeps,
  names: readonly string[],
  quota: RequestQuota | null,
): Promise<Map<string, number>> {
  const mayChange = changesBy({ quota, apiVersion: 0 }, Infinity); // as Kafka: made, and waited for
  const wanted = names.filter((name) => !isInternalTopic(name)).map((name) => ({
    name,
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  }));
  const transaction = deps.metadata.transact((catalogue) => {
    // Another request may have made one of them in the meantime.
    const missing = wanted.filter((topic) => catalogue.topic(topic.name) === undefined);
    return planCreateTopics(catalogue, missing, { ...deps, mayChange });
  });
  const created = await orNotWritten<CreatedTopic[]>(transaction, () => []); // unknown still: clients ask again
  // Kafka does not say which name another one collides with: it stays unknown, as long as it is a name.
  const told = created.filter(({ errorCode }) =>
    errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.INVALID_TOPIC_EXCEPTION
  );
  return new Map(told.map((topic) => [topic.name, topic.errorCode]));
}

function unknownError(name: string): number {
  return topicNameError(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}

function known(topic: Topic, nodes: NodeRegistry, operations: Operations) {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition) => partitionAnswer(partition, nodes)),
    topicAuthorizedOperations: operations(topic.name),
  };
}
