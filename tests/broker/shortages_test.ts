/**
 * Proves that a broker outlives what its store cannot do for a while: each request gets Kafka's error and keeps its
 * connection, and when the store is well again everything works as before, without a restart. The store fails what it
 * is told to.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { MemoryStore } from "../../src/storage/backends/memory_store.ts";
import { FaultyStore } from "../../src/testing/faulty_store.ts";
import { CreatePartitions } from "../../src/protocol/messages/create_partitions.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { append, batchOf, EARLIEST, listOffset, produce, readAll } from "./calls.ts";
import { pause, type Settings, TestBroker, withDirectory, within } from "./harness.ts";

const COORDINATOR_LOAD_IN_PROGRESS = 14, TOPIC_ALREADY_EXISTS = 36, KAFKA_STORAGE_ERROR = 56;

async function create(connection: Connection, name: string) {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  return (await connection.request(CreateTopics, 7, { topics: [topic] })).topics[0];
}

async function deleteTopic(connection: Connection, name: string): Promise<number> {
  const request = { topicNames: [name], timeoutMs: 1000 };
  return (await connection.request(DeleteTopics, 5, request)).responses[0].errorCode;
}

async function deleteRecords(connection: Connection, topic: string, offset: number) {
  const { topics } = await connection.request(DeleteRecords, 2, {
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }],
    timeoutMs: 1000,
  });
  return topics[0].partitions[0].errorCode;
}

async function write(connection: Connection, topic: string, value: string): Promise<number> {
  return (await produce(connection, { topic, records: batchOf([value]) })).errorCode;
}

async function commit(connection: Connection, offset: number): Promise<number> {
  const answer = await connection.request(OffsetCommit, 8, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{
      name: "t",
      partitions: [{ partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: "" }],
    }],
  });
  return answer.topics[0].partitions[0].errorCode;
}

async function committed(connection: Connection): Promise<number> {
  const { topics } = await connection.request(OffsetFetch, 5, {
    groupId: "g",
    topics: [{ name: "t", partitionIndexes: [0] }],
  });
  return Number(topics[0].partitions[0].committedOffset);
}

/** Asks until the answer is 0. */
async function until(ask: () => Promise<number>, limitMs = 30_000): Promise<void> {
  const began = performance.now();
  let answer = await ask();
  while (answer !== 0 && performance.now() - began < limitMs) {
    await pause(100);
    answer = await ask();
  }
  assertEquals(answer, 0, `still ${answer} after ${limitMs} ms`);
}

async function onFaults(
  body: (world: {
    broker: TestBroker;
    store: FaultyStore;
    memory: MemoryStore;
    connection: Connection;
  }) => Promise<void>,
  settings: Settings = {},
): Promise<void> {
  const memory = new MemoryStore();
  using store = new FaultyStore(memory);
  await using broker = await TestBroker.start(settings, { store });
  await body({ broker, store, memory, connection: await broker.connect() });
  store.heal();
}

async function readiness(broker: TestBroker): Promise<{ status: number; body: string }> {
  const answer = await fetch(`http://${broker.httpAddress}/readyz`);
  return { status: answer.status, body: await answer.text() };
}

// ---- The catalogue and the logs

Deno.test("a topic whose log cannot be made for a file in its way is answered 56, and made when the way is free", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await Deno.writeTextFile(`${path}/t-0`, "somebody's");
    const connection = await broker.connect();
    const answer = await create(connection, "t");
    assertEquals(answer.errorCode, KAFKA_STORAGE_ERROR);
    assertMatch(answer.errorMessage ?? "", /t-0/);
    assertEquals((await create(connection, "t")).errorCode, TOPIC_ALREADY_EXISTS);
    assertEquals(await write(connection, "t", "a"), KAFKA_STORAGE_ERROR);
    assertEquals(await broker.metric("placement_problems"), 1);
    const ready = await readiness(broker);
    assertEquals(ready.status, 200);
    assertMatch(ready.body, /t-0/);
    assertEquals(await Deno.readTextFile(`${path}/t-0`), "somebody's");
    await Deno.remove(`${path}/t-0`);
    await until(() => write(connection, "t", "a"));
    assertEquals(await broker.metric("placement_problems"), 0);
    assertEquals(await readiness(broker), { status: 200, body: "ready\n" });
    assertEquals(await readAll(connection, "t"), ["a"]);
  }));

