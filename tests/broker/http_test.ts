/**
 * Proves that a running broker's health checks and metrics tell what it did. What the HTTP server makes of bad
 * requests is in src/metrics/http_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { append, batchOf, fetchOne, produce } from "./calls.ts";
import { pause, TestBroker } from "./harness.ts";

async function get(broker: TestBroker, path: string, method = "GET") {
  const response = await fetch(`http://${broker.httpAddress}${path}`, { method });
  return { status: response.status, text: await response.text() };
}

Deno.test("a running broker is healthy and ready, and knows no other routes and methods", async () => {
  await using broker = await TestBroker.start();
  assertEquals((await get(broker, "/healthz")).status, 200);
  assertEquals((await get(broker, "/readyz")).status, 200);
  assertEquals((await get(broker, "/metrics/")).status, 404);
  assertEquals((await get(broker, "/nothing")).status, 404);
  assertEquals((await get(broker, "/metrics", "POST")).status, 405);
});

Deno.test("metrics count requests by API and version, and what went in and out of topics", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  const records = batchOf(["a", "b", "c"]);
  const bytes = records.length;
  await produce(connection, { topic: "t", partition: 1, records }, 9);
  await append(connection, "t", ["d"], { partition: 1 });
  await fetchOne(connection, "t", 0, { partition: 1, partitionMaxBytes: bytes });
  const of = (name: string, labels: string) => broker.metric(name, labels);
  assertEquals(await of("requests_total", 'api="Produce",version="9"'), 1);
  assertEquals(await of("requests_total", 'api="Produce"'), 2);
  assertEquals(await of("requests_total", 'api="Fetch"'), 1);
  assertEquals(await of("topic_messages_in_total", 'topic="t"'), 4);
  assertEquals(await of("topic_messages_out_total", 'topic="t"'), 3);
  assertEquals(await of("topic_bytes_out_total", 'topic="t"'), bytes);
  assertEquals(await of("partition_log_end_offset", 'topic="t",partition="1"'), 4);
  assertEquals(await of("partition_log_end_offset", 'topic="t",partition="0"'), 0);
});

Deno.test("refused batches are counted by their error", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  for (let i = 0; i < 3; i++) await produce(connection, { topic: "t", records: null });
  await produce(connection, { topic: "none", records: batchOf(["a"]) });
  assertEquals(await broker.metric("produce_errors_total", "INVALID_RECORD"), 3);
  assertEquals(await broker.metric("produce_errors_total", "UNKNOWN_TOPIC_OR_PARTITION"), 1);
});

Deno.test("connections are counted while they are open", async () => {
  await using broker = await TestBroker.start();
  const wires = [await broker.wire(), await broker.wire(), await broker.wire()];
  await settles(broker, 3);
  wires[0].close();
  await settles(broker, 2);
  assertEquals(await broker.metric("connections_accepted_total"), 3);
});

/** Waits until that many connections are open. */
async function settles(broker: TestBroker, count: number): Promise<void> {
  for (let tries = 0; await broker.metric("connections") !== count; tries++) {
    assert(tries < 2000, `there are never ${count} connections`);
    await pause(5);
  }
}

Deno.test("a deleted topic leaves the metrics", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const connection = await broker.connect();
  await append(connection, "t", ["a"]);
  assert((await get(broker, "/metrics")).text.includes('topic="t"'));
  await connection.request(DeleteTopics, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
  assert(!(await get(broker, "/metrics")).text.includes('topic="t"'));
});
