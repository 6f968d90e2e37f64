/**
 * Proves that flush() and close() of a producer wait for every record that was given to it, and that records keep their
 * order, at whatever moment they come while the producer still asks for the topic.
 */
import { assertEquals } from "@std/assert";
import { Cluster } from "../src/client/cluster.ts";
import { Consumer } from "../src/client/consumer.ts";
import { Producer } from "../src/client/producer.ts";
import { TestBroker } from "./broker/harness.ts";

/** More than it takes until a topic is known that the cluster has looked up before. */
const MICROTASKS = 40;

async function withCluster(body: (cluster: Cluster) => Promise<void>): Promise<void> {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  try {
    await cluster.topic("t");
    await body(cluster);
  } finally {
    cluster.close();
  }
}

async function microtasks(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await null;
}

Deno.test("flush() waits for what was sent, in whatever turn it comes", async () => {
  await withCluster(async (cluster) => {
    const missed: number[] = [];
    for (let count = 0; count < MICROTASKS; count++) {
      const producer = new Producer(cluster);
      let isDelivered = false;
      const receiver = {
        delivered: () => isDelivered = true,
        failed: (_: number, error: unknown) => {
          throw error;
        },
      };
      producer.post({ topic: "t", value: "x" }, receiver, 0);
      await microtasks(count);
      await producer.close();
      if (!isDelivered) missed.push(count);
    }
    assertEquals(missed, []);
  });
});

Deno.test("a record that is sent later does not overtake one that waits for the topic", async () => {
  await withCluster(async (cluster) => {
    const expected: string[] = [];
    for (let count = 0; count < MICROTASKS; count++) {
      const producer = new Producer(cluster), sent = [];
      for (const letter of ["a", "b", "c"]) {
        expected.push(`${count}${letter}`);
        sent.push(producer.send({ topic: "t", value: `${count}${letter}` }));
        await microtasks(count);
      }
      await Promise.all(sent);
    }
    using consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
    const one = { topic: "t", partition: 0 }, values: string[] = [];
    consumer.assign([one]);
    while (!consumer.hasReached(one, expected.length)) {
      for (const { value } of await consumer.poll(100)) {
        values.push(new TextDecoder().decode(value!));
      }
    }
    assertEquals(values, expected);
  });
});