Deno.test("a topic made while the disk is full is answered 56 and served when there is room", () =>
  onFaults(async ({ broker, store, connection }) => {
    store.fail({
      on: "open",
      pathEndsWith: "t-0/partition.metadata",
      kind: "noSpace",
      forever: true,
    });
    assertEquals((await create(connection, "t")).errorCode, KAFKA_STORAGE_ERROR);
    assertEquals(await write(connection, "t", "a"), KAFKA_STORAGE_ERROR);
    assertEquals((await create(connection, "other")).errorCode, 0, "others are made");
    assertEquals(await broker.metric("placement_problems"), 1);
    store.heal();
    await until(() => write(connection, "t", "a"));
    assertEquals(await broker.metric("placement_problems"), 0);
  }));

Deno.test("a deleted topic whose folder cannot be renamed is gone at once, its folder later, and one made again has none of it", () =>
  onFaults(async ({ broker, store, memory, connection }) => {
    const name = "n".repeat(249);
    await broker.createTopic(name);
    await append(connection, name, ["old"]);
    store.fail({ on: "rename", pathEndsWith: `${name}-0`, forever: true });
    assertEquals(await deleteTopic(connection, name), 0);
    assertEquals(await broker.metric("placement_problems"), 1);
    const folders = () => memory.list("").filter(({ name }) => name.startsWith("nnn"));
    assertEquals(folders().map(({ name }) => name), [`${name}-0`]);
    assertEquals((await create(connection, name)).errorCode, KAFKA_STORAGE_ERROR);
    assertEquals(await write(connection, name, "new"), KAFKA_STORAGE_ERROR);
    store.heal();
    await until(() => write(connection, name, "new"));
    assertEquals(await readAll(connection, name), ["new"]);
    for (let i = 0; i < 300 && await broker.metric("placement_problems") > 0; i++) await pause(100);
    assertEquals(await broker.metric("placement_problems"), 0);
    assertEquals(folders().filter(({ name }) => name.endsWith("-stray")), []);
  }));

Deno.test("the folder of a topic with the longest name is marked deleted on a file system, and one made again has none of it", () =>
  withDirectory(async (path) => {
    const name = "n".repeat(249);
    {
      await using broker = await TestBroker.start({ path });
      const connection = await broker.connect();
      await broker.createTopic(name);
      await append(connection, name, ["old"]);
      assertEquals(await deleteTopic(connection, name), 0);
      const marked = [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) =>
        name.startsWith("nnn")
      );
      assertEquals(marked.map((name) => [name.length, /-0\.[0-9a-f]{32}-delete$/.test(name)]), [
        [255, true],
      ]);
      await broker.createTopic(name);
      await append(connection, name, ["new"]);
      assertEquals(await broker.metric("placement_problems"), 0);
    }
    await using again = await TestBroker.start({ path });
    assertEquals(await readAll(await again.connect(), name), ["new"]);
  }));

Deno.test("a partition that cannot be made when a topic grows is answered 56, the others serve, and it is made later", () =>
  withDirectory(async (path) => {
    await using broker = await TestBroker.start({ path });
    await broker.createTopic("t");
    await Deno.writeTextFile(`${path}/t-1`, "somebody's");
    const connection = await broker.connect();
    const grow = { name: "t", count: 3, assignments: null };
    const { results: [grown] } = await connection.request(CreatePartitions, 3, { topics: [grow] });
    assertEquals(grown.errorCode, KAFKA_STORAGE_ERROR);
    assertMatch(grown.errorMessage ?? "", /t-1/);
    const writeTo = async (partition: number) =>
      (await produce(connection, { topic: "t", partition, records: batchOf(["v"]) })).errorCode;
    assertEquals([await writeTo(0), await writeTo(1), await writeTo(2)], [0, 56, 0]);
    await Deno.remove(`${path}/t-1`);
    await until(() => writeTo(1));
    assertEquals(await broker.metric("placement_problems"), 0);
  }));

