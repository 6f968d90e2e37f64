/**
 * Proves what holds when there is much at once: many connections, large batches, long logs, clients that ask for more
 * than they read; and that a broker leaves nothing behind when it stops.
 */
import { assert, assertEquals } from "@std/assert";
import { joined } from "../../src/protocol/codec.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import {
  append,
  batchOf,
  fetch,
  fetchOne,
  fetchRequest,
  produce,
  produceRequest,
  readAll,
  recordsIn,
  valuesIn,
} from "./calls.ts";
import { pause, requestBytes, TestBroker, withDirectory, within } from "./harness.ts";

Deno.test("many connections that write to one partition keep their own order, and each offset is given once", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t");
    const writers = 12, each = 40;
    const offsets = await Promise.all(Array.from({ length: writers }, async (_, writer) => {
      const wire = await broker.wire();
      await wire.write(joined(Array.from({ length: each }, (_, i) => {
        const request = produceRequest(9, { topic: "t", records: batchOf([`${writer}:${i}`]) });
        return requestBytes(Produce, 9, request, i);
      })));
      const given: number[] = [];
      for (let i = 0; i < each; i++) {
        const { responses } = await wire.answer(Produce, 9);
        given.push(responses[0].partitionResponses[0].baseOffset);
      }
      return given;
    }));
    const values = await readAll(await broker.connect(), "t");
    assertEquals(values.length, writers * each);
    for (const [writer, given] of offsets.entries()) {
      assertEquals(given, given.toSorted((a, b) => a - b));
      assertEquals(given.map((offset) => values[offset]), given.map((_, i) => `${writer}:${i}`));
    }
  }));

Deno.test("every one of many consumers that poll a partition sees every record as it comes", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const count = 30;
  const consumers = Array.from({ length: 20 }, async () => {
    const connection = await broker.connect();
    const seen: (string | null)[] = [];
    while (seen.length < count) {
      const { records } = await fetchOne(connection, "t", seen.length, { maxWaitMs: 10_000 });
      seen.push(...valuesIn(records));
    }
    return seen;
  });
  const connection = await broker.connect();
  const values = Array.from({ length: count }, (_, i) => `${i}`);
  for (const value of values) await append(connection, "t", [value]);
  for (const seen of await within(Promise.all(consumers), "all records")) {
    assertEquals(seen, values);
  }
});

Deno.test("a batch of 8 MB goes in and comes back, in pieces as the network likes", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t", { configs: { "max.message.bytes": "10000000" } });
    const connection = await broker.connect();
    const value = crypto.getRandomValues(new Uint8Array(65_536));
    const records = Array.from({ length: 128 }, () => ({ timestampMs: 1, value }));
    const answer = await produce(connection, { topic: "t", records: buildBatch({ records }) });
    assertEquals(answer.errorCode, 0);
    const got = recordsIn((await fetchOne(connection, "t", 0)).records);
    assertEquals(got.length, 128);
    for (const record of got) assertEquals(record.value, value);
  }));

for (const path of ["memory", "directory"]) {
  Deno.test(`large batches in one write, with all kinds of acks, are stored each with its own bytes (${path})`, () =>
    withDirectory(async (directory) => {
      await using broker = await TestBroker.start(path === "memory" ? {} : { path: directory });
      await broker.createTopic("t", { configs: { "segment.bytes": "4194304" } });
      const wire = await broker.wire();
      const values = Array.from(
        { length: 60 },
        (_, i) => crypto.getRandomValues(new Uint8Array(i % 5 === 0 ? 65_536 : 500 + i)),
      );
      const requests = values.map((value, i) => {
        const records = Array.from({ length: 3 }, () => ({ timestampMs: i, value }));
        const call = { topic: "t", acks: [1, 0, -1][i % 3], records: buildBatch({ records }) };
        return requestBytes(Produce, 9, produceRequest(9, call), i);
      });
      const writing = wire.write(joined(requests));
      for (let i = 0; i < values.length; i++) {
        if (i % 3 === 1) continue; // acks 0
        const { correlationId, body } = await within(wire.answered(Produce, 9), `answer ${i}`);
        assertEquals([correlationId, body.responses[0].partitionResponses[0].errorCode], [i, 0]);
      }
      await writing;
      const connection = await broker.connect();
      for (const [i, value] of values.entries()) {
        const { records } = await fetchOne(connection, "t", i * 3, { partitionMaxBytes: 1 });
        const got = recordsIn(records);
        assertEquals(got.map(({ offset }) => offset), [i * 3, i * 3 + 1, i * 3 + 2]);
        for (const record of got) assertEquals(record.value, value, `batch ${i}`);
      }
    }));
}

