/**
 * Answers: everything that clients can ask a broker about the directory, in a form that can be compared. Each answer
 * belongs to a thing: a partition ("plain-0"), a group ("group simple-a"), or the cluster.
 */
import type { Connection } from "../../src/client/connection.ts";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { writeInt32 } from "../../src/bytes/int64.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { DescribeGroups } from "../../src/protocol/messages/describe_groups.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { OffsetForLeaderEpoch } from "../../src/protocol/messages/offset_for_leader_epoch.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import {
  batchOf,
  EARLIEST,
  fetch,
  fetchOne,
  LATEST,
  listOffset,
  produce,
} from "../broker/calls.ts";
import { pause, utf8 } from "../broker/harness.ts";
import { GROUPS, memberOf, PARTITIONS, TOPICS, type Variant } from "./contents.ts";

/** An answer: an error, or a value; `parts` of a read are its batches, of which a broker may give fewer. */
export interface Answer {
  readonly error: number;
  readonly value: string;
  readonly parts?: readonly string[];
}

/** By thing, then by question. */
export type Answers = Map<string, Map<string, Answer>>;

export const CLUSTER = "cluster";
export const groupThing = (id: string) => `group ${id}`;

/** What depends on the directory: how far to read, and which times to look for. */
export interface Questions {
  /** By partition. Batches from here on were written by the campaign. */
  readonly ends: ReadonlyMap<string, number>;
  /** How many offsets behind the ends are asked for. */
  readonly beyond: number;
  readonly times: readonly number[];
}

const NO_QUESTIONS: Questions = { ends: new Map(), beyond: 0, times: [] };

/** How long what is loading or opening may take to be ready. */
const READY_MS = 1500;

/** Asks everything that does not change anything. */
export async function askAll(connection: Connection, questions: Questions): Promise<Answers> {
  const answers: Answers = new Map();
  await readyWithin(connection, READY_MS);
  await Promise.all([
    askMetadata(connection, answers),
    askConfigs(connection, answers),
    askReads(connection, answers, questions, 0),
    askReads(connection, answers, questions, 1),
    askOffsets(connection, answers, questions),
    askEpochs(connection, answers, questions),
    askGroups(connection, answers),
  ]);
  return answers;
}

/** What to ask of a directory that is not damaged. */
export async function questionsFor(connection: Connection): Promise<Questions> {
  await readyWithin(connection, READY_MS);
  const ends = new Map<string, number>();
  const times = new Set<number>([0, 1]);
  for (const [topic, partition] of PARTITIONS) {
    ends.set(
      `${topic}-${partition}`,
      (await listOffset(connection, topic, LATEST, { partition })).offset,
    );
    const earliest = await listOffset(connection, topic, EARLIEST, { partition });
    const { records } = await fetchOne(connection, topic, earliest.offset, { partition });
    const found = [...batch.batches(records!)].map((at) => batch.maxTimestamp(records!, at));
    for (let i = 0; i < found.length; i += 3) times.add(found[i]).add(found[i] + 1);
  }
  return { ends, beyond: 1, times: [...times] };
}

