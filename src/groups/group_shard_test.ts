/**
 * Proves what a partition finds in its log: the last word on every group and offset, and of transactions only what
 * their markers made true. The batches are built as clients and Kafka's coordinators build them.
 */
import { assertEquals } from "@std/assert";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { encodeRecordKey } from "../protocol/log_record.ts";
import { ConsumerGroupMetadataKey } from "../protocol/messages/group_log/consumer_group.ts";
import { loadGroups } from "../testing/group_shards.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { buildEndTxnBatch } from "../protocol/records/control_record.ts";
import type { LogFact } from "./group.ts";
import type { GroupPartition, GroupShard } from "./group_shard.ts";
import { encodeFact } from "./group_records.ts";

Deno.test("offsets of a transaction count once its marker commits, and not when it aborts", async () => {
  for (const isCommit of [true, false]) {
    const log = logOf([plain(1n), inTransaction(2n)]);
    assertEquals(shown(await load(log)), 1n);
    append(log, marker(isCommit));
    assertEquals(shown(await load(log)), isCommit ? 2n : 1n);
  }
});

Deno.test("offsets of a transaction that is still open are pending", async () => {
  const shard = await load(logOf([plain(1n), inTransaction(2n)]));
  assertEquals(shard.pending.has("g", { topic: "t", partition: 0 }), true);
  assertEquals(shard.pending.has("g", { topic: "t", partition: 1 }), false);
});

Deno.test("a plain commit after that of a transaction stays when the transaction commits", async () => {
  assertEquals(shown(await load(logOf([inTransaction(2n), plain(3n), marker(true)]))), 3n);
});

Deno.test("a group that a transaction alone committed for is there, without its offset until the marker", async () => {
  for (const isCommit of [true, false]) {
    const log = logOf([inTransaction(2n)]);
    const { groups } = await load(log);
    assertEquals([[...groups.keys()], groups.get("g")!.offsets.count], [["g"], 0]);
    append(log, marker(isCommit));
    const ended = await load(log);
    assertEquals([shown(ended), ended.groups.size], isCommit ? [2n, 1] : [undefined, 0]);
  }
});

Deno.test("of two transactions the later commit of an offset wins, whichever ends last", async () => {
  for (const first of [7, 8]) {
    const batches = [inTransaction(2n), inTransaction(3n, 8)];
    const ends = [marker(true, first), marker(true, 15 - first)];
    assertEquals(shown(await load(logOf([...batches, ...ends]))), 3n);
  }
});

Deno.test("a tombstone takes away what is pending", async () => {
  const gone: LogFact = { kind: "offsetGone", topic: "t", partition: 0 };
  const shard = await load(logOf([inTransaction(2n), batchOf(gone), marker(true)]));
  assertEquals(shard.groups.size, 0);
});

Deno.test("tombstones take offsets and groups away", async () => {
  const gone: LogFact = { kind: "offsetGone", topic: "t", partition: 0 };
  const shard = await load(logOf([plain(1n), batchOf(gone), batchOf({ kind: "groupGone" })]));
  assertEquals(shard.groups.size, 0);
});

Deno.test("records of other types of groups are passed over", async () => {
  const key = encodeRecordKey(ConsumerGroupMetadataKey, { groupId: "g" });
  const strange = buildBatch({ records: [{ timestampMs: 0, key, value: null }] });
  assertEquals(shown(await load(logOf([plain(1n), strange]))), 1n);
});

Deno.test("an append larger than the topic allows is refused and changes nothing", async () => {
  const log = new SimulatedLog();
  const partition: GroupPartition = await loadGroups(log);
  const group = partition.shard.getOrNew("g", 0);
  const facts = [{ ...committed(1n), topic: "t".repeat(30_000) }];
  const many = Array.from({ length: 40 }, (_, i) => ({ ...facts[0], partition: i }));
  assertEquals([partition.write(group, many, 0), group.offsets.count, log.logEndOffset], [
    10,
    0,
    0,
  ]);
  assertEquals([partition.write(group, facts, 0), group.offsets.count], [0, 1]);
});

function committed(offset: bigint) {
  const rest = { leaderEpoch: -1, metadata: "", commitTimestampMs: 0, expireTimestampMs: -1 };
  return {
    kind: "committed",
    topic: "t",
    partition: 0,
    committed: { offset, topicId: ZERO_UUID, ...rest },
  } as const;
}

function batchOf(fact: LogFact): Uint8Array {
  return buildBatch({ records: [encodeFact("g", fact, 0)] });
}

function plain(offset: bigint): Uint8Array {
  return batchOf(committed(offset));
}

function inTransaction(offset: bigint, producerId = 7): Uint8Array {
  const records = [encodeFact("g", committed(offset), 0)],
    producer = { producerId, producerEpoch: 0 };
  return buildBatch({ records, ...producer, baseSequence: 0, isTransactional: true });
}

function marker(isCommit: boolean, producerId = 7): Uint8Array {
  const producer = { producerId, producerEpoch: 0 };
  return buildEndTxnBatch({ isCommit, coordinatorEpoch: 0, timestampMs: 0, ...producer });
}

function append(log: SimulatedLog, bytes: Uint8Array): void {
  log.append(bytes, { origin: "coordinator", leaderEpoch: 0 });
}

function logOf(batches: Uint8Array[]): SimulatedLog {
  const log = new SimulatedLog();
  for (const bytes of batches) append(log, bytes);
  return log;
}

async function load(log: SimulatedLog): Promise<GroupShard> {
  return (await loadGroups(log)).shard;
}

function shown(shard: GroupShard): bigint | undefined {
  return shard.groups.get("g")?.offsets.get("t", 0)?.offset;
}