Deno.test("a log of many segments reads through from end to end and from each offset, after a restart too", () =>
  withDirectory(async (path) => {
    const values = Array.from({ length: 40 }, (_, i) => `${i}:${"x".repeat(100_000)}`);
    for (let times = 0; times < 2; times++) {
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      if (times === 0) {
        await broker.createTopic("t", { configs: { "segment.bytes": "1048576" } });
        for (const value of values) await append(connection, "t", [value]);
      }
      assertEquals(await readAll(connection, "t"), values);
      for (let from = 0; from < values.length; from += 7) {
        const { records } = await fetchOne(connection, "t", from, { partitionMaxBytes: 1 });
        assertEquals(valuesIn(records), [values[from]]);
      }
    }
    const names = [...Deno.readDirSync(`${path}/t-0`)].map(({ name }) => name);
    assert(names.filter((name) => name.endsWith(".log")).length >= 4, names.join());
  }));

Deno.test("a client that asks for gigabytes and reads nothing costs bounded memory, and others are served", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["x".repeat(900_000)]);
  const request = fetchRequest([{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0 }] }]);
  const asks = joined(Array.from({ length: 500 }, (_, i) => requestBytes(Fetch, 4, request, i)));
  const stuck = await Promise.all(Array.from({ length: 4 }, () => broker.wire()));
  for (const wire of stuck) wire.write(asks).catch(() => {}); // ends when the wire is closed
  let most = 0;
  for (let i = 0; i < 10; i++) {
    await pause(20);
    most = Math.max(most, await broker.metric("buffers_lent_bytes"));
  }
  assert(most < 32 << 20, `${most} bytes are lent for four connections`);
  assert(await broker.metric("requests_total", 'api="Fetch"') < 4 * 100, "it answers on");
  await within(broker.serves(), "an answer to somebody else");
});

Deno.test("300 connections that ask at once are all answered", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connections = await Promise.all(Array.from({ length: 300 }, () => broker.connect()));
  const writer = await broker.connect();
  const partitions = [{ partition: 0, fetchOffset: 0 }];
  const polls = connections.map((connection) =>
    fetch(connection, [{ topic: "t", partitions }], { maxWaitMs: 30_000 })
  );
  await broker.arrived(Fetch, polls.length);
  await append(writer, "t", ["a"]);
  for (const { responses } of await within(Promise.all(polls), "the polls", 10_000)) {
    assertEquals(valuesIn(responses[0].partitions[0].records), ["a"]);
  }
});

Deno.test("the files of a deleted topic are gone after file.delete.delay.ms, or at the next start", () =>
  withDirectory(async (path) => {
    const folders = () =>
      [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) => /^[ab]-/.test(name));
    {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("a", { configs: { "file.delete.delay.ms": "50" } });
      await broker.createTopic("b");
      const connection = await broker.connect();
      const topics = [{ name: "a" }, { name: "b" }];
      await connection.request(DeleteTopics, 6, { topics, timeoutMs: 1000 });
      for (let tries = 0; folders().length > 1; tries++) {
        assert(tries < 1000, folders().join());
        await pause(10);
      }
      assert(/^b-0\.[0-9a-f]{32}-delete$/.test(folders()[0]), folders()[0]);
    }
    await using _again = await TestBroker.start({ path });
    assertEquals(folders(), []);
  }));

Deno.test({
  name: "a broker that was stopped leaves no timer, file or socket behind, whatever it was doing",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: () =>
    withDirectory(async (path) => {
      await using broker = await TestBroker.start({ path });
      await broker.createTopic("t", { partitions: 5 });
      await broker.createTopic("gone");
      const connection = await broker.connect();
      await append(connection, "t", ["a"]);
      const topics = [{ name: "gone" }];
      await connection.request(DeleteTopics, 6, { topics, timeoutMs: 1000 });
      const partitions = [{ partition: 1, fetchOffset: 0 }];
      const poll = fetch(connection, [{ topic: "t", partitions }], { maxWaitMs: 60_000 });
      await broker.arrived(Fetch, 1);
      await broker.stop();
      assertEquals(recordsIn((await poll).responses[0].partitions[0].records), []);
    }),
});
