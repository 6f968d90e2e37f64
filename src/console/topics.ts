/** Topics: the list, one with its partitions, and configs with where each comes from. */
import { check } from "../client/errors.ts";
import { errorName } from "../protocol/errors.ts";
import { DescribeConfigs } from "../protocol/messages/describe_configs.ts";
import type { Requests } from "../client/asking.ts";
import type { ConfigOrigin, ConfigRow, Page, PartitionRow, TopicDetail, TopicRow } from "./api.ts";
import {
  EARLIEST,
  LATEST,
  nameOfPlace,
  offsetsAt,
  type TopicFacts,
  topicOf,
  topicsOf,
} from "./ask.ts";
import { KafkaError } from "../client/errors.ts";
import type { KnownTopic, Retention } from "./known_topics.ts";
import { pause } from "./looks.ts";
import { pageOf, pageQuery } from "./page.ts";
import { type Call, given, type Route } from "./route.ts";

const SORTABLE = ["name", "partitions", "bytes", "records", "bytesIn", "bytesOut"];

export const topicRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "topics",
    summary: "Topics with their size, rates and retention",
    query: {
      ...pageQuery(SORTABLE),
      internal: { type: "boolean", doc: "Internal ones too; false if not given." },
    },
    answers: "Page<TopicRow>",
    handle: listTopics,
  },
  {
    method: "GET",
    path: "topics/:topic",
    summary: "A topic with its partitions",
    query: {},
    answers: "TopicDetail",
    handle: describeTopic,
  },
  {
    method: "GET",
    path: "topics/:topic/configs",
    summary: "Configs of a topic, with where each comes from",
    query: {},
    answers: "ConfigRow[]",
    handle: listConfigs,
  },
];

/** Partitions that are looked at before others have their turn. */
const PARTITIONS_A_TURN = 2000;

/** What logs hold, over the partitions of a topic. */
interface Held {
  bytes: number;
  records: number;
}

async function listTopics(call: Call): Promise<Page<TopicRow>> {
  const { requests, house, session: { principal }, peer } = call;
  const isInternal = given(call, "internal", false);
  const known = await house.knownTopics.of({ principal, peer }, async () => {
    const found = (await topicsOf(requests, null)).filter(({ errorCode }) => errorCode === 0);
    return found.map(knownOf);
  });
  const topics = known.topics.filter((topic) => isInternal || !topic.isInternal);
  const held = new Map<string, Held>();
  let looked = 0;
  for (const { topic, sizeBytes, logStartOffset, logEndOffset } of house.metrics.partitions()) {
    let sum = held.get(topic);
    if (sum === undefined) held.set(topic, sum = { bytes: 0, records: 0 });
    sum.bytes += sizeBytes; // NaN where one cannot be looked at
    sum.records += logEndOffset - logStartOffset;
    if (++looked % PARTITIONS_A_TURN === 0) await pause();
  }
  const rows = topics.map((topic) => rowOf(topic, held.get(topic.name), call));
  const page = pageOf(rows, call, { nameOf: ({ name }) => name, sort: "name" });
  const { retentions: configs } = known;
  const names = page.items.map(({ name }) => name).filter((name) => !configs.has(name));
  const asked = await retentions(requests, names);
  for (const name of names) configs.set(name, asked.get(name) ?? null);
  return { ...page, items: page.items.map((row) => ({ ...row, ...configs.get(row.name) })) };
}

function knownOf({ name, isInternal, partitions: { length } }: TopicFacts): KnownTopic {
  return { name: name!, isInternal, partitions: length };
}

function rowOf(
  { name, isInternal, partitions }: KnownTopic,
  held: Held | undefined,
  { house }: Call,
): TopicRow {
  const rate = house.sampler.rateOf(name);
  return {
    name,
    isInternal,
    partitions,
    bytes: held === undefined || Number.isNaN(held.bytes) ? null : held.bytes,
    records: held?.records ?? 0,
    bytesIn: rate?.bytesIn ?? null,
    bytesOut: rate?.bytesOut ?? null,
    cleanupPolicy: null,
    retentionMs: null,
    retentionBytes: null,
  };
}

/** Of topics whose configs the user may see. */
async function retentions(
  requests: Requests,
  names: readonly string[],
): Promise<Map<string, Retention>> {
  const found = new Map<string, Retention>();
  if (names.length === 0) return found;
  const answer = await requests.request(DescribeConfigs, requests.versionFor(DescribeConfigs), {
    resources: names.map((resourceName) => ({
      resourceType: TOPIC,
      resourceName,
      configurationKeys: ["cleanup.policy", "retention.ms", "retention.bytes"],
    })),
  });
  for (const { resourceName, errorCode, configs } of answer.results) {
    if (errorCode !== 0) continue;
    const valueOf = (name: string) => configs.find((one) => one.name === name)?.value ?? null;
    found.set(resourceName, {
      cleanupPolicy: valueOf("cleanup.policy"),
      retentionMs: numberOf(valueOf("retention.ms")),
      retentionBytes: numberOf(valueOf("retention.bytes")),
    });
  }
  return found;
}

