/**
 * Proves that the client and the broker understand each other: everything the client offers, over real sockets against
 * a broker in this process, once with data in memory and once in a directory.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { startBroker } from "../src/broker.ts";
import { Admin } from "../src/client/admin.ts";
import { Cluster } from "../src/client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../src/client/consumer.ts";
import { KafkaError } from "../src/client/errors.ts";
import { Producer } from "../src/client/producer.ts";
import { defaultConfig } from "../src/config/options.ts";

async function withBroker(path: string, use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const defaults = defaultConfig();
  const broker = await startBroker({
    ...defaults,
    kafkaPort: 0,
    httpPort: 0,
    storage: { ...defaults.storage, path },
  });
  const cluster = new Cluster({ bootstrap: broker.kafkaAddress });
  try {
    await use(cluster);
  } finally {
    cluster.close();
    await broker.stop();
  }
}

function inMemory(name: string, use: (cluster: Cluster) => Promise<void>): void {
  Deno.test(name, () => withBroker("memory://", use));
}

async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  const deadlineMs = performance.now() + 10_000;
  while (records.length < count && performance.now() < deadlineMs) {
    records.push(...await consumer.poll(500));
  }
  assertEquals(records.length, count);
  return records;
}

const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);

async function roundTrip(cluster: Cluster): Promise<void> {
  const admin = new Admin(cluster);
  await admin.createTopics([{ name: "t", partitions: 3 }]);
  const consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
  const partitions = [0, 1, 2].map((partition) => ({ topic: "t", partition }));
  consumer.assign(partitions);
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    await using producer = new Producer(cluster, { compression, maxBatchBytes: 2000 });
    const headers = [{ key: "h", value: "x" }, { key: "n", value: null }];
    const sent = await Promise.all(
      Array.from(
        { length: 300 },
        (_, i) =>
          producer.send({
            topic: "t",
            key: `key ${i % 20}`,
            value: `${compression} ${i}`,
            headers,
          }),
      ),
    );
    const records = await take(consumer, 300);
    for (const [i, { partition, offset, timestampMs }] of sent.entries()) {
      const record = records.find((r) => r.partition === partition && r.offset === offset)!;
      assertEquals(text(record.value), `${compression} ${i}`);
      assertEquals(text(record.key), `key ${i % 20}`);
      assertEquals(record.headers.map(({ key, value }) => [key, text(value)]), [["h", "x"], [
        "n",
        null,
      ]]);
      assertEquals(record.timestampMs, timestampMs);
    }
  }
  const positions = partitions.map((partition) => consumer.position(partition)!);
  assertEquals(positions.reduce((sum, position) => sum + position), 1500);
  consumer.close();
}

inMemory("what is produced is consumed, in every compression, from memory", roundTrip);

Deno.test("what is produced is consumed, in every compression, from a directory", async () => {
  const path = await Deno.makeTempDir();
  await withBroker(path, roundTrip);
  await Deno.remove(path, { recursive: true });
});

inMemory(
  "a waiting consumer gets a record as it comes, while the producer shares its cluster",
  async (cluster) => {
    await new Admin(cluster).createTopics([{ name: "t", partitions: 1 }]);
    using consumer = new Consumer(cluster, { autoOffsetReset: "earliest", fetchMaxWaitMs: 8000 });
    await using producer = new Producer(cluster);
    consumer.assign([{ topic: "t", partition: 0 }]);
    const startedMs = performance.now();
    const records = consumer.poll(8000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await producer.send({ topic: "t", value: "x" });
    assertEquals((await records).map(({ value }) => text(value)), ["x"]);
    assert(performance.now() - startedMs < 4000, "neither waits for the other's long poll");
  },
);

inMemory("seek, seekTo and offsets by time agree", async (cluster) => {
  const admin = new Admin(cluster), at = { topic: "t", partition: 0 };
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  await using producer = new Producer(cluster);
  const base = Date.now() - 100_000;
  for (let i = 0; i < 10; i++) {
    await producer.send({ ...at, value: `${i}`, timestampMs: base + i * 1000 });
  }
  const found = await admin.listOffsets([
    { ...at, at: "earliest" },
    { ...at, at: "latest" },
    { ...at, at: base + 2500 },
    { ...at, at: "maxTimestamp" },
    { ...at, at: base + 60_000 },
  ]);
  assertEquals(found.map(({ offset }) => offset), [0, 10, 3, 9, -1]);
  using consumer = new Consumer(cluster);
  consumer.assign([at]);
  consumer.seek(at, 7);
  assertEquals((await take(consumer, 3)).map(({ value }) => text(value)), ["7", "8", "9"]);
  await consumer.seekTo(at, base + 4001);
  assertEquals(consumer.position(at), 5);
  assertEquals((await take(consumer, 5))[0].offset, 5);
  await consumer.seekTo(at, "latest");
  assertEquals(await consumer.poll(50), []);
});

inMemory("a position that is gone resets, or throws when there is no reset", async (cluster) => {
  const admin = new Admin(cluster), at = { topic: "t", partition: 0 };
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  await using producer = new Producer(cluster, { maxBatchBytes: 1 });
  await Promise.all([0, 1, 2, 3].map((i) => producer.send({ ...at, value: `${i}` })));
  assertEquals(await admin.deleteRecords({ ...at, offset: 2 }), 2);
  using resetting = new Consumer(cluster, { autoOffsetReset: "earliest" });
  resetting.assign([at]);
  resetting.seek(at, 0);
  assertEquals((await take(resetting, 2)).map(({ offset }) => offset), [2, 3]);
  using strict = new Consumer(cluster, { autoOffsetReset: "none" });
  strict.assign([at]);
  strict.seek(at, 0);
  await assertRejects(() => strict.poll(5000), KafkaError, "OFFSET_OUT_OF_RANGE");
});

inMemory("topics are created, grown, configured, listed and deleted", async (cluster) => {
  const admin = new Admin(cluster), resource = { type: "topic", name: "b" } as const;
  await admin.createTopics([{ name: "dry" }], { validateOnly: true });
  await admin.createTopics([{ name: "b", partitions: 2, configs: { "retention.ms": "5000" } }, {
    name: "a",
  }]);
  assertEquals((await admin.listTopics()).map(({ name }) => name), ["a", "b"]);
  await assertRejects(
    () => admin.createTopics([{ name: "b" }]),
    KafkaError,
    "create topic b: TOPIC_ALREADY_EXISTS",
  );
  await admin.createPartitions("b", 5);
  assertEquals((await admin.describeTopic("b")).partitions.length, 5);
  const configs = await admin.describeConfigs(resource);
  assertEquals(configs.find(({ name }) => name === "retention.ms")?.value, "5000");
  assertEquals(configs.find(({ name }) => name === "max.message.bytes")?.isDefault, true);
  const { nodes, controllerId } = await admin.describeCluster();
  assertEquals(nodes.map(({ id }) => id), [controllerId]);
  await admin.deleteTopics(["b"]);
  await assertRejects(() => admin.describeTopic("b"), KafkaError, "UNKNOWN_TOPIC_OR_PARTITION");
});

inMemory(
  "records of a topic that takes small batches alone arrive in batches that it takes",
  async (cluster) => {
    await new Admin(cluster).createTopics([{
      name: "t",
      partitions: 1,
      configs: { "max.message.bytes": "1000" },
    }]);
    await using producer = new Producer(cluster, { maxBatchBytes: 100_000 });
    const sent = Array.from(
      { length: 1000 },
      (_, n) => producer.send({ topic: "t", value: `${n}` }),
    );
    const offsets = (await Promise.all(sent)).map(({ offset }) => offset);
    assertEquals(offsets, Array.from({ length: 1000 }, (_, n) => n));
  },
);

inMemory("a record the broker refuses fails alone", async (cluster) => {
  await new Admin(cluster).createTopics([{
    name: "t",
    partitions: 1,
    configs: { "max.message.bytes": "1000" },
  }]);
  await using producer = new Producer(cluster, { maxBatchBytes: 500 });
  const outcomes = await Promise.allSettled(
    ["a", "x".repeat(2000), "b"].map((value) => producer.send({ topic: "t", value })),
  );
  assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert((outcomes[1] as PromiseRejectedResult).reason.kafkaName === "MESSAGE_TOO_LARGE");
  assertEquals((await producer.send({ topic: "t", value: "c" })).offset, 2);
});
