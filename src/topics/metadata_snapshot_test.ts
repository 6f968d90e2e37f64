/**
 * Snapshots of the metadata log: that the image made from one equals the image it was made of, that the log before it
 * goes, and that a crash between any two calls of the store loses nothing. Over a log in memory for the image, and over
 * real partition logs on a store that loses power for the rest.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../bytes/uuid.ts";
import { encode } from "../protocol/codec.ts";
import { KRaftVersionRecord, VotersRecord } from "../protocol/messages/control_records.ts";
import { readRecords } from "../protocol/records/record.ts";
import { type Fault, FaultyStore, type Operation } from "../testing/faulty_store.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { openMetadataIn } from "../testing/metadata_directory.ts";
import { ENDPOINT, Fixture, imageOf, META } from "../testing/topics.ts";
import { snapshotFile } from "./metadata_batch.ts";
import type { NewRecord } from "./metadata_record.ts";
import { planCreateTopics } from "./plan_create_topics.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";

const FOLDER = "__cluster_metadata-0";

function checkpoints(store: Store): string[] {
  return store.list(FOLDER).map(({ name }) => name).filter((name) => name.endsWith(".checkpoint"));
}

/** Records of every kind that no plan writes yet. */
const OTHERS: NewRecord[] = [
  {
    kind: "AccessControlEntryRecord",
    version: 0,
    value: {
      id: randomUuid(),
      resourceType: 2,
      resourceName: "t",
      patternType: 3,
      principal: "User:a",
      host: "*",
      operation: 3,
      permissionType: 3,
    },
  },
  {
    // Since metadata.version 32 a host may be a range of addresses (KIP-1276).
    kind: "AccessControlEntryRecord",
    version: 0,
    value: {
      id: randomUuid(),
      resourceType: 2,
      resourceName: "t",
      patternType: 3,
      principal: "User:b",
      host: "10.1.0.0/16",
      operation: 3,
      permissionType: 3,
    },
  },
  {
    kind: "UserScramCredentialRecord",
    version: 0,
    value: {
      name: "u",
      mechanism: 1,
      salt: new Uint8Array([1, 2]),
      storedKey: new Uint8Array([3]),
      serverKey: new Uint8Array([4]),
      iterations: 4096,
    },
  },
  {
    kind: "ClientQuotaRecord",
    version: 0,
    value: {
      entity: [{ entityType: "user", entityName: null }],
      key: "producer_byte_rate",
      value: 12.5,
      remove: false,
    },
  },
  {
    kind: "ConfigRecord",
    version: 0,
    value: { resourceType: 4, resourceName: "3", name: "log.retention.ms", value: "77" },
  },
  {
    kind: "ConfigRecord",
    version: 0,
    value: {
      resourceType: 32,
      resourceName: "a:b",
      name: "consumer.session.timeout.ms",
      value: "9",
    },
  },
  { kind: "ProducerIdsRecord", version: 0, value: { brokerId: 3, nextProducerId: 4000 } },
];

Deno.test("the image made from a snapshot equals the image it was made of", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a", 3, { "retention.ms": "5", "cleanup.policy": "compact" });
  await fixture.create("gone");
  await fixture.metadata.transact((catalogue) =>
    planDeleteTopics(catalogue, [{ name: "gone", topicId: ZERO_UUID }])
  );
  await fixture.metadata.transact(() => ({ records: OTHERS, result: null }));
  await fixture.restart({ wasClean: false });
  assertEquals(checkpoints(fixture.store), []);

  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  const live = imageOf(fixture.catalogue), end = fixture.log.logEndOffset;
  assertEquals(checkpoints(fixture.store), [
    `${String(end).padStart(20, "0")}-0000000003.checkpoint`,
  ]);
  assertEquals([fixture.log.logStartOffset, fixture.log.batches.length], [end, 0]);
  assertEquals(imageOf((await fixture.reopen()).catalogue), live);
  assertEquals(fixture.metadata.version, end - 1);
});

Deno.test("a quorum whose voters stand in the log keeps them, and its leader change is Kafka's", async () => {
  const fixture = await Fixture.unstarted();
  const quorum = {
    kraftVersion: encode(KRaftVersionRecord, 0, { version: 0, kRaftVersion: 1 }),
    voters: encode(VotersRecord, 0, {
      version: 0,
      voters: [{
        voterId: META.nodeId,
        voterDirectoryId: META.directoryId,
        endpoints: [{ name: "CONTROLLER", host: "h", port: 1 }],
        kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 },
      }],
    }),
  };
  const formatted = snapshotFile([], { nowMs: 0, leaderEpoch: 0 }, quorum);
  await fixture.store.replace(`${FOLDER}/${"0".repeat(20)}-0000000000.checkpoint`, formatted);
  await fixture.restart({ wasClean: true });
  const [leaderChange] = [...readRecords(fixture.log.batches[0], 0)];
  assertEquals(leaderChange.value!.length, 19); // version 0: voters without directory ids

  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  const [name] = checkpoints(fixture.store);
  const file = fixture.store.readAll(`${FOLDER}/${name}`)!;
  const [, kraftVersion, voters] = [...readRecords(file, 0)];
  assertEquals([kraftVersion.value, voters.value], [quorum.kraftVersion, quorum.voters]);
  await fixture.restart({ wasClean: true });
  const state = new TextDecoder().decode(fixture.store.readAll(`${FOLDER}/quorum-state`)!);
  assertEquals(JSON.parse(state).data_version, 1);
});

