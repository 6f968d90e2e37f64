/**
 * Proves what a directory keeps: over a clean stop, and over a crash, which is played by copying the directory while
 * the broker runs and starting on the copy. Promises 1, 5, 10, 11, 12, 15, 16 and 18 as a client sees them.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { joined } from "../../src/protocol/codec.ts";
import { CreatePartitions } from "../../src/protocol/messages/create_partitions.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../../src/protocol/messages/offset_for_leader_epoch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import {
  append,
  batchOf,
  EARLIEST,
  fetch,
  fetchOne,
  LATEST,
  listOffset,
  produce,
  produceRequest,
  readAll,
} from "./calls.ts";
import { requestBytes, TestBroker, withDirectory, within } from "./harness.ts";

/** Runs a broker on a directory for as long as `body` takes. */
async function run(path: string, body: (broker: TestBroker) => Promise<void>): Promise<void> {
  await using broker = await TestBroker.start({ path });
  await body(broker);
}

/**
 * A directory in the state a crash at this moment would leave it in. While it is copied it grows: files go before
 * folders and newer segments before older ones, so that nothing in the copy is ahead of what it builds on.
 */
async function copyOf(path: string, to: string): Promise<string> {
  await Deno.mkdir(to);
  const entries = [...Deno.readDirSync(path)];
  const order = (entry: Deno.DirEntry) => `${entry.isDirectory ? 0 : 1}${entry.name}`;
  for (const { name, isDirectory } of entries.sort((a, b) => order(a) < order(b) ? 1 : -1)) {
    if (isDirectory) await copyOf(`${path}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${path}/${name}`, `${to}/${name}`).catch(unlessGone);
  }
  return to;
}

/** A temporary file that was renamed meanwhile is there under its own name. */
function unlessGone(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function removeAll(folder: string, pattern: RegExp): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (pattern.test(name)) await Deno.remove(`${folder}/${name}`);
  }
}

/** What a client can see of the metadata. */
async function metadataOf(broker: TestBroker) {
  const connection = await broker.connect();
  const { clusterId, topics } = await connection.request(Metadata, 12, { topics: null });
  const shown = topics.map(({ name, topicId, partitions }) => {
    return `${name} ${topicId} ${partitions.length}`;
  });
  return { clusterId, topics: shown.sort() };
}

async function segmentFile(path: string, folder: string): Promise<string> {
  for await (const { name } of Deno.readDir(`${path}/${folder}`)) {
    if (name.endsWith(".log")) return `${path}/${folder}/${name}`;
  }
  throw new Error(`no segment in ${folder}`);
}

// ---- A clean stop

Deno.test("a clean stop and start keeps cluster id, topics, ids, configs, offsets and records", () =>
  withDirectory(async (path) => {
    let before: unknown;
    await run(path, async (broker) => {
      await broker.createTopic("t", { partitions: 3, configs: { "retention.ms": "-1" } });
      await broker.createTopic("gone");
      const connection = await broker.connect();
      await append(connection, "t", ["a", "b"]);
      await append(connection, "t", ["c"]);
      await append(connection, "t", ["x"], { partition: 2 });
      const growth = [{ name: "t", count: 4, assignments: null }];
      const grow = { topics: growth, timeoutMs: 1000, validateOnly: false };
      await connection.request(CreatePartitions, 3, grow);
      const gone = { topics: [{ name: "gone" }], timeoutMs: 1000 };
      await connection.request(DeleteTopics, 6, gone);
      const cut = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 1 }] }];
      await connection.request(DeleteRecords, 2, { topics: cut, timeoutMs: 1000 });
      before = await metadataOf(broker);
    });
    for (let times = 0; times < 2; times++) {
      await run(path, async (broker) => {
        assertEquals(await metadataOf(broker), before);
        const connection = await broker.connect();
        assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 1);
        assertEquals((await listOffset(connection, "t", LATEST)).offset, 3 + times);
        assertEquals((await readAll(connection, "t", 0, 1)).slice(0, 2), ["b", "c"]);
        assertEquals(await readAll(connection, "t", 2), ["x"]);
        assertEquals(await append(connection, "t", ["d"]), 3 + times);
        const resources = [{
          resourceType: 2,
          resourceName: "t",
          configurationKeys: ["retention.ms"],
        }];
        const { results } = await connection.request(DescribeConfigs, 4, { resources });
        assertEquals(results[0].configs[0].value, "-1");
      });
    }
  }));

