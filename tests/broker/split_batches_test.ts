/**
 * Proves that a producer parts a batch that is larger than its topic takes, as Kafka's own does: what is small enough by
 * itself is delivered, once and in order; what is not fails alone.
 */
import { assert, assertEquals } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { Producer, type ProducerOptions } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { recordsOf, valuesOf } from "./copies.ts";
import { TestBroker } from "./harness.ts";

const LIMIT = { "max.message.bytes": "1000" };
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}`.padStart(100));

const WAYS: Readonly<Record<string, ProducerOptions>> = {
  "idempotent": {},
  "compressed": { compression: "lz4" },
  "that lingers": { lingerMs: 20 },
  "of one acknowledgement": { acks: "leader" },
};

for (const [name, options] of Object.entries(WAYS)) {
  Deno.test(`batches that are too large are parted, ${name}`, async () => {
    await using broker = await TestBroker.start();
    await broker.createTopic("t", { configs: LIMIT });
    const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
    // Bytes that no codec makes smaller.
    const large = Array.from(crypto.getRandomValues(new Uint8Array(1000)));
    const values = [...numbered(200), String.fromCharCode(...large), ...numbered(200)];
    const became = await (async () => {
      await using producer = new Producer(cluster, options);
      return await Promise.allSettled(
        values.map((value) => producer.send({ topic: "t", partition: 0, value })),
      );
    })();
    const failed = became.flatMap((one, i) => one.status === "rejected" ? [[i, one.reason]] : []);
    assertEquals(failed.map(([i]) => i), [200]);
    assert(
      failed[0][1] instanceof KafkaError && failed[0][1].message.includes("MESSAGE_TOO_LARGE"),
    );
    const there = valuesOf(await recordsOf(cluster, "t"));
    assertEquals(there, [...numbered(200), ...numbered(200)]);
    for (const [i, one] of became.entries()) {
      if (one.status === "fulfilled") assertEquals(there[one.value.offset], values[i]);
    }
    cluster.close();
  });
}

Deno.test("a batch of a transaction that is too large is parted", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: LIMIT });
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await using producer = new TransactionalProducer(cluster, { transactionalId: "id" });
  await producer.init();
  producer.begin();
  await Promise.all(
    numbered(50).map((value) => producer.send({ topic: "t", value, partition: 0 })),
  );
  await producer.commit();
  const isolation = "readCommitted";
  assertEquals(valuesOf(await recordsOf(cluster, "t", { isolation })), numbered(50));
  cluster.close();
});

Deno.test("flush waits for all parts, and what comes later is cut to what the topic took", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { configs: LIMIT });
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  await using producer = new Producer(cluster);
  let delivered = 0;
  const sendAll = async () => {
    for (const value of numbered(100)) {
      producer.send({ topic: "t", partition: 0, value }).then(() => delivered++, () => {});
    }
    await producer.flush();
  };
  await sendAll();
  assertEquals(delivered, 100);
  const before = broker.arrivals(Produce);
  await sendAll();
  assertEquals(delivered, 200);
  // Of 1,000 bytes each takes seven records at least, or nearly: it is not parted anew from the whole.
  assert(broker.arrivals(Produce) - before < 40, `${broker.arrivals(Produce) - before} requests`);
  cluster.close();
});