// ---- The metadata log

Deno.test("a metadata log that takes no byte refuses changes with 56, applies none, and takes them when there is room", () =>
  onFaults(async ({ store, connection }) => {
    assertEquals((await create(connection, "t")).errorCode, 0);
    store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace", forever: true });
    assertEquals((await create(connection, "u")).errorCode, KAFKA_STORAGE_ERROR);
    assertEquals(await deleteTopic(connection, "t"), KAFKA_STORAGE_ERROR);
    store.heal();
    assertEquals((await create(connection, "u")).errorCode, 0);
    assertEquals(await write(connection, "t", "a"), 0);
  }));

Deno.test("a metadata log whose failed write cannot be cut off at once comes back by itself", () =>
  onFaults(async ({ broker, store, memory, connection }) => {
    store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace", how: "error" });
    store.fail({ on: "truncate", pathEndsWith: ".log", forever: true });
    assertEquals((await create(connection, "t")).errorCode, KAFKA_STORAGE_ERROR);
    assertEquals((await create(connection, "t")).errorCode, KAFKA_STORAGE_ERROR);
    const ready = await readiness(broker);
    assertEquals(ready.status, 503);
    assertMatch(ready.body, /__cluster_metadata/);
    store.heal();
    await until(async () => (await create(connection, "t")).errorCode);
    assertEquals((await readiness(broker)).status, 200);
    await append(connection, "t", ["a"]);
    await broker.stop();
    await using again = await TestBroker.start({}, { store: new FaultyStore(memory) });
    assertEquals(await readAll(await again.connect(), "t"), ["a"]);
  }));

Deno.test("a snapshot of the metadata that cannot be written costs no producer ids and fails no change", () =>
  onFaults(async ({ store, connection }) => {
    const newId = async () => {
      const answer = await connection.request(InitProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1000,
        producerId: -1,
        producerEpoch: -1,
      });
      assertEquals(answer.errorCode, 0);
      return Number(answer.producerId);
    };
    store.fail({ on: "replace", pathEndsWith: ".checkpoint", kind: "noSpace", forever: true });
    const first = await newId();
    assertEquals([await newId(), await newId(), await newId()], [first + 1, first + 2, first + 3]);
    assertEquals((await create(connection, "t")).errorCode, 0);
  }, { metadataSnapshotBytes: 1 }));

Deno.test("a producer id that cannot be taken from the metadata is answered 14, and the next one is given", () =>
  onFaults(async ({ store, connection }) => {
    const ask = () =>
      connection.request(InitProducerId, 4, {
        transactionalId: null,
        transactionTimeoutMs: 1000,
        producerId: -1,
        producerEpoch: -1,
      });
    store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
    assertEquals((await ask()).errorCode, COORDINATOR_LOAD_IN_PROGRESS);
    assertEquals((await ask()).errorCode, 0);
  }));

Deno.test("on a disk without a free byte a topic can be deleted, which makes room: the reserve is given up for that", async () => {
  const machine = { freeBytes: 1 << 30 };
  using store = new FaultyStore(new MemoryStore());
  await using broker = await TestBroker.start({}, { store, freeBytes: () => machine.freeBytes });
  const connection = await broker.connect();
  assertEquals((await create(connection, "t")).errorCode, 0);
  for (let i = 0; i < 300 && store.readAll("runnel-reserve") === null; i++) await pause(100);
  machine.freeBytes = 0;
  const isFull = () => store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
  isFull();
  assertEquals((await create(connection, "u")).errorCode, KAFKA_STORAGE_ERROR);
  isFull();
  assertEquals(await deleteTopic(connection, "t"), 0);
  assertEquals(store.readAll("runnel-reserve"), null);
  machine.freeBytes = 1 << 30;
  for (let i = 0; i < 300 && store.readAll("runnel-reserve") === null; i++) await pause(100);
  assertEquals(store.readAll("runnel-reserve")?.length, 256 << 10, "it is made again");
});