Deno.test("a producer's last batch is known after a clean stop, and its next one goes on", () =>
  withDirectory(async (path) => {
    const send = async (broker: TestBroker, baseSequence: number) => {
      const records = batchOf(["x"], { producerId: 4000, producerEpoch: 2, baseSequence });
      const answer = await produce(await broker.connect(), { topic: "t", records });
      return [answer.errorCode, answer.baseOffset];
    };
    await run(path, async (broker) => {
      await broker.createTopic("t");
      for (let i = 0; i < 3; i++) assertEquals(await send(broker, i), [0, i]);
    });
    await run(path, async (broker) => {
      assertEquals(await send(broker, 2), [0, 2], "a retry");
      assertEquals(await send(broker, 4), [45, -1], "a gap");
      assertEquals(await send(broker, 3), [0, 3]);
    });
  }));

Deno.test("producer ids are never given twice, whether the broker stopped or crashed", () =>
  withDirectory(async (path) => {
    const ids: number[] = [];
    const take = async (broker: TestBroker) => {
      const connection = await broker.connect();
      const request = { transactionalId: null, transactionTimeoutMs: 0 };
      for (let i = 0; i < 3; i++) {
        ids.push((await connection.request(InitProducerId, 4, request)).producerId);
      }
    };
    await run(`${path}/a`, async (broker) => {
      await take(broker);
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await run(`${path}/a`, take);
    assertEquals(new Set(ids).size, 6);
    ids.splice(3); // the copy knows nothing of what came later
    await run(`${path}/b`, take);
    assertEquals(new Set(ids).size, 6);
  }));

Deno.test("a leader epoch stays over a clean stop and rises over a crash", () =>
  withDirectory(async (path) => {
    const epochError = async (broker: TestBroker, currentLeaderEpoch: number) => {
      const partitions = [{ partition: 0, fetchOffset: 0, currentLeaderEpoch }];
      const { responses } = await fetch(await broker.connect(), [{ topic: "t", partitions }]);
      return responses[0].partitions[0].errorCode;
    };
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["a"]);
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await run(`${path}/a`, async (broker) => assertEquals(await epochError(broker, 0), 0));
    await run(`${path}/b`, async (broker) => {
      assertEquals(await epochError(broker, 0), 74);
      assertEquals(await epochError(broker, 1), 0);
      const connection = await broker.connect();
      const { topics } = await connection.request(Metadata, 9, { topics: [{ name: "t" }] });
      assertEquals(topics[0].partitions[0].leaderEpoch, 1);
      assertEquals((await fetchOne(connection, "t", 0)).records!.length > 0, true);
    });
  }));

Deno.test("a deleted topic does not come back, and one of its name has another id", () =>
  withDirectory(async (path) => {
    let oldId = "";
    await run(path, async (broker) => {
      oldId = await broker.createTopic("t");
      const connection = await broker.connect();
      await append(connection, "t", ["old"]);
      await connection.request(DeleteTopics, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
    });
    await run(path, async (broker) => {
      assertEquals((await metadataOf(broker)).topics, []);
      assertNotEquals(await broker.createTopic("t"), oldId);
      assertEquals(await readAll(await broker.connect(), "t"), []);
    });
  }));

// ---- A crash

Deno.test("where an old leader epoch ended is known after crashes, from the log alone", () =>
  withDirectory(async (path) => {
    for (const [epoch, from] of ["a", "b"].entries()) {
      await run(`${path}/${from}`, async (broker) => {
        const connection = await broker.connect();
        if (epoch === 0) await broker.createTopic("t");
        await append(connection, "t", epoch === 0 ? ["a", "b"] : ["c"]);
        await copyOf(`${path}/${from}`, `${path}/${epoch === 0 ? "b" : "c"}`);
      });
    }
    await removeAll(`${path}/c/t-0`, /leader-epoch/);
    await run(`${path}/c`, async (broker) => {
      await append(await broker.connect(), "t", ["d"]);
      const connection = await broker.connect();
      const ends = [];
      for (const leaderEpoch of [0, 1, 2]) {
        const partitions = [{ partition: 0, leaderEpoch }];
        const { topics } = await connection.request(OffsetForLeaderEpoch, 4, {
          topics: [{ topic: "t", partitions }],
        });
        ends.push([topics[0].partitions[0].leaderEpoch, topics[0].partitions[0].endOffset]);
      }
      assertEquals(ends, [[0, 2], [1, 3], [2, 4]]);
    });
  }));

Deno.test("after a crash every acknowledged record is there, over many partitions, once and in order", () =>
  withDirectory(async (path) => {
    const partitions = 20;
    let before: unknown;
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t", { partitions });
      const connection = await broker.connect();
      await Promise.all(
        Array.from(
          { length: partitions * 5 },
          (_, i) =>
            append(connection, "t", [`${Math.floor(i / partitions)}`], {
              partition: i % partitions,
            }),
        ),
      );
      before = await metadataOf(broker);
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await run(`${path}/b`, async (broker) => {
      assertEquals(await metadataOf(broker), before);
      const connection = await broker.connect();
      for (let partition = 0; partition < partitions; partition++) {
        assertEquals(await readAll(connection, "t", partition), ["0", "1", "2", "3", "4"]);
      }
    });
  }));

for (const [bytes, count] of [[10, 400], [60_000, 80]]) {
  const valueOf = (i: number) => `${i}:${"x".repeat(bytes)}`;
  Deno.test(`a crash amid writes of ${bytes} bytes loses nothing acknowledged before it and leaves no hole`, () =>
    withDirectory(async (path) => {
      let acknowledged = 0, atCrash = 0;
      await run(`${path}/a`, async (broker) => {
        await broker.createTopic("t", { configs: { "segment.bytes": "1048576" } });
        const wire = await broker.wire();
        const writing = wire.write(joined(Array.from({ length: count }, (_, i) => {
          const request = produceRequest(9, { topic: "t", records: batchOf([valueOf(i)]) });
          return requestBytes(Produce, 9, request, i);
        })));
        const crash = async () => {
          atCrash = acknowledged;
          await copyOf(`${path}/a`, `${path}/b`);
        };
        let crashing: Promise<void> | null = null;
        for (; acknowledged < count; acknowledged++) {
          if (acknowledged === count / 4) crashing = crash();
          await within(wire.answer(Produce, 9), "an answer");
        }
        await crashing;
        await writing;
      });
      await run(`${path}/b`, async (broker) => {
        const values = await readAll(await broker.connect(), "t");
        assert(values.length >= atCrash, `${values.length} of ${atCrash} acknowledged records`);
        assertEquals(values, Array.from({ length: values.length }, (_, i) => valueOf(i)));
      });
    }));
}

Deno.test("a producer's retries are known after a crash, from the log alone", () =>
  withDirectory(async (path) => {
    const records = () => batchOf(["x"], { producerId: 4000, producerEpoch: 0, baseSequence: 0 });
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t");
      const connection = await broker.connect();
      await append(connection, "t", ["before"]);
      assertEquals((await produce(connection, { topic: "t", records: records() })).baseOffset, 1);
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await removeAll(`${path}/b/t-0`, /\.snapshot$/);
    await run(`${path}/b`, async (broker) => {
      const connection = await broker.connect();
      assertEquals((await produce(connection, { topic: "t", records: records() })).baseOffset, 1);
      assertEquals(await readAll(connection, "t"), ["before", "x"]);
    });
  }));

Deno.test("half a batch at the end of a log is cut off, and the log goes on behind the last whole one", () =>
  withDirectory(async (path) => {
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t");
      const connection = await broker.connect();
      for (const value of ["a", "b"]) await append(connection, "t", [value]);
      await copyOf(`${path}/a`, `${path}/b`);
    });
    const file = await segmentFile(`${path}/b`, "t-0");
    const torn = batchOf(["torn"]);
    await Deno.writeFile(file, torn.subarray(0, 40), { append: true });
    await run(`${path}/b`, async (broker) => {
      const connection = await broker.connect();
      assertEquals(await readAll(connection, "t"), ["a", "b"]);
      assertEquals(await append(connection, "t", ["c"]), 2);
      assertEquals(await readAll(connection, "t"), ["a", "b", "c"]);
    });
  }));

