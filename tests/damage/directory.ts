/**
 * The directory that is damaged: small, and with one of each thing that a broker keeps. It is made by a broker, through
 * requests, but for the markers of transactions, which a later broker finds as if another one had written them.
 *
 * | topic | what is special |
 * |---|---|
 * | plain | two partitions of several segments; records of the second were deleted up to the middle of a segment |
 * | compacted | the cleaner has gone over it, and left tombstones |
 * | written | partition 0 by idempotent producers; partition 1 has an aborted, a committed and an open transaction |
 * | again | was deleted and made again |
 * | __consumer_offsets | two partitions; groups of both protocols, with and without members |
 *
 * The stops were unclean twice, so that leader epochs go up to 2. Of the two variants one was stopped cleanly; the other is the same
 * directory copied beside a broker that has written more, and acknowledged it, and rests: what kill -9 leaves.
 */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { crc32c } from "../../src/bytes/crc32c.ts";
import { javaHashCode } from "../../src/groups/java_hash.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { LeaveGroup } from "../../src/protocol/messages/leave_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import {
  append,
  batchOf,
  EARLIEST,
  LATEST,
  listOffset,
  produce,
  readAll,
} from "../broker/calls.ts";
import { pause, type Settings, TestBroker, utf8 } from "../broker/harness.ts";
import { readTree, type Tree, writeTree } from "./tree.ts";

/** A batch of an idempotent producer, and the offset it was given: a retry is given the same. */
export interface Sent {
  readonly topic: string;
  readonly partition: number;
  readonly records: Uint8Array;
  readonly offset: number;
}

export interface Variant {
  readonly name: "after a clean stop" | "after kill -9";
  readonly tree: Tree;
  /** The last five batches of each idempotent producer, newest first. */
  readonly sent: readonly Sent[];
  /** No producer id up to this may be given again. */
  readonly lastProducerId: number;
}

export const PARTITIONS: readonly (readonly [topic: string, partition: number])[] = [
  ["plain", 0],
  ["plain", 1],
  ["compacted", 0],
  ["written", 0],
  ["written", 1],
  ["again", 0],
  ["__consumer_offsets", 0],
  ["__consumer_offsets", 1],
];
export const TOPICS = [...new Set(PARTITIONS.map(([topic]) => topic))];
const OFFSETS_PARTITIONS = 2;

export interface GroupName {
  readonly id: string;
  readonly protocol: "classic" | "consumer";
}
export const GROUPS: readonly GroupName[] = [
  { id: "simple-a", protocol: "classic" },
  { id: "simple-b", protocol: "classic" },
  { id: "left-a", protocol: "classic" },
  { id: "left-b", protocol: "classic" },
  { id: "member-a", protocol: "consumer" },
  { id: "member-b", protocol: "consumer" },
];

/** "__consumer_offsets-1" */
export function offsetsPartitionOf(groupId: string): string {
  const hash = javaHashCode(groupId) & 0x7fffffff;
  return `__consumer_offsets-${hash % OFFSETS_PARTITIONS}`;
}

/** What every broker of the campaign runs with: nothing but requests changes the directory meanwhile. */
export function settings(path: string, storage: Settings["storage"] = {}): Settings {
  return {
    path,
    storage,
    flush: "fsync",
    groups: { offsetsPartitions: OFFSETS_PARTITIONS, initialRebalanceDelayMs: 0 },
    compaction: { backoffMs: 3_600_000, dedupeBufferBytes: 64 * 1024 },
  };
}

