/** Changes of topics: create, grow, configs, delete, and publishing a record by hand. */
import { Buffer } from "node:buffer";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { alterConfigs } from "../client/admin_configs.ts";
import { check } from "../client/errors.ts";
import { partitionOfKey } from "../client/murmur2.ts";
import { CreatePartitions } from "../protocol/messages/create_partitions.ts";
import { CreateTopics } from "../protocol/messages/create_topics.ts";
import { DeleteTopics } from "../protocol/messages/delete_topics.ts";
import { Produce } from "../protocol/messages/produce.ts";
import { buildBatch } from "../protocol/records/build.ts";
import type {
  ChangeConfigsBody,
  Changed,
  CreateTopicBody,
  DeleteBody,
  GivenBytes,
  GrowTopicBody,
  PublishBody,
  Published,
} from "./api.ts";
import { LIMITS } from "./api.ts";
import { topicOf } from "./ask.ts";
import { confirmShape, mustConfirm } from "./confirm.ts";
import { ApiFailure } from "./failure.ts";
import type { Call, Route } from "./route.ts";
import type { ObjectShape, Shape } from "./shape.ts";

const MAX_CONFIGS = 100, TIMEOUT_MS = 30_000;
const validateOnly: Shape = { type: "boolean", doc: "Only says whether it could." };
const count: Shape = { type: "integer", minimum: 1, maximum: 100_000 };
const bytes: Shape = {
  nullable: {
    type: "object",
    properties: {
      encoding: { type: "string", enum: ["utf8", "base64"] },
      text: { type: "string", maxLength: LIMITS.maxPublishBytes },
    },
    required: ["encoding", "text"],
  },
};

function bodyOf(properties: Record<string, Shape>, required: readonly string[]): ObjectShape {
  return { type: "object", properties, required };
}

export const topicChangeRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "topics",
    summary: "Creates a topic",
    query: {},
    body: bodyOf({
      name: { type: "string", maxLength: 249 },
      partitions: count,
      configs: { type: "map", values: { type: "string" }, maxProperties: MAX_CONFIGS },
      validateOnly,
    }, ["name"]),
    answers: "Changed",
    isChange: true,
    handle: createTopic,
  },
  {
    method: "POST",
    path: "topics/:topic/partitions",
    summary: "Raises a topic's number of partitions",
    query: {},
    body: bodyOf({ count, validateOnly }, ["count"]),
    answers: "Changed",
    isChange: true,
    handle: grow,
  },
  {
    method: "POST",
    path: "topics/:topic/configs",
    summary: "Sets configs of a topic; null takes one back to what it would be",
    query: {},
    body: bodyOf({
      configs: {
        type: "map",
        values: { nullable: { type: "string" } },
        maxProperties: MAX_CONFIGS,
      },
      validateOnly,
    }, ["configs"]),
    answers: "Changed",
    isChange: true,
    handle: changeConfigs,
  },
  {
    method: "POST",
    path: "topics/:topic/delete",
    summary: "Deletes a topic with all its records",
    query: {},
    body: confirmShape,
    answers: "Changed",
    isChange: true,
    handle: deleteTopic,
  },
  {
    method: "POST",
    path: "topics/:topic/records",
    summary: "Publishes a record",
    query: {},
    body: bodyOf({
      partition: { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 },
      key: bytes,
      value: bytes,
      headers: {
        type: "array",
        maxItems: LIMITS.maxHeaders,
        items: bodyOf({ key: { type: "string" }, value: bytes }, ["key", "value"]),
      },
    }, ["key", "value"]),
    answers: "Published",
    isChange: true,
    handle: publish,
  },
];

async function createTopic({ requests, body }: Call): Promise<Changed> {
  const { name, partitions = -1, configs = {}, validateOnly = false } = body as CreateTopicBody;
  const answer = await requests.request(CreateTopics, requests.versionFor(CreateTopics), {
    topics: [{
      name,
      numPartitions: partitions,
      replicationFactor: -1,
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }],
    timeoutMs: TIMEOUT_MS,
    validateOnly,
  });
  const [{ errorCode, errorMessage }] = answer.topics;
  check(errorCode, `create topic ${name}`, errorMessage);
  return { isDone: !validateOnly };
}

async function grow({ requests, params: { topic }, body }: Call): Promise<Changed> {
  const { count, validateOnly = false } = body as GrowTopicBody;
  const answer = await requests.request(CreatePartitions, requests.versionFor(CreatePartitions), {
    topics: [{ name: topic, count, assignments: null }],
    timeoutMs: TIMEOUT_MS,
    validateOnly,
  });
  const [{ errorCode, errorMessage }] = answer.results;
  check(errorCode, `partitions of ${topic}`, errorMessage);
  return { isDone: !validateOnly };
}

async function changeConfigs({ requests, params: { topic }, body }: Call): Promise<Changed> {
  const { configs, validateOnly = false } = body as ChangeConfigsBody;
  await alterConfigs(requests, { resource: { type: "topic", name: topic }, configs, validateOnly });
  return { isDone: !validateOnly };
}

async function deleteTopic({ requests, params: { topic }, body }: Call): Promise<Changed> {
  mustConfirm(body as DeleteBody, topic);
  const answer = await requests.request(DeleteTopics, requests.versionFor(DeleteTopics), {
    topics: [{ name: topic, topicId: ZERO_UUID }],
    timeoutMs: TIMEOUT_MS,
  });
  const [{ errorCode, errorMessage }] = answer.responses;
  check(errorCode, `delete topic ${topic}`, errorMessage);
  return { isDone: true };
}

async function publish(call: Call): Promise<Published> {
  const { requests, params: { topic }, house } = call;
  const given = call.body as PublishBody, { headers = [] } = given;
  const key = bytesOf(given.key, "key"), value = bytesOf(given.value, "value");
  const { length } = (await topicOf(requests, topic)).partitions;
  const partition = given.partition ??
    (key === null ? Math.floor(Math.random() * length) : partitionOfKey(key, length));
  const records = buildBatch({
    records: [{
      timestampMs: house.nowMs(),
      key,
      value,
      headers: headers.map((one) => ({ key: one.key, value: bytesOf(one.value, "headers") })),
    }],
  });
  const answer = await requests.request(Produce, requests.versionFor(Produce, BY_NAME), {
    transactionalId: null,
    acks: -1,
    timeoutMs: TIMEOUT_MS,
    topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
  });
  const { errorCode, errorMessage, baseOffset } = answer.responses[0].partitionResponses[0];
  check(errorCode, `publish to ${topic}-${partition}`, errorMessage);
  return { partition, offset: baseOffset };
}

/** The last version that names a topic. */
const BY_NAME = 12;

function bytesOf(given: GivenBytes | null, field: string): Uint8Array | null {
  if (given === null) return null;
  const { encoding, text } = given;
  if (encoding === "utf8") return new TextEncoder().encode(text);
  const decoded = Buffer.from(text, "base64");
  if (decoded.toString("base64") === text) return new Uint8Array(decoded);
  throw new ApiFailure("bad_request", `${field} is no base64`, { field });
}
