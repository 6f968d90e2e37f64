/**
 * Error answers: what an API answers to a request that fails as a whole, or in some of its topics, made of the declarations
 * of its request and its answer, so that it is right in every version.
 *
 * The code goes where Kafka puts it (AbstractRequest.getErrorResponse of each request): at the top where the answer has a
 * code there, else with each thing that was asked for; of some topics and partitions, with those. An answer names what it
 * is of, and has Kafka's "none" in everything else.
 */
import { type Api, type Fields, includes, type Spec } from "../../protocol/schema.ts";

export type Struct = Record<string, unknown>;

/** Which topics and partitions of a request are meant. */
export interface Meant {
  readonly topic: (
    item: { readonly name: string | null; readonly topicId: string | null },
  ) => boolean;
  /** Undefined: all. */
  readonly partition?: number;
}

/** What to answer to all of this request; null where the version has no place for a code, or nothing was asked for. */
export function errorAnswer(
  { response }: Api,
  version: number,
  request: Struct,
  errorCode: number,
  { atTop = true }: { readonly atTop?: boolean } = {},
): Struct | null {
  const has = (spec: Spec) => includes(spec.versions, version);
  const { errorCode: top } = response.fields;
  if (atTop && top !== undefined && has(top.spec)) {
    return { ...noneOf(response.fields, version), errorCode };
  }
  const answer = itemOf(response.fields, request, { version, errorCode, isInner: false });
  return answer.hasCode ? answer.item : null;
}

/** The request with nothing in it but what is meant, and without that; null where that is nothing. */
export function parted(
  request: Struct,
  meant: Meant,
): { readonly hit: Struct | null; readonly rest: Struct | null } {
  const hit: Struct = { ...request }, rest: Struct = { ...request };
  let isHit = false, isRest = false;
  for (const [name, list] of Object.entries(request)) {
    if (!Array.isArray(list)) continue;
    const parts = CONTAINERS.has(name)
      ? list.map((item) =>
        typeof item === "string" ? { hit: null, rest: item } : parted(item, meant)
      )
      : TOPIC_LISTS.has(name)
      ? list.map((item) => partedTopic(item, meant))
      : null;
    if (parts === null) continue;
    hit[name] = parts.flatMap((part) => part.hit ?? []);
    rest[name] = parts.flatMap((part) => part.rest ?? []);
    isHit ||= (hit[name] as unknown[]).length > 0;
    isRest ||= (rest[name] as unknown[]).length > 0;
  }
  return { hit: isHit ? hit : null, rest: isRest ? rest : null };
}

/** Whether requests of an API name topics, and its answers have a code for each. */
export function namesTopics({ name, request }: Api): boolean {
  if (WITHOUT_TOPIC_CODES.has(name)) return false;
  const names = (fields: Fields): boolean =>
    Object.entries(fields).some(([name, { spec }]) =>
      TOPIC_LISTS.has(name) || CONTAINERS.has(name) && names(spec.element?.fields ?? {})
    );
  return names(request.fields);
}

/** Both as one: what is said of the same thing stands together. */
export function joined(answer: Struct, errors: Struct): Struct {
  const whole: Struct = { ...answer };
  for (const [name, more] of Object.entries(errors)) {
    if (!Array.isArray(more) || more.length === 0) continue;
    const list = [...(answer[name] as Struct[] | undefined) ?? []];
    for (const item of more as Struct[]) {
      const at = list.findIndex((other) => isSame(other, item));
      if (at < 0) list.push(item);
      else list[at] = { ...joined(list[at], item) };
    }
    whole[name] = list;
  }
  return whole;
}

function partedTopic(item: unknown, meant: Meant): { hit: unknown; rest: unknown } {
  const { name = null, topic = name, topicName = topic, topicId = null } =
    (typeof item === "string" ? { name: item } : item) as Record<string, string | null>;
  if (!meant.topic({ name: topicName, topicId })) return { hit: null, rest: item };
  if (meant.partition === undefined || typeof item === "string") return { hit: item, rest: null };
  for (const [name, list] of Object.entries(item as Struct)) {
    if (!PARTITION_LISTS.has(name) || !Array.isArray(list)) continue;
    const isMeant = (one: unknown) => partitionOf(one) === meant.partition;
    const hit = list.filter(isMeant), rest = list.filter((one) => !isMeant(one));
    return {
      hit: hit.length === 0 ? null : { ...item as Struct, [name]: hit },
      rest: rest.length === 0 ? null : { ...item as Struct, [name]: rest },
    };
  }
  return { hit: item, rest: null }; // no partitions are named: all of them
}

function partitionOf(item: unknown): unknown {
  if (typeof item === "number") return item;
  const { index, partition = index, partitionIndex = partition } = item as Struct;
  return partitionIndex;
}

interface Making {
  readonly version: number;
  readonly errorCode: number;
  readonly isInner: boolean;
}

