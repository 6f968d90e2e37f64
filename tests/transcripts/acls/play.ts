/**
 * Puts every question by users who have every right to it, none, and all but one, and keeps of the answers what depends on
 * that: codes, what they are of, and authorized operations.
 */
import { CreateAcls } from "../../../src/protocol/messages/create_acls.ts";
import { CreateTopics } from "../../../src/protocol/messages/create_topics.ts";
import { FindCoordinator } from "../../../src/protocol/messages/find_coordinator.ts";
import { Metadata } from "../../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../../src/protocol/messages/offset_commit.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import type { Asker } from "./asker.ts";
import type { Question, Right } from "./questions/question.ts";

/** By question and user, "all", "none" or "all but …": what was answered, as JSON. */
export type Answers = Record<string, Record<string, unknown>>;

/** What is asked, and of what. */
export interface Played {
  /** There before anything is asked. */
  readonly topics: readonly string[];
  /** Made besides. */
  readonly prepareMore?: (admin: Asker) => Promise<void>;
  /** By the ids of the topics. */
  readonly questions: (ids: ReadonlyMap<string, string>) => readonly Question[];
}

/** `admin` may everything; `open` connects as a user who has had no rights so far. */
export async function play(
  admin: Asker,
  open: (user: string) => Promise<Asker>,
  played: Played,
): Promise<Answers> {
  const ids = await prepare(admin, played);
  const cases = played.questions(ids).flatMap(casesOf);
  const creations = cases.flatMap(({ rights }, i) =>
    rights.map(([operation, resourceType, resourceName]) => ({
      resourceType,
      resourceName,
      principal: `User:u${i}`,
      host: "*",
      operation,
      permissionType: 3,
    }))
  );
  const made = await admin.ask(CreateAcls as unknown as Api, 3, { creations });
  if (made.results.some(({ errorCode }: { errorCode: number }) => errorCode !== 0)) {
    throw new Error(`No ACLs: ${JSON.stringify(made.results)}`);
  }
  await new Promise((resolve) => setTimeout(resolve, 1500)); // brokers of Kafka follow its controller
  const answers: Answers = {}, names = new Map([...ids].map(([name, id]) => [id, name]));
  for (const [i, { question, who }] of cases.entries()) {
    const asker = await open(`u${i}`);
    try {
      const answer = await asker.ask(question.api, question.version, question.request);
      (answers[question.name] ??= {})[who] = kept(answer, names);
    } catch (error) {
      (answers[question.name] ??= {})[who] = (error as Error).message.replace(/^.*: /, "");
    } finally {
      asker.close();
    }
  }
  return answers;
}

interface Case {
  readonly question: Question;
  readonly who: string;
  readonly rights: readonly Right[];
}

/** All come last, so that what is deleted is there for the others. */
function casesOf(question: Question): Case[] {
  const { rights } = question;
  const without = rights.map((missing, i) => ({
    question,
    who: `all but ${missing.join(" ")}`,
    rights: rights.filter((_, j) => j !== i),
  }));
  const none = { question, who: "none", rights: [] };
  const all = { question, who: "all", rights };
  return rights.length === 1 ? [none, all] : [none, ...without, all];
}

async function prepare(
  admin: Asker,
  { topics: names, prepareMore }: Played,
): Promise<Map<string, string>> {
  await admin.ask(CreateTopics as unknown as Api, 7, {
    timeoutMs: 10_000,
    topics: names.map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
  });
  for (const [keyType, key] of [[0, "g"], [1, "x"]] as const) {
    await untilServed(admin, FindCoordinator as unknown as Api, 3, { keyType, key });
  }
  await new Promise((resolve) => setTimeout(resolve, 3000)); // the coordinators load
  await admin.ask(OffsetCommit as unknown as Api, 8, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{
      name: "other",
      partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }],
    }],
  }); // so that the group stays
  await prepareMore?.(admin);
  const { topics } = await admin.ask(Metadata as unknown as Api, 12, {
    topics: names.map((name) => ({ name })),
  });
  return new Map(
    topics.map(({ name, topicId }: { name: string; topicId: string }) => [name, topicId]),
  );
}

/** Asks until the answer has no error: what serves it is being made. */
export async function untilServed(
  admin: Asker,
  api: Api,
  version: number,
  body: Record<string, unknown>,
) {
  for (;;) {
    const answer = await admin.ask(api, version, body);
    if ((answer.errorCode ?? 0) === 0) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** What is kept of an answer: these, and lists and parts that have some of them. */
const KEPT = new Set([
  "errorCode",
  "partitionErrorCode",
  "topicConfigErrorCode",
  "name",
  "topic",
  "topicName",
  "topicId",
  "groupId",
  "key",
  "transactionalId",
  "user",
  "resourceName",
  "resourceType",
  "index",
  "partition",
  "partitionIndex",
  "numPartitions",
  "isInternal",
  "committedOffset",
  "authorizedOperations",
  "topicAuthorizedOperations",
  "clusterAuthorizedOperations",
]);
/** Full of what differs from one broker to the next. */
const LEFT_OUT = new Set(["brokers", "configs", "nodeEndpoints", "currentLeader", "nodes"]);

function shown(key: string, value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === "bigint") return Number(value);
  if (key !== "topicId") return value;
  const id = String(value);
  return names.get(id) ?? (id.startsWith("AAAAAAAAAAAAAAAAAAAA") ? id : "another");
}

function kept(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) {
    const list = value.map((one) => kept(one, names)).filter((one) => one !== undefined);
    return list.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  }
  if (value === null || typeof value !== "object") return undefined;
  const found: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) {
    if (LEFT_OUT.has(key)) continue;
    if (KEPT.has(key)) found[key] = shown(key, one, names);
    else if (typeof one === "object") {
      const part = kept(one, names);
      const isEmpty = part === undefined || Array.isArray(part) && part.length === 0;
      if (!isEmpty) found[key] = part;
    }
  }
  return Object.keys(found).length === 0 ? undefined : found;
}
