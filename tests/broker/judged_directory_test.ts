/**
 * Proves that `runnel storage verify`, repair and a start judge a directory by the same things: what verify calls sound is
 * served whole, what it calls damaged is offline, and what repair has settled is served. Each directory is that of a
 * broker, stopped or copied as kill -9 leaves it, to which something is done.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { append, batchOf, fetchOne, recordsIn } from "./calls.ts";
import { typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const LOG = "t-0/00000000000000000000.log";
const STOPS = ["a clean stop", "kill -9"] as const;

async function storage(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, out } = await typed("storage", ...args, `--storage-path=${path}`);
  return { code, text: out.trimEnd() };
}

/** The directory that a broker leaves; `fill` gets a connection, topic t is there. */
async function left(
  path: string,
  stop: typeof STOPS[number],
  fill: (connection: Connection, broker: TestBroker) => Promise<void>,
  configs: Record<string, string> = {},
): Promise<string> {
  const running = `${path}/running`, copy = `${path}/copy`;
  await using broker = await TestBroker.start({ path: running });
  await broker.createTopic("t", { configs });
  await fill(await broker.connect(), broker);
  if (stop === "kill -9") {
    copyTo(running, copy);
    return copy;
  }
  await broker.stop();
  return running;
}

/** As a crash leaves it; nothing is written meanwhile. */
function copyTo(path: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (isDirectory) copyTo(`${path}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${path}/${name}`, `${to}/${name}`);
  }
}

/** What a broker serves of t from an offset on; the error is that of the last fetch. */
async function served(
  path: string,
  from = 0,
): Promise<{ error: number; values: string[]; left: string }> {
  await using broker = await TestBroker.start({ path });
  const connection = await broker.connect(), values: string[] = [];
  for (let at = from;;) {
    const { errorCode, records } = await fetchOne(connection, "t", at);
    const more = recordsIn(records).filter(({ offset }) => offset >= at)
      .map(({ value }) => new TextDecoder().decode(value!).slice(0, 5).trim());
    if (errorCode !== 0 || more.length === 0) {
      const copy = `${path}-killed`;
      copyTo(path, copy);
      return { error: errorCode, values, left: copy };
    }
    values.push(...more);
    at += more.length;
  }
}

async function deleteBelow(connection: Connection, offset: number): Promise<void> {
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset }] }];
  const answer = await connection.request(DeleteRecords, 2, { topics, timeoutMs: 5000 });
  assertEquals(answer.topics[0].partitions[0].errorCode, 0);
}

function appendTo(path: string, bytes: Uint8Array): void {
  Deno.writeFileSync(path, bytes, { append: true });
}

for (const stop of STOPS) {
  Deno.test(`records deleted up to within a batch, ${stop}: verify finds nothing wrong`, () =>
    withDirectory(async (root) => {
      const path = await left(root, stop, async (connection) => {
        for (let i = 0; i < 5; i++) {
          await append(
            connection,
            "t",
            [1, 2, 3, 4].map((n) => `${i}.${n}`),
          );
        }
        await deleteBelow(connection, 3);
      });
      const { code, text } = await storage(path, "verify");
      assertEquals(code, 0, text);
      const repaired = await storage(path, "repair", "--partition", "t-0", "--cut");
      assertStringIncludes(repaired.text, "nothing to repair");
      assertEquals((await served(path, 3)).values.length, 17);
    }));
}

for (const marker of ["none", "of an earlier run"]) {
  Deno.test(`after a crash, with a clean-stop marker ${marker}: what was acknowledged is put back from the journal`, () =>
    withDirectory(async (root) => {
      const path = await left(root, "a clean stop", async () => {});
      const old = Deno.readFileSync(`${path}/.kafka_cleanshutdown`), killed = `${root}/killed`;
      {
        await using broker = await TestBroker.start({ path });
        const connection = await broker.connect();
        for (let i = 0; i < 20; i++) await append(connection, "t", [`v${i}`]);
        copyTo(path, killed);
      }
      Deno.truncateSync(`${killed}/${LOG}`, 0); // a power loss: the journal alone was synced
      if (marker !== "none") Deno.writeFileSync(`${killed}/.kafka_cleanshutdown`, old);
      const { code, text } = await storage(killed, "verify");
      assertEquals([code, text.includes("put back")], [0, true], text);
      assertEquals((await served(killed)).values.length, 20);
    }));
}

