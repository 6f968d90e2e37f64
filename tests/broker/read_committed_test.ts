/**
 * Proves what isolation levels show of transactions. The segments are written by hand and found by the broker at its
 * start, which makes their transaction indexes from them; so no coordinator is needed.
 *
 * | offsets | partition 0 | partition 1 |
 * |---|---|---|
 * | 0–1 | transaction of producer 1: a1, a2 | the same |
 * | 2 | p, outside any transaction | |
 * | 3 | transaction of producer 2: b1 | |
 * | 4 | producer 1 aborts | |
 * | 5 | q, outside any transaction | |
 * | 6 | | producer 2 commits |
 */
import { assertEquals } from "@std/assert";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { buildEndTxnBatch } from "../../src/protocol/records/control_record.ts";
import { WriteTxnMarkers } from "../../src/protocol/messages/write_txn_markers.ts";
import { append, fetch, fetchOne, LATEST, listOffset, recordsIn } from "./calls.ts";
import { TestBroker, utf8, withDirectory, within } from "./harness.ts";

const UNCOMMITTED = 0, COMMITTED = 1;
const timestampMs = 1000;

function written(values: readonly string[], producerId = -1): Uint8Array {
  const records = values.map((value) => ({ timestampMs, value: utf8(value) }));
  if (producerId < 0) return buildBatch({ records });
  const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
  return buildBatch({ records, ...producer, isTransactional: true });
}

function ended(producerId: number, isCommit: boolean): Uint8Array {
  const coordinatorEpoch = 0, producerEpoch = 0;
  return buildEndTxnBatch({ isCommit, coordinatorEpoch, producerId, producerEpoch, timestampMs });
}

const open = [
  written(["a1", "a2"], 1),
  written(["p"]),
  written(["b1"], 2),
  ended(1, false),
  written(["q"]),
];
const decided = [...open, ended(2, true)];

/** Runs a broker that finds these batches in partitions 0 and 1. */
async function withLogs(body: (broker: TestBroker) => Promise<void>): Promise<void> {
  await withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("t", { partitions: 2 });
    }
    for (const [partition, batches] of [open, decided].entries()) {
      const file = `${path}/t-${partition}/${"0".repeat(20)}`;
      let offset = 0;
      for (const each of batches) {
        const bytes = each.slice();
        batch.assign(bytes, 0, offset, 0);
        offset = batch.lastOffset(bytes) + 1;
        await Deno.writeFile(`${file}.log`, bytes, { append: true });
      }
    }
    await Deno.remove(`${path}/.kafka_cleanshutdown`); // so that the logs are looked at
    await using broker = await TestBroker.start({ path });
    await body(broker);
  });
}

/** What a consumer is given, and the offsets it may read. */
async function given(broker: TestBroker, partition: number, isolationLevel: number, from = 0) {
  const options = { partition, isolationLevel };
  const answer = await fetchOne(await broker.connect(), "t", from, options);
  assertEquals(answer.errorCode, 0);
  return {
    offsets: recordsIn(answer.records).map(({ offset }) => offset),
    aborted: answer.abortedTransactions?.map(({ producerId, firstOffset }) => [
      producerId,
      firstOffset,
    ]) ?? null,
    lastStableOffset: answer.lastStableOffset,
    highWatermark: answer.highWatermark,
  };
}

Deno.test("read_uncommitted sees everything, and no list of aborted transactions", () =>
  withLogs(async (broker) => {
    assertEquals(await given(broker, 0, UNCOMMITTED), {
      offsets: [0, 1, 2, 3, 4, 5],
      aborted: null,
      lastStableOffset: 3,
      highWatermark: 6,
    });
  }));

Deno.test("read_committed sees nothing past the last stable offset, and which transactions to leave out", () =>
  withLogs(async (broker) => {
    assertEquals(await given(broker, 0, COMMITTED), {
      offsets: [0, 1, 2],
      aborted: [[1, 0]],
      lastStableOffset: 3,
      highWatermark: 6,
    });
  }));

Deno.test("once the open transaction is decided, everything is stable and only the aborted one is listed", () =>
  withLogs(async (broker) => {
    assertEquals(await given(broker, 1, COMMITTED), {
      offsets: [0, 1, 2, 3, 4, 5, 6],
      aborted: [[1, 0]],
      lastStableOffset: 7,
      highWatermark: 7,
    });
  }));

Deno.test("an aborted transaction that ended before what is fetched is not listed", () =>
  withLogs(async (broker) => {
    const { offsets, aborted } = await given(broker, 1, COMMITTED, 5);
    assertEquals([offsets, aborted], [[5, 6], []]);
  }));

