/**
 * Proves that `runnel storage verify` and a start agree: where the broker refuses, or takes a partition offline, verify
 * has found it before; and what repair has settled, the broker serves. Verify writes nothing.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import { append, readAll } from "./calls.ts";
import { typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const METADATA = "__cluster_metadata-0";
const LOG = "00000000000000000000.log";

async function storage(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, out } = await typed("storage", ...args, `--storage-path=${path}`);
  return { code, text: out.trimEnd() };
}

const verify = (path: string) => storage(path, "verify");

/** A directory that a broker stopped in cleanly, with three records in a-0. */
async function filled(path: string): Promise<void> {
  await using broker = await TestBroker.start({ path });
  await broker.createTopic("a");
  await append(await broker.connect(), "a", ["one", "two", "three"]);
  await broker.createTopic("b"); // the last commit
}

async function latest(broker: TestBroker, timestamp = -1): Promise<unknown> {
  const { topics } = await (await broker.connect()).request(ListOffsets, 5, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: "a", partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] }],
  });
  const { errorCode, offset } = topics[0].partitions[0];
  return errorCode === 0 ? Number(offset) : `error ${errorCode}`;
}

const inDirectory = (body: (path: string) => Promise<void>) => () =>
  withDirectory(async (path) => {
    await filled(path);
    const { code, text } = await verify(path);
    assertEquals([code, text.includes("no damage")], [0, true], text);
    await body(path);
  });

Deno.test(
  "a metadata log that is gone is damage, and no repair claims to mend it",
  inDirectory(async (path) => {
    await Deno.remove(`${path}/${METADATA}`, { recursive: true });
    const { code, text } = await verify(path);
    assertEquals(code, 1, text);
    assertStringIncludes(text, `${METADATA}: holds no records, but .kafka_cleanshutdown lies`);
    const repaired = await storage(path, "repair", "--partition", METADATA, "--cut");
    assertEquals(repaired.code, 1, repaired.text);
    assertStringIncludes(repaired.text, "backup");
    await assertRejects(() => TestBroker.start({ path }), Error, "holds no records");
  }),
);

Deno.test(
  "a metadata log that lost its end is cut, and the broker starts",
  inDirectory(async (path) => {
    const file = `${path}/${METADATA}/${LOG}`;
    await Deno.truncate(file, (await Deno.stat(file)).size - 5);
    const { code, text } = await verify(path);
    assertEquals(code, 1, text);
    for (const word of ["at offset 0", "runnel-inventory", "cut at start"]) {
      assert(!text.includes(word), text);
    }
    await assertRejects(() => TestBroker.start({ path }), Error, "had reached");
    const asked = await storage(path, "repair", "--partition", METADATA);
    assertEquals(asked.code, 1, asked.text);
    assertStringIncludes(asked.text, "Nothing has been changed");
    assertStringIncludes(asked.text, "does not know the topics of b-0");
    const repaired = await storage(path, "repair", "--partition", METADATA, "--cut");
    assertEquals(repaired.code, 0, repaired.text);
    const after = await verify(path);
    assertEquals(after.code, 0, after.text);
    assertStringIncludes(after.text, "put aside      b-0");
    assert(!after.text.includes("runnel-inventory"), after.text);
    await using broker = await TestBroker.start({ path });
    assertEquals(await readAll(await broker.connect(), "a"), ["one", "two", "three"]);
    const names = [...Deno.readDirSync(path)].map(({ name }) => name);
    assert(names.some((name) => /^b-0\.[0-9a-f]{32}-stray$/.test(name)), names.join());
  }),
);

for (const what of ["a-0", `a-0/${LOG}`]) {
  Deno.test(
    `a partition without ${what} is damage; its log begins again where it ended`,
    inDirectory(async (path) => {
      await Deno.remove(`${path}/${what}`, { recursive: true });
      const { code, text } = await verify(path);
      assertEquals(code, 1, text);
      assertStringIncludes(text, "damaged        a-0");
      assertStringIncludes(text, "up to offset 3");
      {
        await using broker = await TestBroker.start({ path });
        assertStringIncludes(String(await latest(broker)), "error");
      }
      const asked = await storage(path, "repair", "--partition", "a-0");
      assertEquals(asked.code, 1, asked.text);
      assertStringIncludes(asked.text, "begin again at offset 3");
      const repaired = await storage(path, "repair", "--partition=a-0", "--cut");
      assertEquals(repaired.code, 0, repaired.text);
      const after = await verify(path);
      assertEquals(after.code, 0, after.text);
      for (const [value, end] of [["four", 3], ["five", 4]] as const) {
        await using broker = await TestBroker.start({ path });
        assertEquals([await latest(broker, -2), await latest(broker)], [3, end]);
        await append(await broker.connect(), "a", [value]);
      }
      assertEquals((await verify(path)).code, 0);
    }),
  );
}

/** Two segments: of offset 0, and of offset 1 on. */
async function rolled(path: string): Promise<void> {
  await using broker = await TestBroker.start({ path, topic: { "segment.bytes": "1048576" } });
  await broker.createTopic("a");
  await broker.createTopic("c");
  const connection = await broker.connect();
  for (const size of [900_000, 300_000]) await append(connection, "a", ["x".repeat(size)]);
  await append(connection, "c", ["one"]);
}

