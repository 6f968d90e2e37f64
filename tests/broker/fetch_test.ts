/**
 * Proves what Fetch returns and when: limits, long polls, isolation, errors, in every version, by name and by id.
 * Sessions are in fetch_sessions_test.ts, transactions in read_committed_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { append, fetch, fetchOne, fetchRequest, recordsIn, valuesIn } from "./calls.ts";
import { FakeClock } from "../../src/testing/fake_clock.ts";
import { HeldTimers } from "../../src/testing/held_timers.ts";
import { pause, TestBroker, within } from "./harness.ts";

type Connection = Awaited<ReturnType<TestBroker["connect"]>>;

const INT_MAX = 2 ** 31 - 1;
/** So long a wait that a test which needs it is one that failed; and no other timer of a broker has it. */
const FOREVER_MS = 3_599_999;

Deno.test("every version of Fetch from 4 to 18 returns the batches from an offset on", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  for (const value of ["a", "b", "c"]) await append(connection, "t", [value]);
  for (let version = 4; version <= 18; version++) {
    const which = version >= 13 ? { topicId } : { topic: "t" };
    const partitions = [{ partition: 0, fetchOffset: 1 }];
    const answer = await fetch(connection, [{ ...which, partitions }], {}, version);
    const [{ partitions: [got] }] = answer.responses;
    assertEquals([answer.errorCode, got.errorCode], [0, 0]);
    assertEquals([got.highWatermark, got.lastStableOffset], [3, 3]);
    assertEquals(got.logStartOffset, version >= 5 ? 0 : -1);
    assertEquals(got.abortedTransactions, null);
    assertEquals(valuesIn(got.records), ["b", "c"], `version ${version}`);
    assertEquals(recordsIn(got.records).map(({ offset }) => offset), [1, 2]);
  }
});

Deno.test("an offset inside a batch returns the whole batch", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b", "c"]);
  await append(connection, "t", ["d"]);
  assertEquals(valuesIn((await fetchOne(connection, "t", 2)).records), ["a", "b", "c", "d"]);
});

Deno.test("the end of the log holds nothing and is no error; past it and below the start are 1", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  const atEnd = await fetchOne(connection, "t", 1);
  assertEquals([atEnd.errorCode, atEnd.highWatermark, atEnd.records!.length], [0, 1, 0]);
  for (const offset of [2, -1, Number.MAX_SAFE_INTEGER]) {
    const { errorCode, highWatermark, lastStableOffset, logStartOffset, records } = await fetchOne(
      connection,
      "t",
      offset,
    );
    assertEquals([errorCode, highWatermark, lastStableOffset, logStartOffset], [1, -1, -1, -1]);
    assertEquals(records?.length ?? 0, 0);
  }
});

Deno.test("unknown topics and partitions are 3, unknown ids 100", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals((await fetchOne(connection, "none", 0)).errorCode, 3);
  for (const partition of [1, -1, INT_MAX]) {
    assertEquals((await fetchOne(connection, "t", 0, { partition })).errorCode, 3);
  }
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const { responses } = await fetch(
    connection,
    [randomUuid(), topicId, ZERO_UUID].map((topicId) => ({ topicId, partitions })),
    {},
    17,
  );
  assertEquals(responses.map((topic) => topic.partitions[0].errorCode), [100, 0, 100]);
});

Deno.test("a fetcher that says it is a replica is refused with 6", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  assertEquals((await fetchOne(connection, "t", 0, { replicaId: 1 })).errorCode, 6);
});

Deno.test("a leader epoch that is not yet is 75, the current one and none are well", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (const [currentLeaderEpoch, code] of [[0, 0], [-1, 0], [1, 75]]) {
    const partitions = [{ partition: 0, fetchOffset: 0, currentLeaderEpoch }];
    const { responses } = await fetch(connection, [{ topic: "t", partitions }]);
    assertEquals(responses[0].partitions[0].errorCode, code);
  }
});

Deno.test("a fetcher whose last epoch is not known here is out of range (1), one that is current is not", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  for (const [lastFetchedEpoch, code] of [[0, 0], [-1, 0], [1, 1]]) {
    const partitions = [{ partition: 0, fetchOffset: 1, lastFetchedEpoch }];
    const { responses } = await fetch(connection, [{ topic: "t", partitions }]);
    assertEquals(responses[0].partitions[0].errorCode, code);
  }
});

