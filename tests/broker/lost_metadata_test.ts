/**
 * Proves what becomes of a directory whose metadata log has lost its end after a crash, with and without a repair that
 * cut it: a producer id is never given twice, partitions go on above the epochs that they were written in, and topics that
 * the log has lost are refused by name, or named by the repair, and never silently put aside.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import * as batch from "../../src/protocol/records/batch.ts";
import { CreatePartitions } from "../../src/protocol/messages/create_partitions.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { append, batchOf, fetchOne, produce, readAll, valuesIn } from "./calls.ts";
import { typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const METADATA = "__cluster_metadata-0";
const LOG = `${METADATA}/00000000000000000000.log`;

async function storage(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, out } = await typed("storage", ...args, `--storage-path=${path}`);
  return { code, text: out.trimEnd() };
}

const cutByRepair = (path: string) => storage(path, "repair", "--partition", METADATA, "--cut");

/** What `body` does on a broker that is killed behind it: the directory as kill -9 leaves it. */
async function killed(
  path: string,
  to: string,
  body: (broker: TestBroker) => Promise<unknown>,
): Promise<void> {
  await using broker = await TestBroker.start({ path });
  await body(broker);
  await copyTo(path, to);
}

async function copyTo(path: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await copyTo(`${path}/${name}`, `${to}/${name}`);
    else if (name !== ".lock") await Deno.copyFile(`${path}/${name}`, `${to}/${name}`);
  }
}

function metadataBatches(path: string): { at: number; end: number }[] {
  const b = Deno.readFileSync(`${path}/${LOG}`), found = [];
  for (const at of batch.batches(b)) found.push({ at, end: at + batch.sizeInBytes(b, at) });
  return found;
}

/** Flips a bit near the end of one of the metadata log's batches: -1 is the last. */
function damage(path: string, index: number): void {
  const b = Deno.readFileSync(`${path}/${LOG}`);
  b[metadataBatches(path).at(index)!.end - 5] ^= 1;
  Deno.writeFileSync(`${path}/${LOG}`, b);
}

async function nextId(broker: TestBroker): Promise<number> {
  const answer = await (await broker.connect()).request(InitProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1000,
    producerId: -1,
    producerEpoch: -1,
  });
  assertEquals(answer.errorCode, 0);
  return Number(answer.producerId);
}

async function grow(broker: TestBroker, name: string, count: number): Promise<void> {
  const topics = [{ name, count, assignments: null }];
  const { results } = await (await broker.connect()).request(CreatePartitions, 3, {
    topics,
    timeoutMs: 5000,
    validateOnly: false,
  });
  assertEquals(results[0].errorCode, 0);
}

async function remove(broker: TestBroker, name: string): Promise<void> {
  const request = { topics: [{ name }], timeoutMs: 1000 };
  const { responses } = await (await broker.connect()).request(DeleteTopics, 6, request);
  assertEquals(responses[0].errorCode, 0);
}

const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name);

/** Refused by the broker and by verify, in these words; a repair that is asked first says them too. */
async function isRefused(path: string, ...words: string[]): Promise<void> {
  const error = await assertRejects(() => TestBroker.start({ path }), Error);
  for (const word of words) assertStringIncludes(error.message, word);
  const { code, text } = await storage(path, "verify");
  assertEquals(code, 1, text);
  for (const word of words) assertStringIncludes(text + " runnel storage", word);
}

for (const lost of [1, 2, 3]) {
  Deno.test(`after a repair that cut ${lost} blocks of producer ids, no id is given twice`, () =>
    withDirectory(async (root) => {
      const path = `${root}/left`, given = new Set<number>();
      await killed(`${root}/a`, path, async (broker) => {
        await broker.createTopic("t");
        for (let i = 0; i < (lost - 1) * 1000 + 1; i++) given.add(await nextId(broker));
        const old = batchOf(["old"], {
          producerId: Math.max(...given),
          producerEpoch: 0,
          baseSequence: 0,
        });
        const answer = await produce(await broker.connect(), { topic: "t", records: old });
        assertEquals(answer.errorCode, 0);
      });
      damage(path, -lost);
      await isRefused(path, "is damaged");
      assertEquals((await cutByRepair(path)).code, 0);
      for (let start = 0; start < 2; start++) {
        await using broker = await TestBroker.start({ path });
        const id = await nextId(broker), connection = await broker.connect();
        assert(!given.has(id), `producer id ${id} is given twice`);
        given.add(id);
        const records = batchOf([`new ${start}`], {
          producerId: id,
          producerEpoch: 0,
          baseSequence: 0,
        });
        const answer = await produce(connection, { topic: "t", records });
        assertEquals(answer.errorCode, 0);
        const values = await readAll(connection, "t");
        assertEquals(values.at(-1), `new ${start}`, "what was acknowledged is there");
      }
    }));
}

