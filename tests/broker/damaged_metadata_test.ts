/**
 * Proves what a start makes of a directory whose state is damaged: metadata, its snapshots, the ids of the directory,
 * committed offsets, and a directory that is somebody else's. Each time it is served right, or refused in words that
 * name the file; never a wrong answer, and never a folder gone. Promises 20 and 21.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseUuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { DeleteGroups } from "../../src/protocol/messages/delete_groups.ts";
import { DescribeConfigs } from "../../src/protocol/messages/describe_configs.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { Heartbeat } from "../../src/protocol/messages/heartbeat.ts";
import { ListGroups } from "../../src/protocol/messages/list_groups.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { append, readAll } from "./calls.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const METADATA = "__cluster_metadata-0";
const LOG = `${METADATA}/00000000000000000000.log`;

/** Every file with its content, and every folder; the lock is not looked at. */
async function contents(path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (name === ".lock") continue;
    if (!isDirectory) found.set(name, (await Deno.readFile(`${path}/${name}`)).join());
    else {
      found.set(`${name}/`, "");
      for (const [inner, bytes] of await contents(`${path}/${name}`)) {
        found.set(`${name}/${inner}`, bytes);
      }
    }
  }
  return found;
}

async function copyOf(path: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await copyOf(`${path}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${path}/${name}`, `${to}/${name}`).catch(unlessGone);
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Refused before anything is written, with these words in the message. */
async function refused(path: string, ...words: string[]): Promise<void> {
  const before = await contents(path);
  const error = await assertRejects(() => TestBroker.start({ path }), Error);
  for (const word of words) assertStringIncludes(error.message, word);
  assertEquals([...await contents(path)], [...before], "nothing may be written or removed");
}

/** A directory that a broker stopped in cleanly, with two topics and a config; and one as kill -9 leaves it. */
async function filled(path: string): Promise<{ clean: string; unclean: string }> {
  const clean = `${path}/clean`, unclean = `${path}/unclean`;
  await using broker = await TestBroker.start({ path: clean });
  await broker.createTopic("a", { configs: { "retention.ms": "1234" } });
  await broker.createTopic("b", { partitions: 2 });
  await append(await broker.connect(), "a", ["kept"]);
  await copyOf(clean, unclean);
  return { clean, unclean };
}

async function servesAll(path: string): Promise<void> {
  await using broker = await TestBroker.start({ path });
  const connection = await broker.connect();
  const { topics } = await connection.request(Metadata, 12, { topics: null });
  assertEquals(topics.map(({ name }) => name).sort(), ["a", "b"]);
  const resources = [{
    resourceType: 2,
    resourceName: "a",
    configurationKeys: ["retention.ms"],
  }];
  const { results } = await connection.request(DescribeConfigs, 4, { resources });
  assertEquals(results[0].configs[0].value, "1234");
  assertEquals(await readAll(connection, "a"), ["kept"]);
}

/** Damages a copy of each directory, and looks. */
async function eachStop(
  body: (path: string, stop: "clean" | "unclean") => Promise<void>,
): Promise<void> {
  await withDirectory(async (path) => {
    const { clean, unclean } = await filled(path);
    await body(clean, "clean");
    await body(unclean, "unclean");
  });
}

// ---- The metadata log

Deno.test("a metadata log that is missing beside partitions is refused, and no folder goes", () =>
  eachStop(async (path) => {
    await Deno.remove(`${path}/${METADATA}`, { recursive: true });
    await refused(path, METADATA, "a-0", "runnel storage verify");
  }));

Deno.test("a metadata log that was emptied beside partitions is refused, and no folder goes", () =>
  eachStop(async (path) => {
    await Deno.truncate(`${path}/${LOG}`, 0);
    await refused(path, METADATA, "a-0", "runnel storage verify");
  }));

Deno.test("a metadata log that lost 17 bytes after a clean stop is refused", () =>
  withDirectory(async (path) => {
    const { clean } = await filled(path);
    await Deno.truncate(`${clean}/${LOG}`, (await Deno.stat(`${clean}/${LOG}`)).size - 17);
    await refused(clean, METADATA, "runnel storage verify");
  }));

Deno.test("a metadata log torn after a crash is refused when a partition's folder proves what it lost", () =>
  withDirectory(async (path) => {
    const { unclean } = await filled(path);
    await Deno.truncate(`${unclean}/${LOG}`, (await Deno.stat(`${unclean}/${LOG}`)).size - 17);
    await refused(unclean, METADATA, "b-0", "runnel storage verify");
  }));

Deno.test("half a batch at the end of the metadata log is cut after a crash", () =>
  withDirectory(async (path) => {
    const { unclean } = await filled(path);
    const bytes = await Deno.readFile(`${unclean}/${LOG}`);
    await Deno.writeFile(`${unclean}/${LOG}`, bytes.subarray(0, 50), { append: true });
    await servesAll(unclean);
  }));

Deno.test("bits flipped in the metadata log are refused, or served right", () =>
  eachStop(async (path) => {
    const bytes = await Deno.readFile(`${path}/${LOG}`);
    const step = Math.ceil(bytes.length / 40);
    for (let at = 3; at < bytes.length; at += step) {
      const damaged = bytes.slice();
      damaged[at] ^= 1 << at % 8;
      await copyOf(path, `${path}-${at}`);
      await Deno.writeFile(`${path}-${at}/${LOG}`, damaged);
      const before = [...(await contents(`${path}-${at}`)).keys()].filter((name) =>
        /^[ab]-\d\/$/.test(name)
      );
      const refusal = await servesAll(`${path}-${at}`).then(() => null, (error) => error);
      if (refusal !== null) assertStringIncludes(refusal.message, METADATA, `byte ${at}`);
      const after = await contents(`${path}-${at}`);
      assertEquals(before.filter((name) => !after.has(name)), [], `byte ${at}`);
    }
  }));

Deno.test("a snapshot of the metadata that was cut short is refused, and no topic goes", () =>
  withDirectory(async (path) => {
    const settings = { path, metadataSnapshotBytes: 1 };
    {
      await using broker = await TestBroker.start(settings);
      await broker.createTopic("a");
      await broker.createTopic("b", { partitions: 40 });
    }
    const names = [...Deno.readDirSync(`${path}/${METADATA}`)].map(({ name }) => name);
    const [snapshot] = names.filter((name) => name.endsWith(".checkpoint")).sort().slice(-1);
    const file = `${path}/${METADATA}/${snapshot}`;
    const whole = await Deno.readFile(file);
    for (const size of [0, 50, whole.length >> 1, whole.length - 17, whole.length - 1]) {
      await Deno.writeFile(file, whole.subarray(0, size));
      await refused(path, snapshot, "runnel storage verify");
    }
    for (let at = 5; at < whole.length; at += Math.ceil(whole.length / 20)) {
      const damaged = whole.slice();
      damaged[at] ^= 1 << at % 8;
      await Deno.writeFile(file, damaged);
      const before = await contents(path);
      const refusal = await TestBroker.start(settings).then((broker) => broker.stop()).then(
        () => null,
        (error) => error,
      );
      assert(refusal !== null || [12, 13, 14, 15].includes(at % whole.length), `byte ${at} served`);
      if (refusal !== null) assertStringIncludes(refusal.message, snapshot, `byte ${at}`);
      assertEquals([...(await contents(path)).keys()], [...before.keys()], `byte ${at}`);
    }
    await Deno.remove(file);
    await refused(path, METADATA);
    await Deno.writeFile(file, whole);
    await using broker = await TestBroker.start(settings);
    const connection = await broker.connect();
    const { topics } = await connection.request(Metadata, 12, { topics: null });
    assertEquals(topics.map(({ partitions }) => partitions.length).sort(), [1, 40]);
  }));

Deno.test("a config that was changed last is not lost with one bit of its record", () =>
  withDirectory(async (path) => {
    {
      await using broker = await TestBroker.start({ path: `${path}/a` });
      await broker.createTopic("t");
      const connection = await broker.connect();
      const configs = [{ name: "retention.ms", configOperation: 0, value: "777" }];
      const resources = [{ resourceType: 2, resourceName: "t", configs }];
      const { responses } = await connection.request(IncrementalAlterConfigs, 1, {
        resources,
        validateOnly: false,
      });
      assertEquals(responses[0].errorCode, 0);
      await copyOf(`${path}/a`, `${path}/b`); // as kill -9 leaves it
    }
    const bytes = await Deno.readFile(`${path}/b/${LOG}`);
    for (const back of [1, 20, 45, 70, 90]) {
      const damaged = bytes.slice();
      damaged[bytes.length - back] ^= 2;
      await Deno.writeFile(`${path}/b/${LOG}`, damaged);
      await refused(`${path}/b`, METADATA, "runnel storage verify");
    }
  }));

// ---- The ids of the directory

Deno.test("a directory without its meta.properties, or with an empty one, is refused", () =>
  eachStop(async (path) => {
    await Deno.truncate(`${path}/meta.properties`, 0);
    await refused(path, "meta.properties");
    await Deno.remove(`${path}/meta.properties`);
    await refused(path, "meta.properties", METADATA);
    await Deno.remove(`${path}/${METADATA}`, { recursive: true });
    await refused(path, "meta.properties");
  }));

Deno.test("each bit flipped in meta.properties is refused, or changes no id", () =>
  withDirectory(async (path) => {
    const idsOf = async () => {
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      return (await connection.request(Metadata, 12, { topics: null })).clusterId;
    };
    const clusterId = await idsOf();
    const file = `${path}/meta.properties`, bytes = await Deno.readFile(file);
    const directoryId = /directory\.id=(\S+)/.exec(new TextDecoder().decode(bytes))![1];
    assert(parseUuid(directoryId) !== null);
    let refusals = 0;
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << bit % 8;
      await Deno.writeFile(file, damaged);
      try {
        assertEquals(await idsOf(), clusterId, `bit ${bit}`);
      } catch (error) {
        assertStringIncludes((error as Error).message, "meta.properties", `bit ${bit}`);
        refusals++;
      }
      const text = new TextDecoder().decode(await Deno.readFile(file));
      assertEquals(await Deno.readFile(file), damaged, `bit ${bit} was written over: ${text}`);
    }
    assert(refusals > 200, `only ${refusals} were refused`);
  }));