Deno.test("a replica is refused by its replica state too, from version 15 on", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const connection = await broker.connect();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const request = fetchRequest([{ topicId, partitions }]);
  const replicaState = { replicaId: 1, replicaEpoch: -1 };
  const { responses } = await connection.request(Fetch, 15, { ...request, replicaState });
  assertEquals(responses[0].partitions[0].errorCode, 6);
});

// ---- Limits

/** Partitions that each hold ten batches of one record; the bytes of one batch. */
async function tenBatches(connection: Connection, topic: string, partitions: number) {
  for (let partition = 0; partition < partitions; partition++) {
    for (let i = 0; i < 10; i++) {
      await append(connection, topic, [`${i}`.repeat(1000)], { partition });
    }
  }
  return (await fetchOne(connection, topic, 9)).records!.length;
}

const inOrder = (partitions: number, more: { partitionMaxBytes?: number } = {}) =>
  Array.from({ length: partitions }, (_, partition) => ({ partition, fetchOffset: 0, ...more }));

/** Batches returned for each partition, which must be whole. */
function batchCounts(
  responses: readonly { partitions: readonly { records: Uint8Array | null }[] }[],
) {
  return responses.flatMap(({ partitions }) =>
    partitions.map(({ records }) => {
      const starts = [...batch.batches(records!)];
      const end = starts.length === 0 ? 0 : batch.endOf(records!, starts[starts.length - 1]);
      assertEquals(end, records!.length, "a batch is cut off");
      return starts.length;
    })
  );
}

Deno.test("a partition's limit holds in whole batches", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 3 });
  const connection = await broker.connect();
  const size = await tenBatches(connection, "t", 3);
  const partitions = inOrder(3, { partitionMaxBytes: size * 3 + size / 2 });
  const { responses } = await fetch(connection, [{ topic: "t", partitions }]);
  assertEquals(batchCounts(responses), [3, 3, 3]);
});

Deno.test("the total limit holds over all partitions, in the order they were asked", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 3 });
  const connection = await broker.connect();
  const size = await tenBatches(connection, "t", 3);
  const { responses } = await fetch(connection, [{ topic: "t", partitions: inOrder(3) }], {
    maxBytes: size * 14,
  });
  assertEquals(batchCounts(responses), [10, 4, 0]);
});

Deno.test("the broker's own limit holds when the client has none", async () => {
  await using broker = await TestBroker.start({ limits: { maxFetchBytes: 5000 } });
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const size = await tenBatches(connection, "t", 2);
  const { responses } = await fetch(connection, [{ topic: "t", partitions: inOrder(2) }], {
    maxBytes: INT_MAX,
  });
  assertEquals(batchCounts(responses), [Math.floor(5000 / size), 0]);
});

for (const limit of [0, 1]) {
  Deno.test(`with limits of ${limit} the first batch of the first partition that has one is returned still`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic("t", { partitions: 4 });
    const connection = await broker.connect();
    for (const partition of [1, 2, 3]) await append(connection, "t", ["a", "b"], { partition });
    const partitions = inOrder(4, { partitionMaxBytes: limit });
    const { responses } = await fetch(connection, [{ topic: "t", partitions }], {
      maxBytes: limit,
    });
    assertEquals(batchCounts(responses), [0, 1, 0, 0]);
  });
}

// ---- Waiting

Deno.test("a fetch waits for minBytes until maxWaitMs, then returns what there is", async () => {
  const clock = new FakeClock(Date.now()), timers = new HeldTimers(FOREVER_MS);
  await using broker = await TestBroker.start({}, { clock, timers });
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  let isAnswered = false;
  const answer = fetchOne(connection, "t", 0, { minBytes: 1000, maxWaitMs: FOREVER_MS })
    .finally(() => isAnswered = true);
  await broker.arrived(Fetch, 1);
  await broker.turns();
  assertEquals([isAnswered, timers.count], [false, 1]);
  clock.advance(FOREVER_MS);
  timers.release();
  assertEquals(valuesIn((await within(answer, "the answer")).records), ["a"]);
});

Deno.test("a fetch does not wait for minBytes 0, for a maxWaitMs of 0 or below, or for no partitions", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  const calls = [
    fetchOne(connection, "t", 0, { minBytes: 0, maxWaitMs: FOREVER_MS }),
    fetchOne(connection, "t", 0, { minBytes: 1, maxWaitMs: 0 }),
    fetchOne(connection, "t", 0, { minBytes: 1, maxWaitMs: -1 }),
    fetch(connection, [], { minBytes: 1, maxWaitMs: FOREVER_MS }),
  ];
  await within(Promise.all(calls), "answers");
});