/** Builds both variants in an empty directory, which is used up. */
export async function buildVariants(path: string): Promise<Variant[]> {
  const first = `${path}/first`, second = `${path}/second`;
  const history = new History();
  await running(
    settings(first, { metadataSnapshotBytes: 2000 }),
    (broker) => history.begin(broker),
  );
  for (const [name, bytes] of writtenByOthers) await addTo(`${first}/${name}`, bytes);
  for (const { name } of [...Deno.readDirSync(first)]) {
    // An unclean stop of a broker that had not taken notes yet.
    if (/cleanshutdown|inventory|^recovery-point/.test(name)) await Deno.remove(`${first}/${name}`);
  }
  let killed: Tree = new Map();
  const cleaning = {
    ...settings(first),
    compaction: { backoffMs: 20, dedupeBufferBytes: 1 << 16 },
  };
  await running(cleaning, async (broker) => {
    await history.goOn(broker);
    await history.compacted(broker);
    killed = await treeAtRest(first);
  });
  await Deno.mkdir(second);
  writeTree(second, killed);
  await running(settings(second), (broker) => history.goOn(broker));
  await running(settings(second), (broker) => history.end(broker));
  const clean = history.variant("after a clean stop", readTree(second));
  await running(settings(second), async (broker) => {
    await history.goOn(broker);
    killed = await treeAtRest(second);
  });
  return [clean, history.variant("after kill -9", killed)];
}

async function running(
  settings: Settings,
  body: (broker: TestBroker) => Promise<void>,
): Promise<void> {
  await using broker = await TestBroker.start(settings);
  await body(broker);
}

/** The directory beside a broker that has acknowledged everything, once nothing changes any more. */
async function treeAtRest(path: string): Promise<Tree> {
  for (let before = readTree(path);;) {
    await pause(100);
    const now = readTree(path);
    if (describe(now) === describe(before)) return now;
    before = now;
  }
}

const describe = (tree: Tree): string =>
  [...tree].map(([at, bytes]) => `${at} ${bytes && crc32c(bytes)}`).sort().join("\n");

/** Transactions as a coordinator would have left them: aborted, committed, and one that is open. */
const writtenByOthers: [partition: string, batches: Uint8Array[]][] = [["written-1", [
  transactional(900_001, ["aborted 1", "aborted 2"]),
  batchOf(["outside"]),
  transactional(900_002, ["committed"]),
  ended(900_001, false),
  ended(900_002, true),
  batchOf(["outside too"]),
  transactional(900_003, ["open"]),
  batchOf(["behind the open one"]),
]]];

function transactional(producerId: number, values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({ timestampMs: Date.now(), value: utf8(value) }));
  const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
  return buildBatch({ records, ...producer, isTransactional: true });
}

function ended(producerId: number, isCommit: boolean): Uint8Array {
  const marker = { coordinatorEpoch: 0, producerId, producerEpoch: 0, timestampMs: Date.now() };
  return buildEndTxnBatch({ isCommit, ...marker });
}

/** Appends batches to a partition's only segment. */
async function addTo(folder: string, batches: readonly Uint8Array[]): Promise<void> {
  const file = `${folder}/${"0".repeat(20)}.log`;
  let offset = 0;
  for (const each of batches) {
    const bytes = each.slice();
    batch.assign(bytes, 0, offset, 0);
    offset = batch.lastOffset(bytes) + 1;
    await Deno.writeFile(file, bytes, { append: true });
  }
}

interface Producer {
  readonly id: number;
  sequence: number;
}

/** What is written, and what was answered. */
class History {
  readonly #producers: Producer[] = [];
  readonly #sent: Sent[] = [];
  #lastProducerId = -1;
  #step = 0;

  variant(name: Variant["name"], tree: Tree): Variant {
    const sent = this.#producers.flatMap(({ id }) =>
      this.#sent.filter(({ records }) => batch.producerId(records) === id).slice(-5).reverse()
    );
    return { name, tree, sent, lastProducerId: this.#lastProducerId };
  }