// ---- A directory of somebody else

for (const name of ["photos-2024", "notes.txt", "src"]) {
  Deno.test(`a first start where ${name} lies is refused, and touches nothing`, () =>
    withDirectory(async (path) => {
      if (name.includes(".")) await Deno.writeTextFile(`${path}/${name}`, "mine");
      else {
        await Deno.mkdir(`${path}/${name}`);
        await Deno.writeTextFile(`${path}/${name}/one`, "mine");
      }
      await refused(path, name, "--storage-path", path);
      assertEquals([...Deno.readDirSync(path)].map((entry) => entry.name), [name]);
    }));
}

Deno.test("a first start where a file system or a desktop left its own is served, and leaves that", () =>
  withDirectory(async (path) => {
    await Deno.mkdir(`${path}/lost+found`);
    await Deno.mkdir(`${path}/.snapshot`);
    await Deno.writeTextFile(`${path}/.DS_Store`, "x");
    await Deno.writeTextFile(`${path}/meta.properties.tmp`, "half");
    await using broker = await TestBroker.start({ path });
    await broker.serves();
    const names = new Set([...Deno.readDirSync(path)].map(({ name }) => name));
    for (const name of ["lost+found", ".snapshot", ".DS_Store"]) assert(names.has(name), name);
  }));