// ---- Partition logs

Deno.test("a partition whose failed write cannot be cut off at once is read on, and written to when it can", () =>
  onFaults(async ({ broker, store, memory, connection }) => {
    await broker.createTopic("t");
    await append(connection, "t", ["a"]);
    store.fail({ on: "append", pathEndsWith: "t-0/00000000000000000000.log", how: "torn" });
    store.fail({ on: "truncate", pathEndsWith: "t-0/00000000000000000000.log", forever: true });
    assertEquals(await write(connection, "t", "never"), KAFKA_STORAGE_ERROR);
    assertEquals(await write(connection, "t", "never"), KAFKA_STORAGE_ERROR);
    assertEquals(await readAll(connection, "t"), ["a"]);
    assertEquals(await broker.metric("partitions_offline"), 1);
    store.heal();
    for (let i = 0; i < 300 && await broker.metric("partitions_offline") > 0; i++) await pause(100);
    assertEquals(await write(connection, "t", "b"), 0);
    assertEquals(await readAll(connection, "t"), ["a", "b"]);
    await broker.stop();
    await using again = await TestBroker.start({}, { store: new FaultyStore(memory) });
    assertEquals(await readAll(await again.connect(), "t"), ["a", "b"]);
  }));

Deno.test("DeleteRecords whose new start cannot be written down is answered 56 on a connection that stays, and holds later", () =>
  onFaults(async ({ broker, store, memory, connection }) => {
    await broker.createTopic("t");
    await append(connection, "t", ["a", "b", "c"]);
    store.fail({ on: "replace", kind: "noSpace", forever: true });
    assertEquals(await deleteRecords(connection, "t", 1), KAFKA_STORAGE_ERROR);
    assertEquals(await deleteRecords(connection, "t", 1), KAFKA_STORAGE_ERROR);
    store.heal();
    assertEquals(await deleteRecords(connection, "t", 2), 0);
    assertEquals((await listOffset(connection, "t", EARLIEST)).offset, 2);
    await broker.stop();
    await using again = await TestBroker.start({}, { store: new FaultyStore(memory) });
    assertEquals((await listOffset(await again.connect(), "t", EARLIEST)).offset, 2);
  }));

Deno.test("one log whose epochs cannot be written fails no DeleteRecords of another", () =>
  onFaults(async ({ broker, store, connection }) => {
    await broker.createTopic("sick");
    await append(connection, "sick", ["a", "b"]);
    await broker.createTopic("t");
    await append(connection, "t", ["a", "b"]);
    store.fail({ on: "replace", pathEndsWith: "sick-0/leader-epoch-checkpoint", forever: true });
    assertEquals(await deleteRecords(connection, "t", 1), 0);
    assertEquals(await deleteRecords(connection, "sick", 1), KAFKA_STORAGE_ERROR);
    store.heal();
    assertEquals(await deleteRecords(connection, "sick", 1), 0);
  }));

Deno.test("an offset that cannot be written is answered with an error that is tried again, and never shown", () =>
  onFaults(async ({ broker, store, connection }) => {
    await broker.createTopic("t");
    await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    await until(() => commit(connection, 1));
    store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
    const refused = await within(commit(connection, 2), "the answer");
    assert([15, 16, KAFKA_STORAGE_ERROR].includes(refused), `it is ${refused}`);
    await until(() => commit(connection, 3));
    assertEquals(await committed(connection), 3);
  }));

Deno.test("a partition of offsets that compaction left half renamed comes back with its groups", () =>
  onFaults(async ({ broker, store, connection }) => {
    await broker.createTopic("t");
    await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
    await until(() => commit(connection, 1));
    const set = (name: string, value: string) => ({ name, configOperation: 0, value });
    await connection.request(IncrementalAlterConfigs, 1, {
      resources: [{
        resourceType: 2,
        resourceName: "__consumer_offsets",
        configs: [set("segment.ms", "100"), set("min.cleanable.dirty.ratio", "0.01")],
      }],
      validateOnly: false,
    });
    const fault = store.fail({ on: "rename", pathEndsWith: ".log.swap" });
    for (let i = 2; i < 300 && fault.struck === 0; i++) {
      await commit(connection, i);
      await pause(110);
    }
    assertEquals(fault.struck, 1);
    await until(() => commit(connection, 1000));
    assertEquals(await committed(connection), 1000);
    await until(async () => await broker.metric("partitions_offline"));
  }, { compaction: { backoffMs: 20 } }));