Deno.test("a damaged batch with good ones behind it takes its partition offline (56), the others serve", () =>
  withDirectory(async (path) => {
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t", { partitions: 2 });
      const connection = await broker.connect();
      for (const value of ["a", "b", "c"]) {
        for (const partition of [0, 1]) await append(connection, "t", [value], { partition });
      }
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await removeAll(`${path}/b`, /journal/);
    const file = await segmentFile(`${path}/b`, "t-0");
    const bytes = await Deno.readFile(file);
    bytes[bytes.length / 3 + 30] ^= 1; // in the second of three batches of one size
    await Deno.writeFile(file, bytes);
    for (let times = 0; times < 2; times++) {
      await run(`${path}/b`, async (broker) => {
        const connection = await broker.connect();
        assertEquals((await fetchOne(connection, "t", 0)).errorCode, 56, `start ${times}`);
        const refused = await produce(connection, { topic: "t", records: batchOf(["d"]) });
        assertEquals(refused.errorCode, 56);
        assertEquals((await listOffset(connection, "t", LATEST)).errorCode, 56);
        const other = await readAll(connection, "t", 1);
        assertEquals(other.slice(0, 3), ["a", "b", "c"]);
        await append(connection, "t", ["d"], { partition: 1 });
      });
      assertEquals(await Deno.readFile(file), bytes, "its bytes stay as they are");
    }
  }));