Deno.test("producer ids go on above those that the logs hold, whatever the metadata knows", () =>
  withDirectory(async (root) => {
    const path = `${root}/left`;
    let given = -1, end = 0;
    await killed(`${root}/a`, path, async (broker) => {
      await broker.createTopic("t");
      end = Deno.statSync(`${root}/a/${LOG}`).size;
      for (let i = 0; i < 1001; i++) given = await nextId(broker);
      const old = batchOf(["old"], { producerId: given, producerEpoch: 0, baseSequence: 0 });
      const answer = await produce(await broker.connect(), { topic: "t", records: old });
      assertEquals(answer.errorCode, 0);
    });
    Deno.truncateSync(`${path}/${LOG}`, end); // both blocks, with not a byte of them left
    await using broker = await TestBroker.start({ path });
    const id = await nextId(broker);
    assert(id > given, `${id} is given, and ${given} was`);
  }));

for (const starts of [1, 3]) {
  Deno.test(`partitions that were written in ${starts} starts that a repair cut off serve at once`, () =>
    withDirectory(async (root) => {
      await killed(`${root}/0`, `${root}/1`, async (broker) => {
        await broker.createTopic("t");
        await append(await broker.connect(), "t", ["0"]);
      });
      const before = metadataBatches(`${root}/1`).length;
      for (let i = 1; i <= starts; i++) {
        await killed(`${root}/${i}`, `${root}/${i + 1}`, async (broker) => {
          await append(await broker.connect(), "t", [`${i}`]);
        });
      }
      const path = `${root}/${starts + 1}`;
      damage(path, before + 1 - metadataBatches(path).length); // in the first of their registrations
      assertEquals((await cutByRepair(path)).code, 0);
      const said = await storage(path, "verify");
      assert(!said.text.includes("damaged"), said.text); // the journal is of a later start, which proves nothing
      const expected = Array.from({ length: starts + 1 }, (_, i) => `${i}`);
      for (const [i, to] of [`${root}/x`, `${root}/y`].entries()) {
        const from = i === 0 ? path : `${root}/x`;
        await killed(from, to, async (broker) => {
          const connection = await broker.connect(), answer = await fetchOne(connection, "t", 0);
          assertEquals([answer.errorCode, valuesIn(answer.records)[0]], [0, "0"]);
          assertEquals(await readAll(connection, "t"), expected);
          await append(connection, "t", [`after ${i}`]);
          expected.push(`after ${i}`);
        });
      }
    }));
}

Deno.test("a repair of the metadata names the partitions that a start puts aside, those of a known topic too", () =>
  withDirectory(async (root) => {
    const path = `${root}/left`;
    await killed(`${root}/a`, path, async (broker) => {
      await broker.createTopic("t");
      await grow(broker, "t", 3);
      await append(await broker.connect(), "t", ["kept?"], { partition: 2 });
    });
    damage(path, -1);
    const asked = await storage(path, "repair", "--partition", METADATA);
    assertStringIncludes(asked.text, "t-1");
    assertStringIncludes(asked.text, "t-2");
    const cut = await cutByRepair(path);
    assertEquals(cut.code, 0, cut.text);
    const said = await storage(path, "verify");
    assertEquals(said.code, 0, said.text);
    {
      await using _ = await TestBroker.start({ path });
    }
    assert(namesIn(path).some((name) => /^t-2\.[0-9a-f]{32}-stray$/.test(name)));
  }));

Deno.test("a metadata log that lost whole commits after a crash is refused, by the name of what only they knew", () =>
  withDirectory(async (root) => {
    const path = `${root}/left`;
    let end = 0;
    await killed(`${root}/a`, path, async (broker) => {
      await broker.createTopic("known");
      end = Deno.statSync(`${root}/a/${LOG}`).size;
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["acknowledged"]);
      await grow(broker, "known", 2);
      await append(await broker.connect(), "known", ["acknowledged too"], { partition: 1 });
    });
    Deno.truncateSync(`${path}/${LOG}`, end);
    const before = namesIn(path).sort();
    await isRefused(path, "t-0", "known-1", "runnel storage");
    assertEquals(namesIn(path).filter((name) => name !== ".lock").sort(), before);
    const cut = await cutByRepair(path);
    assertEquals(cut.code, 0, cut.text);
    assertStringIncludes(cut.text, "t-0");
    {
      await using broker = await TestBroker.start({ path });
      await append(await broker.connect(), "known", ["goes on"]);
    }
    const aside = namesIn(path).filter((name) => /-stray$/.test(name)).map((n) => n.split(".")[0]);
    assertEquals(aside.sort(), ["known-1", "t-0"]);
    await using broker = await TestBroker.start({ path });
    assertEquals(await readAll(await broker.connect(), "known"), ["goes on"]);
  }));