/** Sends again what was sent, appends a record to each partition, and commits an offset in each group. */
export async function writeAll(connection: Connection, variant: Variant, round: number) {
  const answers: Answers = new Map();
  for (const sent of variant.sent) {
    const { topic, partition, offset } = sent;
    const { errorCode, baseOffset } = await produce(connection, sent);
    note(answers, `${topic}-${partition}`, `retry of ${offset}`, errorCode, `${baseOffset}`);
  }
  const request = { transactionalId: null, transactionTimeoutMs: 0 };
  const { errorCode, producerId } = await connection.request(InitProducerId, 4, request);
  const isNew = producerId > variant.lastProducerId;
  note(answers, CLUSTER, "a new producer id", errorCode, isNew ? "is new" : `${producerId} again`);
  for (const [topic, partition] of PARTITIONS) {
    if (topic.startsWith("__")) continue;
    const value = utf8(`appended ${round}`);
    const records = batchOf([], { records: [{ timestampMs: APPENDED_MS, key: value, value }] });
    const { errorCode, baseOffset } = await produce(connection, { topic, partition, records });
    note(answers, `${topic}-${partition}`, "append", errorCode, `${baseOffset}`);
  }
  for (const { id, protocol } of GROUPS) {
    const isMember = protocol === "consumer";
    const { topics } = await connection.request(OffsetCommit, 9, {
      groupId: id,
      generationIdOrMemberEpoch: isMember ? await memberEpochOf(connection, id) : -1,
      memberId: isMember ? memberOf(id) : "",
      topics: [{
        name: "again",
        partitions: [{
          partitionIndex: 0,
          committedOffset: BigInt(5000 + round),
          committedMetadata: "",
        }],
      }],
    });
    note(answers, groupThing(id), "commit", topics[0].partitions[0].errorCode, "");
  }
  return answers;
}

/** Of the records that the campaign appends: the same for all runs, and later than all others. */
const APPENDED_MS = Date.now() + 60_000;

async function memberEpochOf(connection: Connection, groupId: string): Promise<number> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const { groups } = await connection.request(ConsumerGroupDescribe, 1, request);
  return groups[0].members[0]?.memberEpoch ?? 0;
}

function note(answers: Answers, thing: string, question: string, error: number, value: string) {
  noteAnswer(answers, thing, question, { error, value: error === 0 ? value : "" });
}

function noteAnswer(answers: Answers, thing: string, question: string, answer: Answer): void {
  let ofThing = answers.get(thing);
  if (!ofThing) answers.set(thing, ofThing = new Map());
  ofThing.set(question, answer);
}

/** Waits while partitions are opened (6) and groups are loaded (14); then they answer, or go on refusing. */
async function readyWithin(connection: Connection, limitMs: number): Promise<void> {
  const beganMs = performance.now();
  for (let waitMs = 2;; waitMs = Math.min(2 * waitMs, 100)) {
    const answers: Answers = new Map();
    await Promise.all([
      askOffsets(connection, answers, NO_QUESTIONS),
      askGroups(connection, answers),
    ]);
    const errors = [...answers.values()].flatMap((of) => [...of.values()].map((it) => it.error));
    const isWaiting = errors.some((error) => [5, 6, 14, 15, 16].includes(error));
    if (!isWaiting || performance.now() - beganMs > limitMs) return;
    await pause(waitMs);
  }
}

async function askMetadata(connection: Connection, answers: Answers): Promise<void> {
  const { clusterId, topics, controllerId } = await connection.request(Metadata, 12, {
    topics: null,
  });
  const names = topics.map(({ name, topicId, partitions }) =>
    `${name} ${topicId} ${partitions.length}`
  );
  const shown = [clusterId, controllerId, ...names.sort()].join(", ");
  note(answers, CLUSTER, "metadata", 0, shown);
  for (const { errorCode, name, partitions } of topics) {
    if (errorCode !== 0) note(answers, CLUSTER, `metadata of ${name}`, errorCode, "");
    for (const one of partitions) {
      const value = `leader ${one.leaderId} replicas ${one.replicaNodes} isr ${one.isrNodes}`;
      note(answers, `${name}-${one.partitionIndex}`, "metadata", one.errorCode, value);
    }
  }
}

async function askConfigs(connection: Connection, answers: Answers): Promise<void> {
  const resources = [
    ...TOPICS.map((name) => [2, name] as const),
    [4, "0"] as const,
    [4, ""] as const,
    [32, "member-a"] as const,
  ];
  const { results } = await connection.request(DescribeConfigs, 4, {
    resources: resources.map(([resourceType, resourceName]) => {
      return { resourceType, resourceName, configurationKeys: null };
    }),
  });
  for (const { errorCode, resourceType, resourceName, configs } of results) {
    const set = configs.filter(({ configSource }) => configSource !== 4 && configSource !== 5);
    const value = set.map(({ name, value }) => `${name}=${value}`).sort().join(", ");
    note(answers, CLUSTER, `configs ${resourceType} ${resourceName}`, errorCode, value);
  }
}

