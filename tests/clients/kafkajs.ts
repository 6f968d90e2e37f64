/**
 * kafkajs against a running broker (`BROKERS`): topics, every codec there and back, offsets, deletes, many producers.
 *
 * kafkajs speaks old versions (Produce ≤ 7, Fetch ≤ 11, Metadata ≤ 6), so this suite keeps those honest. Its consumer
 * needs a group; to read a partition without one, its own broker client, decoder included, is asked directly.
 */
import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import { assertEquals, assertRejects } from "@std/assert";
import kafkajs from "kafkajs";
import SnappyCodec from "kafkajs-snappy";
import { lz4Compress, lz4Decompress } from "@platformatic/wasm-utils";
import { broker, freshTopic, Suite } from "./checks.ts";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;
CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;
CompressionCodecs[CompressionTypes.LZ4] = () =>
  codec(
    (from) => lz4Compress(Buffer.from(from)),
    (from) => lz4Decompress(Buffer.from(from)),
  );
CompressionCodecs[CompressionTypes.ZSTD] = () =>
  codec(zlib.zstdCompressSync, zlib.zstdDecompressSync);

type Bytes = (from: Uint8Array) => Uint8Array;
/** What kafkajs asks of a codec: the encoder gets its own encoder object, the decoder gets bytes. */
function codec(compress: Bytes, decompress: Bytes) {
  return {
    compress: (encoder: { buffer: Uint8Array }) =>
      Promise.resolve(Buffer.from(compress(encoder.buffer))),
    decompress: (bytes: Uint8Array) => Promise.resolve(Buffer.from(decompress(bytes))),
  };
}

const suite = new Suite("kafkajs");
const kafka = new Kafka({
  clientId: "kafkajs-suite",
  brokers: [broker().address],
  logLevel: logLevel.NOTHING,
  retry: { retries: 3 },
});
const admin = kafka.admin();
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
const topic = freshTopic("kafkajs");
// Recent, or retention would take the records away while they are read.
const start = Date.now() - 600_000;
await suite.check("admin, producer and cluster client connect", async () => {
  await Promise.all([admin.connect(), producer.connect()]);
});

await suite.check("createTopics, once; a second time says it exists", async () => {
  const topics = [{
    topic,
    numPartitions: 3,
    configEntries: [{ name: "retention.ms", value: "86400000" }],
  }];
  assertEquals(await admin.createTopics({ topics, waitForLeaders: true }), true);
  assertEquals(await admin.createTopics({ topics }), false);
});

await suite.check("createTopics refuses names and counts that cannot be", async () => {
  const cannot = [
    [{ topic: "no/slash" }, "INVALID_TOPIC_EXCEPTION"],
    [{ topic: "..", numPartitions: 1 }, "INVALID_TOPIC_EXCEPTION"],
    [{ topic: freshTopic("none"), numPartitions: 0 }, "INVALID_PARTITIONS"],
    [{ topic: freshTopic("rf2"), replicationFactor: 2 }, "INVALID_REPLICATION_FACTOR"],
    [{
      topic: freshTopic("config"),
      configEntries: [{ name: "retention.ms", value: "soon" }],
    }, "INVALID_CONFIG"],
  ] as const;
  for (const [request, type] of cannot) {
    const error = await assertRejects(() =>
      admin.createTopics({
        topics: [{
          ...request,
          configEntries: [...("configEntries" in request ? request.configEntries : [])],
        }],
      })
    );
    const { errors } = error as unknown as { errors: { type: string }[] };
    assertEquals([request.topic, errors[0].type], [request.topic, type]);
  }
});

await suite.check("fetchTopicMetadata and describeCluster name this broker as leader", async () => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const cluster = await admin.describeCluster();
  assertEquals(topics[0].partitions.length, 3);
  for (const partition of topics[0].partitions) {
    assertEquals(partition.partitionErrorCode, 0);
    assertEquals(cluster.brokers.some((node) => node.nodeId === partition.leader), true);
    assertEquals(partition.isr, [partition.leader]);
  }
  assertEquals(cluster.clusterId.length, 22);
});