Deno.test("a metadata log of before the last start is refused, since the journal beside it is of that start", () =>
  withDirectory(async (root) => {
    await killed(`${root}/a`, `${root}/b`, async (broker) => {
      await broker.createTopic("t");
      await append(await broker.connect(), "t", ["0"]);
    });
    const older = Deno.readFileSync(`${root}/b/${LOG}`);
    await killed(`${root}/b`, `${root}/c`, async (broker) => {
      await append(await broker.connect(), "t", ["1"]);
    });
    const path = `${root}/c`;
    Deno.writeFileSync(`${path}/${LOG}`, older);
    Deno.removeSync(`${path}/runnel-inventory`);
    await isRefused(path, "runnel-journal");
    const cut = await cutByRepair(path);
    assertEquals(cut.code, 0, cut.text);
    const said = await storage(path, "verify");
    assert(!said.text.includes("damaged"), said.text);
    await using broker = await TestBroker.start({ path });
    assertEquals(await readAll(await broker.connect(), "t"), ["0", "1"]);
  }));

Deno.test("wherever a metadata log ends after a crash, it is refused, or nothing is missing or given again", () =>
  withDirectory(async (root) => {
    const expected = new Map<string, string[]>();
    let highest = -1;
    const use = async (broker: TestBroker, topic: string, value: string) => {
      highest = Math.max(highest, await nextId(broker));
      const records = batchOf([value], { producerId: highest, producerEpoch: 0, baseSequence: 0 });
      const answer = await produce(await broker.connect(), { topic, records });
      assertEquals(answer.errorCode, 0);
      expected.set(topic, [...expected.get(topic) ?? [], value]);
    };
    await killed(`${root}/0`, `${root}/1`, async (broker) => {
      for (const topic of ["a", "b"]) {
        await broker.createTopic(topic);
        await use(broker, topic, `${topic} of the first`);
      }
    });
    await killed(`${root}/1`, `${root}/2`, async (broker) => {
      await broker.createTopic("c");
      for (const topic of ["a", "c", "b"]) await use(broker, topic, `${topic} of the second`);
    });
    const outcomes = { refused: 0, served: 0 };
    for (const { end } of metadataBatches(`${root}/2`)) {
      for (const isRecorded of [true, false]) {
        const path = `${root}/${end}-${isRecorded}`, what = `cut at ${end}, ${isRecorded}`;
        await copyTo(`${root}/2`, path);
        Deno.truncateSync(`${path}/${LOG}`, end);
        if (!isRecorded) Deno.removeSync(`${path}/runnel-inventory`);
        let broker: TestBroker;
        try {
          broker = await TestBroker.start({ path });
        } catch (error) {
          assertStringIncludes((error as Error).message, "runnel storage verify", what);
          outcomes.refused++;
          continue;
        }
        await using running = broker;
        const connection = await running.connect();
        for (const [topic, values] of expected) {
          assertEquals(await readAll(connection, topic), values, `${topic}, ${what}`);
        }
        assert(await nextId(running) > highest, what);
        outcomes.served++;
      }
    }
    assert(outcomes.refused > 20 && outcomes.served > 1, JSON.stringify(outcomes));
  }));

// ---- What is no loss

Deno.test("folders of a topic that was deleted, or that nothing was acknowledged in, are no reason to refuse", () =>
  withDirectory(async (root) => {
    const path = `${root}/left`;
    let older = "";
    await killed(`${root}/a`, path, async (broker) => {
      await broker.createTopic("t");
      await broker.createTopic("gone");
      await append(await broker.connect(), "gone", ["deleted"]);
      older = `${root}/gone-0`;
      await copyTo(`${root}/a/gone-0`, older);
      await remove(broker, "gone");
      await append(await broker.connect(), "t", ["kept"]);
    });
    await copyTo(older, `${path}/gone-0`); // its renaming did not reach the device
    await copyTo(`${path}/t-0`, `${path}/begun-0`);
    Deno.truncateSync(`${path}/begun-0/00000000000000000000.log`);
    Deno.writeTextFileSync(
      `${path}/begun-0/partition.metadata`,
      "version: 0\ntopic_id: 3RfaTK0rRomGYOhr6Tx8xw",
    );
    await using broker = await TestBroker.start({ path });
    assertEquals(await readAll(await broker.connect(), "t"), ["kept"]);
    assert(!namesIn(path).includes("gone-0"));
  }));

Deno.test("a topic deleted just before a kill is removed, also where a snapshot is due at every start", () =>
  withDirectory(async (root) => {
    const path = `${root}/left`;
    await killed(`${root}/a`, path, async (broker) => {
      await broker.createTopic("t");
      await broker.createTopic("gone");
      await append(await broker.connect(), "gone", ["deleted"]);
      await copyTo(`${root}/a/gone-0`, `${root}/gone-0`);
      await remove(broker, "gone");
    });
    await copyTo(`${root}/gone-0`, `${path}/gone-0`);
    for (const _ of [1, 2]) {
      await using broker = await TestBroker.start({ path, metadataSnapshotBytes: 1 });
      await broker.createTopic(`later-${crypto.randomUUID()}`);
    }
    assert(!namesIn(path).some((name) => name.endsWith("-stray") || name === "gone-0"));
  }));
