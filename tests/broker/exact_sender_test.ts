/** Proves what ExactSender takes a broker's answers for, with batches that are sent once and once more. */
import { assertEquals, assertRejects } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { ExactSender, MisplacedError } from "../../src/client/exact_sender.ts";
import { newProducerId } from "../../src/client/producer_id.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { recordsOf } from "./copies.ts";
import { TestBroker } from "./harness.ts";

function batchOf(count: number) {
  const records = Array.from({ length: count }, (_, offset) => ({
    offset,
    timestampMs: 1e12 + offset,
    key: null,
    value: new Uint8Array([offset]),
    headers: [],
  }));
  return { bytes: buildBatch({ records }), count, offset: 0 };
}

async function senderTo(cluster: Cluster): Promise<ExactSender> {
  const { id: topicId } = await cluster.topic("t");
  const identity = await newProducerId(cluster);
  return new ExactSender(cluster, {
    topic: "t",
    topicId,
    partition: 0,
    identity,
    startOffset: 0,
    lane: "",
  });
}

Deno.test("a batch that another process has brought already is there, with its own timestamps", async () => {
  await using broker = await TestBroker.start();
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await broker.createTopic("t", { configs: { "retention.ms": "-1" } });
  const sender = await senderTo(cluster);
  for (const _ of ["once", "once more"]) await sender.send([batchOf(3)]);
  const records = await recordsOf(cluster, "t");
  assertEquals(records.map(({ timestampMs }) => timestampMs - 1e12), [0, 1, 2]);
  cluster.close();
});

Deno.test("a broker that gives records its own time is noticed, by a batch that was there too", async () => {
  await using broker = await TestBroker.start();
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await broker.createTopic("t", { configs: { "message.timestamp.type": "LogAppendTime" } });
  const sender = await senderTo(cluster);
  for (const _ of ["once", "once more"]) {
    await assertRejects(() => sender.send([batchOf(3)]), MisplacedError, "its own time");
  }
  assertEquals((await recordsOf(cluster, "t")).length, 3);
  cluster.close();
});