/** Reads from each offset of each partition, and from the two behind its end. */
async function askReads(
  connection: Connection,
  answers: Answers,
  { ends, beyond }: Questions,
  isolationLevel: number,
): Promise<void> {
  const last = Math.max(...ends.values()) + beyond;
  const asked = Array.from({ length: last + 1 }, async (_, fetchOffset) => {
    const topics = TOPICS.map((topic) => ({
      topic,
      partitions: PARTITIONS.filter(([name, partition]) =>
        name === topic && fetchOffset <= ends.get(`${name}-${partition}`)! + beyond
      ).map(([_, partition]) => ({ partition, fetchOffset })),
    })).filter(({ partitions }) => partitions.length > 0);
    const { responses } = await fetch(connection, topics, { isolationLevel, maxBytes: 1 << 24 });
    for (const { topic, partitions } of responses) {
      for (const one of partitions) {
        const { partitionIndex, errorCode: error, records, abortedTransactions } = one;
        const { highWatermark, lastStableOffset, logStartOffset } = one;
        const aborted = abortedTransactions?.map((it) => `${it.producerId}@${it.firstOffset}`);
        const thing = `${topic}-${partitionIndex}`;
        if (error === 0) {
          // Only who reads committed needs it. To others it may be unknown, which counts as an error in words does.
          const isUnknown = isolationLevel === 0 && lastStableOffset === -1;
          const question = `last stable offset ${isolationLevel} at ${fetchOffset}`;
          note(answers, thing, question, isUnknown ? 2 : 0, `${lastStableOffset}`);
        }
        const value = error === 0
          ? `${highWatermark} ${logStartOffset} ${aborted?.sort() ?? "-"}`
          : "";
        const question = `read ${isolationLevel} from ${fetchOffset}`;
        const end = ends.get(`${topic}-${partitionIndex}`)!;
        const parts = error === 0
          ? batchesIn(records, topic.startsWith("__") ? end : Infinity)
          : undefined;
        noteAnswer(answers, `${topic}-${partitionIndex}`, question, { error, value, parts });
      }
    }
  });
  await Promise.all(asked);
}

/**
 * Each batch by its offsets and its bytes, but for its leader epoch, which no checksum covers. What the coordinator writes
 * from `written` on has times in it, and is known by its offsets.
 */
function batchesIn(records: Uint8Array | null, written: number): string[] {
  if (records === null) return [];
  const found: string[] = [];
  for (let at = 0; at + batch.BATCH_OVERHEAD <= records.length;) {
    const end = at + batch.sizeInBytes(records, at);
    if (end <= at || end > records.length) return [...found, `broken at byte ${at}`];
    const bytes = records.slice(at, end);
    writeInt32(bytes, EPOCH_AT, 0);
    const [from, to] = [batch.baseOffset(bytes), batch.lastOffset(bytes)];
    const content = from >= written ? "written" : `${crc32c(bytes)}`;
    found.push(`${from}–${to} ${content}${batch.isIntact(bytes) ? "" : " not intact"}`);
    at = end;
  }
  return found;
}

const EPOCH_AT = 12;