await suite.check("describeConfigs shows what the topic was created with", async () => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  const value = (name: string) =>
    resources[0].configEntries.find((entry) => entry.configName === name)?.configValue;
  assertEquals(value("retention.ms"), "86400000");
  assertEquals(value("cleanup.policy"), "delete");
});

await suite.check("metadata of an unknown topic is an error, and does not create it", async () => {
  const unknown = freshTopic("unknown");
  const error = await assertRejects(() => admin.fetchTopicMetadata({ topics: [unknown] }));
  assertEquals((error as unknown as { type: string }).type, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals((await admin.listTopics()).includes(unknown), false);
});

interface Sent {
  key: Uint8Array | null;
  value: Uint8Array | null;
  timestamp: string;
  headers: Record<string, Buffer>;
}

/** A spread of records: no key, no value, empty ones, headers of bytes, text beyond ASCII, one of 100 KB. */
function records(count: number): Sent[] {
  const all: Sent[] = [];
  for (let i = 0; i < count; i++) {
    all.push({
      key: i % 5 === 0 ? null : Buffer.from(`schlüssel-${i}`),
      value: i % 7 === 3 ? null : Buffer.from(i % 7 === 4 ? "" : `value ${i} `.repeat(1 + i % 20)),
      timestamp: String(start + i * 1000),
      headers: i % 3 ? { number: Buffer.from(`${i}`), raw: Buffer.from([0, 255, i & 255]) } : {},
    });
  }
  all[count - 1].value = Buffer.alloc(100_000, "runnel");
  return all;
}

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
for (const [name, compression] of Object.entries(codecs)) {
  for (const acks of [-1, 1, 0]) {
    await suite.check(
      `${name}, acks ${acks}: keys, values, headers and timestamps return`,
      async () => {
        const name = freshTopic("kafkajs-codec");
        await admin.createTopics({
          topics: [{ topic: name, numPartitions: 1 }],
          waitForLeaders: true,
        });
        const sent = records(200);
        await producer.send({
          topic: name,
          compression,
          acks,
          messages: sent.slice(0, 120) as never,
        });
        await producer.send({ topic: name, compression, acks, messages: sent.slice(120) as never });
        const got = await readAll(name, 0, sent.length);
        assertEquals(got.map((record) => Number(record.offset)), sent.map((_, i) => i));
        for (const [i, record] of got.entries()) {
          assertEquals(plain(record), plain(sent[i]), `record ${i}`);
        }
        await admin.deleteTopics({ topics: [name] });
      },
    );
  }
}

await suite.check("offsets by timestamp find the first record at or after it", async () => {
  const messages = records(100).map((record) => ({ ...record, partition: 0 }));
  await producer.send({ topic, messages: messages as never });
  const at = async (timestamp: number) =>
    (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)).find((p) => p.partition === 0)
      ?.offset;
  assertEquals(await at(start), "0");
  assertEquals(await at(start + 42_000), "42");
  assertEquals(await at(start + 42_001), "43");
  // Past the last record kafkajs answers with the end of the log itself.
  assertEquals(await at(start + 10_000_000), "100");
});

await suite.check(
  "deleteRecords moves the start of the log; beyond its end is refused",
  async () => {
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "60" }] });
    const [offsets] = (await admin.fetchTopicOffsets(topic)).filter((p) => p.partition === 0);
    assertEquals([offsets.low, offsets.high], ["60", "100"]);
    assertEquals((await readAll(topic, 60, 40)).map((record) => record.offset)[0], "60");
    await assertRejects(() =>
      admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "101" }] })
    );
  },
);

await suite.check("createPartitions adds empty partitions", async () => {
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  assertEquals(topics[0].partitions.length, 5);
});