Deno.test("what is committed after a snapshot is replayed on top of it", async () => {
  const fixture = await Fixture.start();
  fixture.snapshots = { bytes: 600, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  for (let i = 0; i < 40; i++) await fixture.create(`t${i}`, 1 + i % 3);
  const live = imageOf(fixture.catalogue);
  assertEquals(checkpoints(fixture.store).length, 1);
  assert(fixture.log.batches.length < 12, "the log before the snapshot goes");
  assertEquals(imageOf((await fixture.crash()).catalogue), live);
});

Deno.test("a snapshot takes away those before it, and what a crash left of one", async () => {
  const fixture = await Fixture.start();
  for (
    const name of [
      "00000000000000000005-0000000001.checkpoint",
      "00000000000000000006-0000000001.checkpoint.tmp",
    ]
  ) {
    await fixture.store.replace(`${FOLDER}/${name}`, new Uint8Array(1));
  }
  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  const left = fixture.store.list(FOLDER).map(({ name }) => name).filter((name) =>
    name.includes("checkpoint")
  );
  assertEquals(left, checkpoints(fixture.store));
  assertEquals(left.length, 1);
});

Deno.test("a snapshot that cannot be written fails no commit, is told once, and is tried again after a pause", async () => {
  const fixture = await Fixture.start();
  const { store } = fixture, replace = store.replace.bind(store);
  let isFull = true;
  store.replace = (path, content) =>
    isFull && path.endsWith(".checkpoint")
      ? Promise.reject(new StoreError(`Cannot replace ${path}: no space`, "noSpace"))
      : replace(path, content);
  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  const start = fixture.log.logStartOffset;
  assertEquals(await fixture.create("a"), 0);
  assertEquals([checkpoints(store), fixture.log.logStartOffset], [[], start]);
  fixture.clock.advance(10_000);
  assertEquals(await fixture.create("c"), 0);
  assertEquals(checkpoints(store), []);
  assertEquals(fixture.problems, ["metadata_snapshot_failed"]);
  isFull = false;
  fixture.clock.advance(10_000);
  assertEquals(await fixture.create("b"), 0);
  assertEquals([checkpoints(store).length, fixture.log.batches.length], [1, 0]);
  const live = imageOf(fixture.catalogue);
  assertEquals(imageOf((await fixture.crash()).catalogue), live);
});

Deno.test("a sync that fails behind a snapshot fails every commit after it", async () => {
  const fixture = await Fixture.start();
  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  const { log } = fixture, sync = log.sync.bind(log), roll = log.roll.bind(log);
  log.roll = () => {
    roll();
    log.failNextSync = true;
  };
  await fixture.restart({ wasClean: true });
  log.failNextSync = false;
  log.sync = sync;
  await assertRejects(() => fixture.create("t"), Error, "the device is gone");
  assertEquals(fixture.catalogue.topics(), []);
});

Deno.test("a snapshot is due by age, but only when something was written", async () => {
  const fixture = await Fixture.start();
  fixture.snapshots = { bytes: Infinity, intervalMs: 0 };
  await fixture.restart({ wasClean: true });
  const [first] = checkpoints(fixture.store);
  await fixture.metadata.transact(() => ({ records: [], result: null }));
  assertEquals(checkpoints(fixture.store), [first]);
  await fixture.create("t");
  assert(checkpoints(fixture.store)[0] > first);
});

/** Loses power before its nth call that changes anything. */
class MortalStore extends FaultyStore {
  count = 0;
  powerOffAt = Infinity;
  readonly #off = Promise.withResolvers<never>();
  /** Rejects when the power is off: what was asked will not be answered then. */
  readonly off = this.#off.promise;

  override strike(on: Operation, path: string): Fault["how"] | null {
    if (on === "read" || ++this.count < this.powerOffAt) return super.strike(on, path);
    const error = new StoreError("No power", "io");
    this.#off.reject(error);
    this.#off.promise.catch(() => {});
    throw error;
  }
}

const openMetadata = (store: Store) => openMetadataIn(store, 1500);

/** Creates topics until the power goes off; the names that were answered. */
async function createUntil(store: MortalStore): Promise<string[]> {
  const created: string[] = [];
  try {
    const metadata = await openMetadata(store);
    await Promise.race([metadata.start({ endpoint: ENDPOINT, wasClean: true }), store.off]);
    for (let i = 0; i < 12; i++) {
      const name = `topic-${i}`;
      const topic = {
        name,
        numPartitions: 2,
        replicationFactor: -1,
        assignments: [],
        configs: [],
      };
      const options = { numPartitions: 1, maxPartitions: 20_000, newId: randomUuid };
      await Promise.race([
        metadata.transact((catalogue) => planCreateTopics(catalogue, [topic], options)),
        store.off,
      ]);
      created.push(name);
    }
  } catch (error) {
    if (store.count < store.powerOffAt) throw error;
  }
  return created;
}

Deno.test("power off before any call of the store: no topic that was answered is lost", async () => {
  let runs = 0, snapshots = 0;
  for (let at = 20;; at++) {
    const store = new MortalStore(new MemoryStore());
    store.makeFolder(FOLDER);
    store.powerOffAt = at;
    const created = await createUntil(store);
    if (store.count < at) break;
    runs++;
    for (const names of ["lost", "kept"] as const) {
      const disk = await store.crash({ unsynced: "torn", names });
      const metadata = await openMetadata(disk);
      const there = new Set(metadata.catalogue.topics().map((topic) => topic.name));
      const lost = created.filter((name) => !there.has(name));
      assertEquals(lost, [], `power off at call ${at}, names ${names}`);
      await metadata.start({ endpoint: ENDPOINT, wasClean: false });
      snapshots += checkpoints(disk).length;
    }
  }
  assert(runs > 50 && snapshots > 50, `${runs} runs with ${snapshots} snapshots`);
});