/** Larger ones are for ever in any case. */
function numberOf(text: string | null): number | null {
  return text === null ? null : Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

async function describeTopic(call: Call): Promise<TopicDetail> {
  const { requests, params: { topic: name }, house } = call, topic = await topicOf(requests, name);
  const places = topic.partitions.map(({ partitionIndex }) => ({
    topic: name,
    partition: partitionIndex,
  }));
  const [starts, ends] = await Promise.all(
    [EARLIEST, LATEST].map((timestamp) => offsetsAt(requests, places, { timestamp })),
  );
  const sizes = new Map<number, number>();
  for (const one of house.metrics.partitions()) {
    if (one.topic === name) sizes.set(one.partition, one.sizeBytes);
  }
  const partitionList = topic.partitions.map((partition): PartitionRow => {
    const { partitionIndex, leaderId, leaderEpoch, replicaNodes, isrNodes, errorCode } = partition;
    const place = nameOfPlace({ topic: name, partition: partitionIndex });
    const start = starts.get(place), end = ends.get(place);
    const failed = [start, end].find((one) => one instanceof KafkaError);
    const bytes = sizes.get(partitionIndex);
    return {
      partition: partitionIndex,
      leaderId,
      leaderEpoch,
      replicas: replicaNodes,
      isr: isrNodes,
      start: typeof start === "number" ? start : null,
      end: typeof end === "number" ? end : null,
      bytes: bytes === undefined || Number.isNaN(bytes) ? null : bytes,
      error: failed instanceof KafkaError
        ? failed.message
        : errorCode === 0
        ? null
        : errorName(errorCode),
    };
  });
  const known = partitionList.filter(({ start, end }) => start !== null && end !== null);
  const bytes = partitionList.every((one) => one.bytes !== null)
    ? partitionList.reduce((sum, one) => sum + one.bytes!, 0)
    : null;
  const records = known.reduce((sum, { start, end }) => sum + end! - start!, 0);
  return {
    ...rowOf(knownOf(topic), undefined, call),
    ...(await retentions(requests, [name])).get(name),
    bytes,
    records,
    id: topic.topicId,
    partitionList,
    groups: groupsOf(call, name),
  };
}

/** Groups that have committed something of a topic: so many are looked at, and so many named. */
const MAX_LOOKED = 1000, MAX_NAMED = 100;

function groupsOf({ house, session }: Call, topic: string): string[] {
  if (session.hasAcls) return []; // whose groups the user may see is asked group by group
  const found: string[] = [];
  let looked = 0;
  for (const { groupId, lags } of house.metrics.groups()) {
    if (++looked > MAX_LOOKED || found.length >= MAX_NAMED) break;
    for (const lag of lags()) {
      if (lag.topic !== topic) continue;
      found.push(groupId);
      break;
    }
  }
  return found.sort();
}

async function listConfigs({ requests, params: { topic } }: Call): Promise<ConfigRow[]> {
  const answer = await requests.request(DescribeConfigs, requests.versionFor(DescribeConfigs), {
    resources: [{ resourceType: TOPIC, resourceName: topic, configurationKeys: null }],
    includeSynonyms: true,
    includeDocumentation: true,
  });
  const [{ errorCode, errorMessage, configs }] = answer.results;
  check(errorCode, `configs of topic ${topic}`, errorMessage);
  return configs.map((one): ConfigRow => ({
    name: one.name,
    value: one.isSensitive ? null : one.value,
    source: originOf(one.configSource),
    fallbacks: one.synonyms.filter(({ source }) => source !== one.configSource).map((synonym) => ({
      name: synonym.name,
      value: one.isSensitive ? null : synonym.value,
      source: originOf(synonym.source),
    })),
    type: CONFIG_TYPES[one.configType] ?? "unknown",
    documentation: one.documentation || null,
    isReadOnly: one.readOnly,
    isSensitive: one.isSensitive,
  })).sort((a, b) => a.name < b.name ? -1 : 1);
}

const TOPIC = 2;

/** Kafka's ConfigSource. */
const ORIGINS: readonly ConfigOrigin[] = [
  "unknown",
  "topic",
  "broker",
  "cluster",
  "file",
  "default",
  "unknown",
  "client-metrics",
  "group",
];

function originOf(source: number): ConfigOrigin {
  return ORIGINS[source] ?? "unknown";
}

/** Kafka's ConfigType. */
const CONFIG_TYPES = [
  "unknown",
  "boolean",
  "string",
  "int",
  "short",
  "long",
  "double",
  "list",
  "class",
  "password",
];