/** What is answered of one thing that was asked for, with the code where the fields have it first. */
function itemOf(
  fields: Fields,
  asked: unknown,
  making: Making,
): { readonly item: Struct; readonly hasCode: boolean } {
  const { version, errorCode, isInner } = making;
  const none = noneOf(fields, version);
  const item: Struct = isInner ? { ...none, ...keysOf(fields, asked, version) } : none;
  const own = isInner ? CODES.find((name) => name in fields) : undefined;
  if (own !== undefined) return { item: { ...item, [own]: errorCode }, hasCode: true };
  let hasCode = false;
  for (const [name, { spec }] of Object.entries(fields)) {
    const inner = spec.element?.fields;
    if (inner === undefined || !includes(spec.versions, version)) continue;
    const found = askedFor(name, asked).map((one) =>
      itemOf(inner, one, { ...making, isInner: true })
    ).filter(({ hasCode }) => hasCode);
    item[name] = found.map(({ item }) => item);
    hasCode ||= found.length > 0;
  }
  return { item, hasCode };
}

/** The list of the request that a list of the answer is of. */
function askedFor(name: string, asked: unknown): readonly unknown[] {
  if (typeof asked !== "object" || asked === null) return [];
  const request = asked as Struct;
  if (name === "results" && "dirs" in request) { // AlterReplicaLogDirs answers by topic
    return (request.dirs as Struct[]).flatMap(({ topics }) => topics as unknown[]);
  }
  if (name === "results" && "upsertions" in request) return usersOf(request);
  for (const candidate of [name, ...ASKED_AS[name] ?? []]) {
    const list = request[candidate];
    if (Array.isArray(list) && list.length > 0) return list;
  }
  return [];
}

/** AlterUserScramCredentials answers once for each user. */
function usersOf({ deletions, upsertions }: Struct): { user: string }[] {
  const changes = [...deletions as Struct[], ...upsertions as Struct[]];
  return [...new Set(changes.map(({ name }) => name as string))].map((user) => ({ user }));
}

/** What an item of an answer says it is of. */
function keysOf(fields: Fields, asked: unknown, version: number): Struct {
  const keys: Struct = {};
  for (const [name, { spec }] of Object.entries(fields)) {
    if (!includes(spec.versions, version)) continue;
    const names = KEYS.find((names) => names.includes(name));
    if (names === undefined) continue;
    if (typeof asked === "string") {
      if (TEXT_KEYS.has(name)) keys[name] = asked;
    } else if (typeof asked === "number") {
      if (names === PARTITION) keys[name] = asked;
    } else {
      const found = names.find((other) => (asked as Struct)[other] !== undefined);
      if (found !== undefined) keys[name] = (asked as Struct)[found];
    }
  }
  return keys;
}

function isSame(one: Struct, other: Struct): boolean {
  const names = KEYS.flat().filter((name) => name in one && name in other);
  return names.length > 0 && names.every((name) => one[name] === other[name]);
}

function noneOf(fields: Fields, version: number): Struct {
  const none: Struct = {};
  for (const [name, { spec }] of Object.entries(fields)) {
    if (name in NONE && includes(spec.versions, version)) none[name] = NONE[name];
  }
  return none;
}

const WITHOUT_TOPIC_CODES = new Set([
  "ConsumerGroupHeartbeat",
  "DescribeLogDirs",
  "ListPartitionReassignments",
]);
const CODES = ["errorCode", "partitionErrorCode"];

const PARTITION = ["index", "partition", "partitionIndex", "partitionId"];
/** Fields that say what an item is of, those in a row being one and the same. */
const KEYS: readonly (readonly string[])[] = [
  ["name", "topic", "topicName"],
  PARTITION,
  ["topicId"],
  ["groupId"],
  ["transactionalId"],
  ["key"],
  ["user"],
  ["resourceType"],
  ["resourceName"],
  ["entity"],
  ["producerId"],
  ["memberId"],
  ["groupInstanceId"],
];
const TEXT_KEYS = new Set(["name", "groupId", "transactionalId", "key"]);

/** Lists of topics in requests, those of things that have such lists, and those of partitions in topics. */
const TOPIC_LISTS = new Set([
  "topics",
  "topicData",
  "topicNames",
  "v3AndBelowTopics",
  "topicPartitions",
]);
const CONTAINERS = new Set(["groups", "transactions", "markers", "dirs"]);
const PARTITION_LISTS = new Set(["partitions", "partitionData", "partitionIndexes"]);

/** What the lists of answers are called in requests, where that is something else. */
const ASKED_AS: Readonly<Record<string, readonly string[]>> = {
  responses: ["topicData", "topics", "topicNames", "resources"],
  partitionResponses: ["partitionData"],
  results: ["topics", "resources", "creations", "groupsNames"],
  coordinators: ["coordinatorKeys"],
  filterResults: ["filters"],
  transactionStates: ["transactionalIds"],
  groups: ["groupIds"],
  resultsByTopicV3AndBelow: ["v3AndBelowTopics"],
  resultsByTransaction: ["transactions"],
  topicResults: ["topics"],
  resultsByPartition: ["partitions"],
  partitions: ["partitionIndexes"],
  replicaElectionResults: ["topicPartitions"],
  partitionResult: ["partitions"],
};

/** What Kafka's error answers have where the default of the field is another. */
const NONE: Readonly<Struct> = {
  baseOffset: -1,
  offset: -1,
  timestamp: -1,
  lowWatermark: -1,
  highWatermark: -1,
  committedOffset: -1,
  committedLeaderEpoch: -1,
  leaderEpoch: -1,
  endOffset: -1,
  producerId: -1,
  producerEpoch: -1,
  generationId: -1,
  nodeId: -1,
  port: -1,
  numPartitions: -1,
  replicationFactor: -1,
  metadata: "",
};