Deno.test("fetching at or past the last stable offset gives nothing and is no error", () =>
  withLogs(async (broker) => {
    for (const from of [3, 5, 6]) {
      const { offsets, aborted } = await given(broker, 0, COMMITTED, from);
      assertEquals([offsets, aborted], [[], []]);
    }
  }));

Deno.test("a read_committed poll is not ended by records behind an open transaction", () =>
  withLogs(async (broker) => {
    const connection = await broker.connect();
    const partitions = [{ partition: 0, fetchOffset: 3 }];
    let isAnswered = false;
    const poll = fetch(connection, [{ topic: "t", partitions }], {
      isolationLevel: COMMITTED,
      maxWaitMs: 3_600_000,
    }).finally(() => isAnswered = true);
    const other = await broker.connect();
    for (let i = 0; i < 3; i++) await append(other, "t", [`late ${i}`]);
    assertEquals(isAnswered, false);
    broker.stop(); // which answers what waits, with what there is
    const { responses } = await poll;
    assertEquals(recordsIn(responses[0].partitions[0].records), []);
  }));

/** Ends the transaction of a producer in partition 0. */
async function end(broker: TestBroker, producerId: number, transactionResult: boolean) {
  const topics = [{ name: "t", partitionIndexes: [0] }];
  const marker = { producerId, producerEpoch: 0, transactionResult, topics, coordinatorEpoch: 0 };
  const connection = await broker.connect();
  const { markers } = await connection.request(WriteTxnMarkers, 1, { markers: [marker] });
  assertEquals(markers[0].topics[0].partitions, [{ partitionIndex: 0, errorCode: 0 }]);
}

for (const isCommit of [true, false]) {
  Deno.test(`the ${isCommit ? "commit" : "abort"} of a transaction ends a read_committed poll that waits for more bytes than its marker has: what was behind it is stable now`, () =>
    withLogs(async (broker) => {
      const partitions = [{ partition: 0, fetchOffset: 3 }];
      const poll = fetch(await broker.connect(), [{ topic: "t", partitions }], {
        isolationLevel: COMMITTED,
        minBytes: 250,
        maxWaitMs: 3_600_000,
      });
      await end(broker, 2, isCommit);
      const { responses } = await within(poll, "the poll");
      const [{ records, lastStableOffset, abortedTransactions }] = responses[0].partitions;
      assertEquals(recordsIn(records).map(({ offset }) => offset), [3, 4, 5, 6]);
      assertEquals(lastStableOffset, 7);
      assertEquals(
        abortedTransactions!.map(({ producerId, firstOffset }) => [producerId, firstOffset]),
        isCommit ? [[1, 0]] : [[1, 0], [2, 3]],
      );
    }));
}

Deno.test("a read_committed poll goes on waiting while too little is stable, whatever is visible", () =>
  withLogs(async (broker) => {
    const partitions = [{ partition: 0, fetchOffset: 3 }];
    let isAnswered = false;
    const poll = fetch(await broker.connect(), [{ topic: "t", partitions }], {
      isolationLevel: COMMITTED,
      minBytes: 5000,
      maxWaitMs: 3_600_000,
    }).finally(() => isAnswered = true);
    const other = await broker.connect();
    await append(other, "t", ["x".repeat(6000)]);
    assertEquals(isAnswered, false);
    await end(broker, 2, true);
    const { responses } = await within(poll, "the poll");
    const [{ records, lastStableOffset }] = responses[0].partitions;
    assertEquals(recordsIn(records).map(({ offset }) => offset).slice(0, 4), [3, 4, 5, 6]);
    assertEquals(lastStableOffset, 8);
  }));

Deno.test("the latest offset of a read_committed consumer is the last stable one", () =>
  withLogs(async (broker) => {
    const connection = await broker.connect();
    const latest = async (partition: number, isolationLevel: number) =>
      (await listOffset(connection, "t", LATEST, { partition, isolationLevel })).offset;
    assertEquals([await latest(0, UNCOMMITTED), await latest(0, COMMITTED)], [6, 3]);
    assertEquals([await latest(1, UNCOMMITTED), await latest(1, COMMITTED)], [7, 7]);
  }));

Deno.test("a time beyond the last stable offset is not found by a read_committed consumer", () =>
  withLogs(async (broker) => {
    const connection = await broker.connect();
    await append(connection, "t", ["late"], { batch: { records: [{ timestampMs: 5000 }] } });
    const find = async (isolationLevel: number) =>
      (await listOffset(connection, "t", 4000, { isolationLevel })).offset;
    assertEquals([await find(UNCOMMITTED), await find(COMMITTED)], [6, -1]);
  }));