Deno.test("a log without its first segment is damage; repair lets it begin with the next", () =>
  withDirectory(async (path) => {
    await rolled(path);
    await Deno.remove(`${path}/a-0/${LOG}`);
    const { code, text } = await verify(path);
    assertEquals(code, 1, text);
    assertStringIncludes(text, "the log begins at offset 1, and its start is 0");
    {
      await using broker = await TestBroker.start({ path });
      assertStringIncludes(String(await latest(broker)), "error");
    }
    const asked = await storage(path, "repair", "--partition", "a-0");
    assertStringIncludes(asked.text, "from offset 0 up to 1 ");
    assertEquals((await storage(path, "repair", "--partition", "a-0", "--cut")).code, 0);
    const after = await verify(path);
    assertEquals(after.code, 0, after.text);
    await using broker = await TestBroker.start({ path });
    assertEquals([await latest(broker, -2), await latest(broker)], [1, 2]);
  }));

Deno.test("a log without its last segment says whose offsets are given again", () =>
  withDirectory(async (path) => {
    await rolled(path);
    await Deno.remove(`${path}/a-0/00000000000000000001.log`);
    const { text } = await verify(path);
    assertStringIncludes(text, "was synced up to 2; nothing lies there and behind\n");
    const asked = await storage(path, "repair", "--partition", "a-0");
    assertStringIncludes(asked.text, "from offset 1 up to 2, none of which is there, would be");
    assertStringIncludes(asked.text, "offsets from 1 on would be given again");
    assertEquals((await storage(path, "repair", "--partition", "a-0", "--cut")).code, 0);
    await using broker = await TestBroker.start({ path });
    assertEquals([await latest(broker, -2), await latest(broker)], [0, 1]);
  }));

Deno.test("folders that have changed places are damage, and no repair cuts them", () =>
  withDirectory(async (path) => {
    await rolled(path);
    for (const [from, to] of [["a-0", "t"], ["c-0", "a-0"], ["t", "c-0"]]) {
      await Deno.rename(`${path}/${from}`, `${path}/${to}`);
    }
    const { code, text } = await verify(path);
    assertEquals(code, 1, text);
    for (const folder of ["a-0", "c-0"]) {
      assertStringIncludes(text, `damaged        ${folder}: is of topic id `);
      const { code, text: told } = await storage(path, "repair", "--partition", folder, "--cut");
      assertEquals([code, told.includes("No cut")], [1, true], told);
    }
  }));

Deno.test(
  "an inventory that is of no use is told",
  inDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/runnel-inventory`, "x", { append: true });
    const { code, text } = await verify(path);
    assertEquals(code, 0, text);
    assertStringIncludes(text, "rebuilt        runnel-inventory: is of no use");
  }),
);

Deno.test(
  "a folder of no topic is put aside, which is all that is said of it",
  inDirectory(async (path) => {
    await Deno.mkdir(`${path}/foo-3`);
    await Deno.copyFile(`${path}/a-0/${LOG}`, `${path}/foo-3/${LOG}`);
    const { code, text } = await verify(path);
    assertEquals([code, text.split("\n").length], [0, 2], text);
    assertStringIncludes(text, "put aside      foo-3: ");
  }),
);

Deno.test("a directory that is none of a broker's is refused, and nothing is written there", () =>
  withDirectory(async (path) => {
    assertStringIncludes((await typed("storage", "verify", path)).error, "meta.properties");
    await Deno.writeTextFile(`${path}/photo`, "");
    assertStringIncludes((await typed("storage", "verify", path)).error, "meta.properties");
    assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), ["photo"]);
    await Deno.remove(`${path}/photo`);
    await filled(path);
    await Deno.remove(`${path}/.lock`);
    await verify(path);
    assert(![...Deno.readDirSync(path)].some(({ name }) => name === ".lock"));
    {
      await using _broker = await TestBroker.start({ path });
      const { code } = await verify(path);
      assertEquals(code, 1, "a broker runs on it");
    }
    await Deno.remove(`${path}/meta.properties`);
    const { code, text } = await verify(path);
    assertEquals(code, 1);
    assertStringIncludes(text, "damaged        meta.properties: is missing");
    const repaired = await storage(path, "repair", "--partition", METADATA, "--cut");
    assertEquals([repaired.code, repaired.text.includes("meta.properties")], [1, true]);
  }));

Deno.test(
  "a directory may be given bare, but not beside the flag",
  inDirectory(async (path) => {
    const { code, out } = await typed("storage", "verify", path);
    assertEquals([code, out.includes("no damage")], [0, true], out);
    const both = await storage(path, "verify", "other");
    assertEquals([both.code, both.text], [1, ""]);
  }),
);

Deno.test(
  "a transaction that no coordinator knows is told, and is no damage",
  inDirectory(async (path) => {
    const producer = { producerId: 7, producerEpoch: 2, baseSequence: 0, isTransactional: true };
    const records = [{ timestampMs: Date.now(), value: new Uint8Array(1) }];
    const bytes = buildBatch({ records, ...producer });
    batch.assign(bytes, 0, 3, 0);
    await Deno.writeFile(`${path}/a-0/${LOG}`, bytes, { append: true });
    await Deno.remove(`${path}/.kafka_cleanshutdown`); // so that the log may be longer than was written down
    const { code, text } = await verify(path);
    assertEquals(code, 0, text);
    assertStringIncludes(
      text,
      "hanging        a-0: the transaction of producer 7, epoch 2, is open from offset 3 on, and no coordinator knows it",
    );
  }),
);