Deno.test("a marker that Kafka left, of the last registration and without an inventory of that run, is a clean stop", () =>
  withDirectory(async (root) => {
    const path = await left(
      root,
      "a clean stop",
      (connection) => append(connection, "t", ["v"]).then(),
    );
    Deno.removeSync(`${path}/runnel-inventory`);
    appendTo(`${path}/${LOG}`, new Uint8Array(100).fill(0xab)); // after an unclean stop: a torn end
    const { code, text } = await storage(path, "verify");
    assert(!text.includes("not proved"), text); // the journal of no run is asked for
    assertEquals(code, 0, text);
  }));

for (const journal of ["there", "gone"]) {
  Deno.test(`a log that ends below the durable end that was written down, journal ${journal}: whole, or offline`, () =>
    withDirectory(async (root) => {
      const path = await left(root, "kill -9", async (connection) => {
        for (let i = 0; i < 10; i++) await append(connection, "t", [`v${i}`]);
        await deleteBelow(connection, 1); // writes everything down
      });
      Deno.truncateSync(`${path}/${LOG}`, 0);
      for (const { name } of [...Deno.readDirSync(path)]) {
        if (journal === "gone" && name.startsWith("runnel-journal")) {
          Deno.removeSync(`${path}/${name}`);
        }
      }
      const { code } = await storage(path, "verify");
      const { error, values } = await served(path, 1);
      assertEquals([code, error, values.length], journal === "gone" ? [1, 56, 0] : [0, 0, 9]);
    }));
}

Deno.test("bytes behind a segment that the next one continues are no damage, and what repair leaves is served", () =>
  withDirectory(async (root) => {
    const big = "x".repeat(300_000), configs = { "segment.bytes": "1048576" };
    const path = await left(root, "kill -9", async (connection) => {
      for (let i = 0; i < 12; i++) await append(connection, "t", [`v${i} ${big}`]);
    }, configs);
    appendTo(`${path}/${LOG}`, new Uint8Array(100).fill(0xab));
    const { code, text } = await storage(path, "verify");
    assertEquals(code, 0, text);
    const first = await served(path);
    assertEquals([first.error, first.values.length], [0, 12]);
    // What is cut for real is remembered as it is then.
    const last = Deno.readFileSync(`${first.left}/t-0/00000000000000000006.log`);
    last[last.length - 10] ^= 1;
    Deno.writeFileSync(`${first.left}/t-0/00000000000000000006.log`, last);
    const damaged = await storage(first.left, "repair", "--partition", "t-0", "--cut");
    assertEquals(damaged.code, 0, damaged.text);
    const second = await served(first.left);
    assertEquals([second.error, second.values.length], [0, 8], damaged.text);
  }));

Deno.test("a start that is cut off behind its registration leaves the last run's journal what it was", () =>
  withDirectory(async (root) => {
    const path = await left(root, "kill -9", async (connection) => {
      for (let i = 0; i < 5; i++) await append(connection, "t", [`v${i}`]);
    });
    const hole = batchOf(["torn"]).fill(0), whole = batchOf(["whole"]);
    batch.assign(whole, 0, 6, 0);
    appendTo(`${path}/${LOG}`, hole);
    appendTo(`${path}/${LOG}`, whole);
    Deno.mkdirSync(`${path}/runnel-journal-2`); // the start comes as far as that
    for (let i = 0; i < 3; i++) {
      const refused = await TestBroker.start({ path }).then(() => "started", String);
      assertStringIncludes(refused, "runnel-journal-2");
    }
    Deno.removeSync(`${path}/runnel-journal-2`);
    const { code, text } = await storage(path, "verify");
    assertEquals(code, 0, text);
    const { error, values } = await served(path);
    assertEquals([error, values], [0, ["v0", "v1", "v2", "v3", "v4"]]);
  }));

for (const batches of [1, 3]) {
  Deno.test(`a leader epoch one too high in the last of ${batches} batches: verify says what the start does`, () =>
    withDirectory(async (root) => {
      const path = await left(root, "kill -9", async (connection) => {
        for (let i = 0; i < batches; i++) await append(connection, "t", [`v${i}`]);
      });
      const bytes = Deno.readFileSync(`${path}/${LOG}`);
      bytes[bytes.length / batches * (batches - 1) + 15] ^= 1;
      Deno.writeFileSync(`${path}/${LOG}`, bytes);
      for (const { name } of [...Deno.readDirSync(path)]) {
        if (name.startsWith("runnel-journal")) Deno.removeSync(`${path}/${name}`);
      }
      const { code } = await storage(path, "verify");
      assertEquals(code === 0, (await served(path)).error === 0);
    }));
}