  async begin(broker: TestBroker): Promise<void> {
    const small = { "internal.segment.bytes": "420", "index.interval.bytes": "100" };
    const kept = { "retention.ms": "-1" };
    await broker.createTopic("plain", { partitions: 2, configs: { ...small, ...kept } });
    const compact = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
    await broker.createTopic("compacted", { configs: { ...small, ...compact } });
    await broker.createTopic("written", { partitions: 2, configs: kept });
    await broker.createTopic("again", { configs: kept });
    const connection = await broker.connect();
    await this.#configure(connection);
    for (let i = 0; i < 2; i++) {
      this.#producers.push({ id: await this.#newId(connection), sequence: 0 });
    }
    await connection.request(FindCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: GROUPS.map(({ id }) => id),
    });
    for (const { id, protocol } of GROUPS) {
      if (protocol === "consumer") await joinConsumerGroup(connection, id);
      else if (id.startsWith("left")) await joinAndLeave(connection, id);
    }
    await append(connection, "again", ["of the topic before", "and another", "and another"]);
    await this.goOn(broker);
  }

  /** Every partition and group gets something more. */
  async goOn(broker: TestBroker): Promise<void> {
    const step = ++this.#step;
    const connection = await broker.connect();
    await allServe(connection);
    for (let i = 0; i < 3; i++) {
      for (const partition of [0, 1]) {
        const values = Array.from({ length: 1 + i % 2 }, (_, j) => `${step}.${i}.${j}`);
        const batch = { records: this.#records(values) };
        if (i < 2 || partition === 0) {
          await append(connection, "plain", values, { partition, batch });
        }
      }
      const keys = [`k${i}`, `k${(step + i) % 5}`, `only-${step}-${i}`];
      const records = keys.map((key, j) => ({
        timestampMs: Date.now(),
        key: utf8(key),
        value: j === 1 && i === 1 ? null : utf8(`${key} at ${step}`),
      }));
      await append(connection, "compacted", [], { batch: { records } });
      for (const producer of this.#producers) {
        await this.#send(connection, producer, `${step}.${i}`);
      }
    }
    if (step > 1) await append(connection, "written", [`${step}`], { partition: 1 });
    await append(connection, "again", [`${step}`]);
    await this.#newId(connection);
    for (const group of GROUPS) await commit(connection, group, step);
  }

  /** Waits until the cleaner has been there. */
  async compacted(broker: TestBroker): Promise<void> {
    const connection = await broker.connect();
    for (;;) {
      const values = await readAll(connection, "compacted");
      const { offset } = await listOffset(connection, "compacted", LATEST);
      if (values.length < offset) break;
      await pause(20);
    }
  }

  /** A topic is deleted and made again; records are deleted. */
  async end(broker: TestBroker): Promise<void> {
    const connection = await broker.connect();
    await allServe(connection);
    await connection.request(DeleteTopics, 6, { topics: [{ name: "again" }], timeoutMs: 1000 });
    await broker.createTopic("again", {
      configs: { "retention.ms": "-1", "max.message.bytes": "5000" },
    });
    const { topics } = await connection.request(DeleteRecords, 2, {
      topics: [{ name: "plain", partitions: [{ partitionIndex: 1, offset: 5 }] }],
      timeoutMs: 1000,
    });
    assertEquals(topics[0].partitions[0].errorCode, 0);
    await this.goOn(broker);
  }

  async #configure(connection: Connection): Promise<void> {
    const set = (name: string, value: string) => ({ name, configOperation: 0, value });
    const { responses } = await connection.request(IncrementalAlterConfigs, 1, {
      resources: [
        { resourceType: 2, resourceName: "written", configs: [set("max.message.bytes", "4000")] },
        {
          resourceType: 4,
          resourceName: "",
          configs: [set("message.timestamp.type", "CreateTime")],
        },
        {
          resourceType: 32,
          resourceName: "member-a",
          configs: [set("consumer.session.timeout.ms", "50000")],
        },
      ],
      validateOnly: false,
    });
    for (const { errorCode, errorMessage } of responses) {
      assertEquals([errorCode, errorMessage], [0, null]);
    }
  }

  async #newId(connection: Connection): Promise<number> {
    const request = { transactionalId: null, transactionTimeoutMs: 0 };
    const { producerId } = await connection.request(InitProducerId, 4, request);
    assert(producerId > this.#lastProducerId, `producer id ${producerId} given again`);
    return this.#lastProducerId = producerId;
  }

  async #send(connection: Connection, producer: Producer, value: string): Promise<void> {
    const { id: producerId, sequence: baseSequence } = producer;
    const records = batchOf([value], { producerId, producerEpoch: 0, baseSequence });
    const call = { topic: "written", partition: 0, records };
    const { errorCode, baseOffset } = await produce(connection, call);
    assertEquals(errorCode, 0);
    producer.sequence++;
    this.#sent.push({ ...call, offset: baseOffset });
  }

  /** Times rise, but for one in three. */
  #records(values: readonly string[]) {
    return values.map((value, i) => ({
      timestampMs: Date.now() - (i === 1 ? 1000 : 0),
      key: utf8(`key of ${value}`),
      value: utf8(value),
    }));
  }
}