Deno.test("records that come end the wait as soon as minBytes are there, from any partition", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 3 });
  const waiting = await broker.connect(), writer = await broker.connect();
  let isAnswered = false;
  const answer = fetch(waiting, [{ topic: "t", partitions: inOrder(3) }], {
    minBytes: 400,
    maxWaitMs: FOREVER_MS,
  }).finally(() => isAnswered = true);
  await broker.arrived(Fetch, 1);
  await append(writer, "t", ["x".repeat(200)], { partition: 1 });
  await broker.turns();
  assert(!isAnswered, "269 bytes were taken for 400");
  await append(writer, "t", ["y".repeat(200)], { partition: 2 });
  const { responses } = await within(answer, "the answer");
  assertEquals(batchCounts(responses), [0, 1, 1]);
});

Deno.test("waits and limits of 2147483647 are taken as they are", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const waiting = await broker.connect(), writer = await broker.connect();
  const answer = fetchOne(waiting, "t", 0, {
    maxWaitMs: INT_MAX,
    maxBytes: INT_MAX,
    partitionMaxBytes: INT_MAX,
  });
  await broker.arrived(Fetch, 1);
  await append(writer, "t", ["a"]);
  assertEquals(valuesIn((await within(answer, "the answer")).records), ["a"]);
});

Deno.test("an error in one partition is answered at once, with what the others hold", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  const partitions = [{ partition: 0, fetchOffset: 0 }, { partition: 1, fetchOffset: 5 }];
  const { responses } = await within(
    fetch(connection, [{ topic: "t", partitions }], { minBytes: 1000, maxWaitMs: FOREVER_MS }),
    "the answer",
  );
  const [first, second] = responses[0].partitions;
  assertEquals([first.errorCode, second.errorCode], [0, 1]);
  assertEquals(valuesIn(first.records), ["a"]);
});

Deno.test("deleting a topic ends the polls on it: 3 by name, 100 by id; a new one of the name is another", async () => {
  await using broker = await TestBroker.start();
  const topicId = await broker.createTopic("t");
  const byName = await broker.connect(), byId = await broker.connect();
  const admin = await broker.connect();
  await append(admin, "t", ["old"]);
  const partitions = [{ partition: 0, fetchOffset: 1 }];
  const wait = { maxWaitMs: FOREVER_MS };
  const polls = Promise.all([
    fetch(byName, [{ topic: "t", partitions }], wait),
    fetch(byId, [{ topicId, partitions }], wait, 17),
  ]);
  await broker.arrived(Fetch, 2);
  const request = { topics: [{ name: "t" }], timeoutMs: 1000 };
  assertEquals((await admin.request(DeleteTopics, 6, request)).responses[0].errorCode, 0);
  const answers = await within(polls, "the polls");
  assertEquals(answers.map(({ responses }) => responses[0].partitions[0].errorCode), [3, 100]);
  const newId = await broker.createTopic("t");
  assert(newId !== topicId);
  const stale = await fetch(byId, [{ topicId, partitions }], {}, 17);
  assertEquals(stale.responses[0].partitions[0].errorCode, 100);
  const fresh = await fetchOne(admin, "t", 0);
  assertEquals([fresh.errorCode, fresh.highWatermark], [0, 0], "nothing of the old topic is back");
});

Deno.test("polls of clients that went away are given up", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const request = fetchRequest([{ topic: "t", partitions }], { maxWaitMs: FOREVER_MS });
  const before = await broker.metric("connections");
  for (let i = 0; i < 30; i++) {
    const wire = await broker.wire();
    await wire.send(Fetch, 4, request);
    wire.close();
  }
  for (let tries = 0; await broker.metric("connections") > before; tries++) {
    assert(tries < 2000, "connections of clients that are gone stay open");
    await pause(5);
  }
});

Deno.test("the list of aborted transactions is null under read_uncommitted and empty under read_committed", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  for (const [isolationLevel, aborted] of [[0, null], [1, []]] as const) {
    const got = await fetchOne(connection, "t", 0, { isolationLevel });
    assertEquals(got.abortedTransactions as unknown, aborted);
    assertEquals(valuesIn(got.records), ["a"]);
  }
});