await suite.check("eight producers at once lose nothing and keep their own order", async () => {
  const name = freshTopic("kafkajs-many");
  await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }], waitForLeaders: true });
  await Promise.all(Array.from({ length: 8 }, async (_, who) => {
    const one = kafka.producer({ idempotent: who % 2 === 0, maxInFlightRequests: 1 });
    await one.connect();
    for (let round = 0; round < 20; round++) {
      const messages = Array.from(
        { length: 5 },
        (_, i) => ({ key: `${who}`, value: `${round * 5 + i}` }),
      );
      await one.send({ topic: name, messages });
    }
    await one.disconnect();
  }));
  const next = new Map<string, number>();
  for (const record of await readAll(name, 0, 800)) {
    const who = String(record.key);
    assertEquals(
      Number(String(record.value)),
      next.get(who) ?? 0,
      `next record of producer ${who}`,
    );
    next.set(who, (next.get(who) ?? 0) + 1);
  }
  assertEquals([...next.values()], Array(8).fill(100));
});

await suite.check("a record over max.message.bytes is refused, the producer goes on", async () => {
  const name = freshTopic("kafkajs-large");
  const configEntries = [{ name: "max.message.bytes", value: "10000" }];
  await admin.createTopics({
    topics: [{ topic: name, numPartitions: 1, configEntries }],
    waitForLeaders: true,
  });
  const error = await assertRejects(() =>
    producer.send({ topic: name, messages: [{ value: Buffer.alloc(20_000) }] })
  );
  assertEquals((error as unknown as { type: string }).type, "MESSAGE_TOO_LARGE");
  await producer.send({ topic: name, messages: [{ value: "small" }] });
  assertEquals((await readAll(name, 0, 1)).length, 1);
});

await suite.check("deleteTopics: gone from the list, and unknown from then on", async () => {
  await admin.deleteTopics({ topics: [topic] });
  assertEquals((await admin.listTopics()).includes(topic), false);
  await assertRejects(() => admin.deleteTopics({ topics: [topic] }));
});

suite.finish();

interface Got {
  offset: string;
  timestamp: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Record<string, Uint8Array>;
  isControlRecord: boolean;
}

/** Reads partition 0 from `from` until `count` records have come, through kafkajs's own cluster client. */
async function readAll(name: string, from: number, count: number): Promise<Got[]> {
  const cluster = newCluster();
  await cluster.connect();
  await cluster.addTargetTopic(name);
  const [leader] = Object.keys(cluster.findLeaderForPartitions(name, [0]));
  const node = await cluster.findBroker({ nodeId: leader });
  const got: Got[] = [];
  for (const giveUp = Date.now() + 20_000; got.length < count && Date.now() < giveUp;) {
    const fetchOffset = String(from + got.length);
    const partitions = [{ partition: 0, fetchOffset, maxBytes: 1 << 20 }];
    const { responses } = await node.fetch({
      replicaId: -1,
      isolationLevel: 1,
      maxWaitTime: 500,
      topics: [{ topic: name, partitions }],
    });
    for (const record of responses[0]?.partitions[0]?.messages ?? []) {
      // A fetch starts at the batch that holds the offset; the client drops what comes before.
      if (Number(record.offset) >= from + got.length) got.push(record);
    }
  }
  await cluster.disconnect();
  return got;
}

// kafkajs keeps its cluster client behind a symbol on the instance.
// deno-lint-ignore no-explicit-any
function newCluster(): any {
  const create = Object.getOwnPropertySymbols(kafka).find((s) =>
    s.description?.endsWith("createCluster")
  );
  if (!create) {
    throw new Error("kafkajs 2.2.4 had its createCluster on the instance; this one has not");
  }
  // deno-lint-ignore no-explicit-any
  return (kafka as any)[create]({ isolationLevel: 1, allowAutoTopicCreation: false });
}

function plain(record: Sent | Got) {
  const hex = (bytes: Uint8Array | null) =>
    bytes === null ? null : Buffer.from(bytes).toString("hex");
  const headers = Object.entries(record.headers).map(([name, value]) => [name, hex(value)]);
  return { key: hex(record.key), value: hex(record.value), timestamp: record.timestamp, headers };
}
