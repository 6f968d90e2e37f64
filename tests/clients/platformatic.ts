/**
 * @platformatic/kafka against a running broker (`BROKERS`): topics, every codec there and back, offsets, fetch sessions.
 *
 * This client speaks the newest versions it and the broker share (topic ids, flexible headers, fetch sessions), the
 * opposite end from kafkajs. Records are read by explicit partition and offset, without a group.
 */
import { Buffer } from "node:buffer";
import { assertEquals, assertRejects } from "@std/assert";
import { Admin, Consumer, ListOffsetTimestamps, Producer } from "@platformatic/kafka";
import { broker, freshTopic, Suite } from "./checks.ts";

const suite = new Suite("platformatic");
const options = {
  clientId: "platformatic-suite",
  bootstrapBrokers: [broker().address],
  retries: 2,
};
const admin = new Admin(options);
const producer = new Producer({ ...options, autocreateTopics: false });
const topic = freshTopic("platformatic");

await suite.check("createTopics answers with the id, partitions and configs", async () => {
  const configs = [{ name: "retention.ms", value: "86400000" }];
  const [created] = await admin.createTopics({
    topics: [topic],
    partitions: 2,
    replicas: 1,
    configs,
  });
  assertEquals([created.name, created.partitions, created.replicas], [topic, 2, 1]);
  assertEquals(created.configuration["retention.ms"], "86400000");
  const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
  assertEquals(metadata.topics.get(topic)?.id, created.id);
  assertEquals(metadata.topics.get(topic)?.partitions.length, 2);
});

await suite.check("createTopics of a topic that exists is refused", async () => {
  await assertRejects(() => admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 }));
});

await suite.check("listTopics has the topic", async () => {
  assertEquals((await admin.listTopics()).includes(topic), true);
});

// Recent, or retention would take the records away while they are read.
const start = Date.now() - 600_000;
for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
  for (const acks of [-1, 1]) {
    await suite.check(
      `${compression}, acks ${acks}: keys, values, headers and timestamps return`,
      async () => {
        const name = freshTopic("platformatic-codec");
        await admin.createTopics({ topics: [name], partitions: 1, replicas: 1 });
        const messages = Array.from({ length: 300 }, (_, i) => ({
          topic: name,
          partition: 0,
          key: i % 5 ? Buffer.from(`ключ-${i}`) : undefined,
          value: i % 7 === 3 ? undefined : Buffer.from(`value ${i} `.repeat(i % 40)),
          headers: new Map(i % 3 ? [[Buffer.from("number"), Buffer.from(`${i}`)]] : []),
          timestamp: BigInt(start + i * 1000),
        }));
        for (let from = 0; from < messages.length; from += 100) {
          await producer.send({ messages: messages.slice(from, from + 100), compression, acks });
        }
        const got = await readAll(name, 0n, messages.length);
        assertEquals(got.map((record) => Number(record.offset)), messages.map((_, i) => i));
        for (const [i, { offset: _, ...record }] of got.entries()) {
          const { key, value, headers, timestamp } = messages[i];
          assertEquals(record, {
            key: key?.toString(),
            value: value?.toString(),
            headers: [...headers].map(([k, v]) => [k.toString(), v.toString()]),
            timestamp,
          }, `record ${i}`);
        }
        await admin.deleteTopics({ topics: [name] });
      },
    );
  }
}

await suite.check(
  "an idempotent producer with a hundred sends in flight stores each once",
  async () => {
    const one = new Producer({ ...options, idempotent: true, acks: -1 });
    await Promise.all(Array.from({ length: 100 }, (_, i) =>
      one.send({
        messages: [{
          topic,
          partition: 1,
          value: Buffer.from(`${i}`),
          timestamp: BigInt(start + i * 1000),
        }],
      })));
    const got = await readAll(topic, 0n, 100, 1);
    assertEquals(
      got.map((record) => record.value).sort(),
      Array.from({ length: 100 }, (_, i) => `${i}`).sort(),
    );
    await one.close();
  },
);

await suite.check("listOffsets: earliest, latest and by time", async () => {
  const consumer = new Consumer({ ...options, groupId: freshTopic("no-group") });
  consumer.topics.track(topic);
  const at = async (timestamp: bigint) =>
    (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic);
  assertEquals(await at(ListOffsetTimestamps.EARLIEST), [0n, 0n]);
  assertEquals(await at(ListOffsetTimestamps.LATEST), [0n, 100n]);
  assertEquals((await at(BigInt(start + 10_000_000)))?.[1], -1n);
  await consumer.close();
});

await suite.check("one consumer reads on through a fetch session as records arrive", async () => {
  const name = freshTopic("platformatic-session");
  await admin.createTopics({ topics: [name], partitions: 1, replicas: 1 });
  await closing(new Consumer({ ...options, groupId: name }), async (consumer) => {
    const seen: string[] = [];
    for (let round = 0; round < 10; round++) {
      await producer.send({
        messages: [{ topic: name, partition: 0, value: Buffer.from(`${round}`) }],
      });
      const got = await fetchFrom(consumer, name, 0, BigInt(seen.length));
      seen.push(...got.map((record) => record.value ?? ""));
    }
    assertEquals(seen, Array.from({ length: 10 }, (_, i) => `${i}`));
  });
});

await suite.check("deleteTopics: gone from the list, and unknown from then on", async () => {
  await admin.deleteTopics({ topics: [topic] });
  assertEquals((await admin.listTopics()).includes(topic), false);
  await assertRejects(() => admin.deleteTopics({ topics: [topic] }));
});

suite.finish();

interface Got {
  offset: bigint;
  key?: string;
  value?: string;
  headers: string[][];
  timestamp: bigint;
}

/** Reads one partition from `from` until `count` records have come. */
async function readAll(name: string, from: bigint, count: number, partition = 0): Promise<Got[]> {
  const got: Got[] = [];
  await closing(new Consumer({ ...options, groupId: name }), async (consumer) => {
    for (const giveUp = Date.now() + 20_000; got.length < count && Date.now() < giveUp;) {
      got.push(...await fetchFrom(consumer, name, partition, from + BigInt(got.length)));
    }
  });
  return got;
}

async function closing<T extends { close(): Promise<unknown> }>(
  what: T,
  body: (what: T) => Promise<void>,
) {
  try {
    await body(what);
  } finally {
    await what.close();
  }
}

async function fetchFrom(
  consumer: Consumer,
  name: string,
  partition: number,
  fetchOffset: bigint,
): Promise<Got[]> {
  consumer.topics.track(name);
  const metadata = await consumer.metadata({ topics: [name] });
  const { id, partitions } = metadata.topics.get(name)!;
  const at = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: 65536,
  };
  const { responses } = await consumer.fetch({
    node: partitions[partition].leader,
    topics: [{ topicId: id, partitions: [at] }],
    minBytes: 1,
    maxBytes: 1 << 20,
    maxWaitTime: 500,
  });
  const got: Got[] = [];
  for (const batch of responses[0]?.partitions[0]?.records ?? []) {
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      if (offset < fetchOffset) continue; // a fetch starts at the batch that holds the offset
      got.push({
        offset,
        key: text(record.key),
        value: text(record.value),
        headers: record.headers.map(([k, v]) => [text(k) ?? "", text(v) ?? ""]),
        timestamp: batch.firstTimestamp + record.timestampDelta,
      });
    }
  }
  return got;
}

function text(bytes: Buffer | null | undefined): string | undefined {
  return bytes === null || bytes === undefined ? undefined : bytes.toString();
}