/** Earliest, latest, of the greatest time, and of times within and beyond. */
async function askOffsets(
  connection: Connection,
  answers: Answers,
  { ends, times }: Questions,
): Promise<void> {
  await Promise.all(
    [-2, -1, -3, ...times].map(async (timestamp) => {
      const { topics } = await connection.request(ListOffsets, 11, {
        replicaId: -1,
        isolationLevel: 0,
        topics: TOPICS.map((name) => ({
          name,
          partitions: PARTITIONS.filter(([topic]) => topic === name)
            .map(([_, partitionIndex]) => ({ partitionIndex, timestamp })),
        })),
      });
      for (const { name, partitions } of topics) {
        for (const { partitionIndex, errorCode, offset, timestamp: found } of partitions) {
          const question = `offset of time ${timestamp}`;
          const isWritten = name.startsWith("__") &&
            offset >= ends.get(`${name}-${partitionIndex}`)!;
          const value = `${offset} at ${isWritten ? "a time" : found}`;
          // The times of commits are the coordinator's: which of two is the greatest differs from run to run.
          const isKnown = timestamp !== -3 || !name.startsWith("__");
          if (isKnown) note(answers, `${name}-${partitionIndex}`, question, errorCode, value);
        }
      }
    }),
  );
}

/**
 * Where leader epochs end. An end below the log start says no more than the log start does. Where the newest epoch ends
 * depends on how often a stop was unclean since: it ends at the log end, or where the log ended then.
 */
async function askEpochs(
  connection: Connection,
  answers: Answers,
  { ends }: Questions,
): Promise<void> {
  const starts = new Map<string, number>();
  await Promise.all(PARTITIONS.map(async ([topic, partition]) => {
    const { errorCode, offset } = await listOffset(connection, topic, EARLIEST, { partition });
    if (errorCode === 0) starts.set(`${topic}-${partition}`, offset);
  }));
  await Promise.all([0, 1, 2].map(async (leaderEpoch) => {
    const { topics } = await connection.request(OffsetForLeaderEpoch, 4, {
      topics: TOPICS.map((topic) => ({
        topic,
        partitions: PARTITIONS.filter(([name]) => name === topic)
          .map(([_, partition]) => ({ partition, leaderEpoch })),
      })),
    });
    for (const { topic, partitions } of topics) {
      for (const { partition, errorCode, leaderEpoch: found, endOffset } of partitions) {
        const thing = `${topic}-${partition}`;
        const isNewest = found === -1 || endOffset >= ends.get(thing)!;
        const value = isNewest
          ? "the newest"
          : `${found} ends at ${Math.max(endOffset, starts.get(thing) ?? 0)}`;
        note(answers, thing, `end of epoch ${leaderEpoch}`, errorCode, value);
      }
    }
  }));
}

async function askGroups(connection: Connection, answers: Answers): Promise<void> {
  const all = GROUPS.map(({ id }) => id);
  const consumer = GROUPS.filter(({ protocol }) => protocol === "consumer").map(({ id }) => id);
  const [offsets, classic, described, found] = await Promise.all([
    connection.request(OffsetFetch, 9, {
      groups: all.map((groupId) => ({ groupId, topics: null })),
      requireStable: false,
    }),
    connection.request(DescribeGroups, 5, { groups: all, includeAuthorizedOperations: false }),
    connection.request(ConsumerGroupDescribe, 1, {
      groupIds: consumer,
      includeAuthorizedOperations: false,
    }),
    connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: all }),
  ]);
  for (const { groupId, errorCode, topics } of offsets.groups) {
    note(answers, groupThing(groupId), "offsets", errorCode, textOf(topics));
  }
  for (const { errorCode, groupId, groupState, protocolType, members } of classic.groups) {
    const value = `${groupState} ${protocolType} ${members.length} members`;
    note(answers, groupThing(groupId), "classic group", errorCode, value);
  }
  for (const { errorCode, groupId, ...group } of described.groups) {
    const members = group.members.map(({ memberId, memberEpoch, assignment }) => {
      return { memberId, memberEpoch, assignment };
    });
    const { groupState, groupEpoch, assignmentEpoch, assignorName } = group;
    const value = textOf([groupState, groupEpoch, assignmentEpoch, assignorName, members]);
    note(answers, groupThing(groupId), "consumer group", errorCode, value);
  }
  for (const { key, nodeId, errorCode } of found.coordinators) {
    note(answers, groupThing(key), "coordinator", errorCode, `${nodeId}`);
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner) => typeof inner === "bigint" ? `${inner}` : inner);
}