// ---- Starting and stopping

Deno.test("a start that fails at any call of the store gives everything back, and the next one has everything", async () => {
  const memory = new MemoryStore();
  {
    await using broker = await TestBroker.start({}, { store: new FaultyStore(memory) });
    await broker.createTopic("t");
    await append(await broker.connect(), "t", ["a", "b"]);
  }
  let failures = 0;
  for (const on of ["replace", "open", "append", "remove"] as const) { // a failed sync ends the process
    for (let nth = 1; nth <= 12; nth++) {
      const store = new FaultyStore(memory);
      const fault = store.fail({ on, nth, kind: "noSpace" });
      try {
        await using broker = await TestBroker.start({}, { store });
        store.heal();
        await until(async () =>
          (await listOffset(await broker.connect(), "t", EARLIEST)).errorCode
        );
      } catch (error) {
        assertEquals(fault.struck, 1, String(error));
        failures++;
      }
      await using again = await TestBroker.start({}, { store: new FaultyStore(memory) });
      assertEquals(await readAll(await again.connect(), "t"), ["a", "b"], `${on} ${nth}`);
    }
  }
  assert(failures > 5, `only ${failures} starts failed`);
});

Deno.test("a stop that can write nothing down ends all the same, and the next start has everything", () =>
  onFaults(async ({ broker, store, memory, connection }) => {
    await broker.createTopic("t");
    await append(connection, "t", ["a", "b"]);
    store.fail({ on: "replace", kind: "noSpace", forever: true });
    connection.close();
    await broker.stop();
    store.heal();
    await using again = await TestBroker.start({}, { store: new FaultyStore(memory) });
    assertEquals(await readAll(await again.connect(), "t"), ["a", "b"]);
  }));

Deno.test("a stop whose sync fails says so, gives everything back, and what was acknowledged is there", async () => {
  const memory = new MemoryStore(), store = new FaultyStore(memory);
  const broker = await TestBroker.start({}, { store });
  const connection = await broker.connect();
  await broker.createTopic("t");
  await append(connection, "t", ["a"]);
  connection.close();
  store.fail({ on: "sync", pathEndsWith: "t-0/00000000000000000000.log" });
  const error = await assertRejects(() => broker.stop(), Error, "t-0");
  assertMatch(error.message, /not everything could be written to the disk/);
  store.assertAllFired();
  await using again = await TestBroker.start({ kafkaPort: broker.port }, {
    store: new FaultyStore(await store.crash({ unsynced: "lost", names: "lost" })),
  });
  assertEquals(await readAll(await again.connect(), "t"), ["a"]);
});

Deno.test("a stop goes through all of its steps, whichever fail", () =>
  withDirectory(async (path) => {
    const broker = await TestBroker.start({ path });
    await broker.createTopic("t");
    await append(await broker.connect(), "t", ["a"]);
    // Nobody can write in the directory: not even root, where a file bears the name of the temporary one's folder.
    for (
      const name of ["runnel-inventory", ".kafka_cleanshutdown", "replication-offset-checkpoint"]
    ) {
      await Deno.mkdir(`${path}/${name}.tmp/x`, { recursive: true });
    }
    await broker.stop();
    for (
      const name of ["runnel-inventory", ".kafka_cleanshutdown", "replication-offset-checkpoint"]
    ) {
      await Deno.remove(`${path}/${name}.tmp`, { recursive: true });
    }
    await using again = await TestBroker.start({ path }); // neither the lock nor a port is held
    assertEquals(await readAll(await again.connect(), "t"), ["a"]);
  }));