/** Waits until partitions answer: a broker may open them after it has begun to serve. */
async function allServe(connection: Connection): Promise<void> {
  for (const [topic, partition] of PARTITIONS) {
    for (let tries = 0; tries < 200; tries++) {
      const { errorCode } = await listOffset(connection, topic, EARLIEST, { partition });
      if (errorCode !== 6) break;
      await pause(10);
    }
  }
}

async function joinConsumerGroup(connection: Connection, groupId: string): Promise<void> {
  const answer = await untilLoaded(() =>
    connection.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId: memberOf(groupId),
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["plain"],
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: [],
    })
  );
  assertEquals([answer.errorCode, answer.errorMessage], [0, null]);
}

export const memberOf = (groupId: string) => `member of ${groupId}`;

async function joinAndLeave(connection: Connection, groupId: string): Promise<void> {
  const joined = await untilLoaded(() =>
    connection.request(JoinGroup, 3, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{
        name: "range",
        metadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ["plain"] }),
      }],
    })
  );
  const { memberId, generationId } = joined;
  const assignedPartitions = [{ topic: "plain", partitions: [0, 1] }];
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 0, { assignedPartitions });
  const assignments = [{ memberId, assignment }];
  const synced = await connection.request(SyncGroup, 3, {
    groupId,
    generationId,
    memberId,
    assignments,
  });
  assertEquals(synced.errorCode, 0);
  const left = await connection.request(LeaveGroup, 1, { groupId, memberId });
  assertEquals(left.errorCode, 0);
}

/** Commits an offset, for partitions that are there. */
async function commit(
  connection: Connection,
  { id, protocol }: GroupName,
  step: number,
): Promise<void> {
  const isMember = protocol === "consumer";
  const memberEpoch = isMember ? await memberEpochOf(connection, id) : -1;
  const { topics } = await untilLoaded(async () => {
    const answer = await connection.request(OffsetCommit, 9, {
      groupId: id,
      generationIdOrMemberEpoch: memberEpoch,
      memberId: isMember ? memberOf(id) : "",
      topics: [{
        name: "plain",
        partitions: [0, 1].map((partitionIndex) => ({
          partitionIndex,
          committedOffset: BigInt(100 * step + partitionIndex),
          committedMetadata: `${id} at ${step}`,
        })),
      }],
    });
    return { ...answer, errorCode: answer.topics[0].partitions[0].errorCode };
  });
  for (const { errorCode } of topics[0].partitions) assertEquals(errorCode, 0, `commit of ${id}`);
}

async function memberEpochOf(connection: Connection, groupId: string): Promise<number> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const group = await untilLoaded(async () =>
    (await connection.request(ConsumerGroupDescribe, 1, request)).groups[0]
  );
  return group.members[0].memberEpoch;
}

async function untilLoaded<T extends { readonly errorCode: number }>(
  ask: () => Promise<T>,
): Promise<T> {
  for (let tries = 0;; tries++) {
    const answer = await ask();
    if (![14, 15, 16].includes(answer.errorCode) || tries === 200) return answer;
    await pause(10);
  }
}