Deno.test("indexes, snapshots and checkpoints are made anew from the log", () =>
  withDirectory(async (path) => {
    const values = Array.from({ length: 50 }, (_, i) => `${i}:${"x".repeat(500)}`);
    await run(path, async (broker) => {
      await broker.createTopic("t");
      const connection = await broker.connect();
      for (const [i, value] of values.entries()) {
        await append(connection, "t", [value], {
          batch: { producerId: 1, producerEpoch: 0, baseSequence: i },
        });
      }
    });
    await removeAll(`${path}/t-0`, /\.(index|timeindex|snapshot|txnindex)$|leader-epoch/);
    await removeAll(path, /checkpoint$|cleanshutdown$/);
    await run(path, async (broker) => {
      const connection = await broker.connect();
      assertEquals(await readAll(connection, "t"), values);
      assertEquals(await readAll(connection, "t", 0, 40), values.slice(40));
      const late = await listOffset(connection, "t", Date.now() + 60_000);
      assertEquals([late.errorCode, late.offset], [0, -1]);
      const records = batchOf(["x"], { producerId: 1, producerEpoch: 0, baseSequence: 60 });
      assertEquals((await produce(connection, { topic: "t", records })).errorCode, 45);
    });
  }));

Deno.test("records that DeleteRecords removed stay removed after a crash", () =>
  withDirectory(async (path) => {
    await run(`${path}/a`, async (broker) => {
      await broker.createTopic("t");
      const connection = await broker.connect();
      await append(connection, "t", ["a", "b", "c"]);
      const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 2 }] }];
      await connection.request(DeleteRecords, 2, { topics, timeoutMs: 1000 });
      await copyOf(`${path}/a`, `${path}/b`);
    });
    await run(`${path}/b`, async (broker) => {
      const connection = await broker.connect();
      assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 2);
      assertEquals((await fetchOne(connection, "t", 0)).errorCode, 1);
      assertEquals(await readAll(connection, "t", 0, 2), ["c"]);
    });
  }));