// ---- The lock

Deno.test("a second broker is refused though .lock was removed, replaced, or is reached by a link", () =>
  withDirectory(async (directory) => {
    const path = `${directory}/data`;
    await using broker = await TestBroker.start({ path });
    const isRefused = async (where: string) => {
      const error = await assertRejects(() => TestBroker.start({ path: where }), Error);
      assertEquals(error.name, "DirectoryLockedError");
      await broker.serves();
    };
    await Deno.remove(`${path}/.lock`);
    await isRefused(path);
    await Deno.writeTextFile(`${path}/.new`, "");
    await Deno.rename(`${path}/.new`, `${path}/.lock`);
    await isRefused(path);
    await Deno.symlink(path, `${directory}/link`);
    await isRefused(`${directory}/link`);
  }));

// ---- Committed offsets

Deno.test("a bit flipped in the last commit takes its groups offline, and is never answered", () =>
  withDirectory(async (path) => {
    const settings = { path, groups: { offsetsPartitions: 1 } };
    {
      await using broker = await TestBroker.start(settings);
      await broker.createTopic("t");
      const connection = await broker.connect();
      await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
      for (const offset of [40n, 41n]) {
        const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }];
        const { topics } = await connection.request(OffsetCommit, 8, {
          groupId: "g",
          generationIdOrMemberEpoch: -1,
          memberId: "",
          topics: [{ name: "t", partitions }],
        });
        assertEquals(topics[0].partitions[0].errorCode, 0);
      }
    }
    const log = `${path}/__consumer_offsets-0/00000000000000000000.log`;
    const bytes = await Deno.readFile(log);
    const clean = `${path}/.kafka_cleanshutdown`;
    // After a stop with damage there is no marker.
    const names = async () =>
      [...(await contents(path)).keys()].filter((name) => !name.startsWith("."));
    const before = await names(), marker = await Deno.readFile(clean);
    // The last byte of the offset, 41: "…, offset int64, leaderEpoch int32 -1, metadata "", timestamps, …".
    const at = bytes.lastIndexOf(41);
    for (const bit of [0, 3, 6]) {
      const damaged = bytes.slice();
      damaged[at] ^= 1 << bit;
      await Deno.writeFile(log, damaged);
      await Deno.writeFile(clean, marker);
      await using broker = await TestBroker.start(settings);
      const connection = await broker.connect();
      const fetchIt = async () =>
        (await connection.request(OffsetFetch, 8, {
          groups: [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }],
        })).groups[0];
      let fetched = await fetchIt();
      for (let i = 0; i < 1000 && fetched.errorCode === 14; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        fetched = await fetchIt();
      }
      assert([15, 16].includes(fetched.errorCode), `OffsetFetch answers ${fetched.errorCode}`);
      assertEquals(fetched.topics, []);
      const beat = await connection.request(Heartbeat, 4, {
        groupId: "g",
        generationId: 1,
        memberId: "m",
      });
      assert([15, 16].includes(beat.errorCode), `Heartbeat answers ${beat.errorCode}`);
      const { coordinators: [found] } = await connection.request(FindCoordinator, 4, {
        keyType: 0,
        coordinatorKeys: ["g"],
      });
      assertEquals(found.errorCode, 15);
      assertStringIncludes(found.errorMessage!, "__consumer_offsets-0");
      assertEquals((await connection.request(ListGroups, 4, {})).errorCode, 15);
      const { results } = await connection.request(DeleteGroups, 2, { groupsNames: ["g"] });
      assert([15, 16].includes(results[0].errorCode), `DeleteGroups ${results[0].errorCode}`);
      assertEquals(await broker.metric("group_partitions_failed"), 1);
      await connection.request(Metadata, 12, { topics: [{ topicId: ZERO_UUID, name: "t" }] });
    }
    assertEquals((await names()).filter((name) => before.includes(name)), before);
  }));
