/**
 * The metadata log: that what is answered is durable and what is durable is replayed, with a record log in memory that
 * can crash, fail and be held back; and that the first records are those Kafka 4.3 writes.
 */
import { assertEquals, assertRejects } from "@std/assert";
import * as batch from "../protocol/records/batch.ts";
import { readRecords } from "../protocol/records/record.ts";
import { Fixture, imageOf, META } from "../testing/topics.ts";
import { recordBatch, snapshotFile } from "./metadata_batch.ts";
import { MetadataLogError, NotWrittenError } from "./metadata_log_error.ts";
import { decodeRecord, type NewRecord } from "./metadata_record.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";

/** Every record's kind, with "|" between batches and "control" for a control batch. */
function kindsIn(fixture: Fixture, from = 0): string {
  return fixture.log.batches.filter((bytes) => batch.baseOffset(bytes) >= from).map((bytes) =>
    batch.isControl(bytes) ? "control" : [...readRecords(bytes)].map(({ value }) => {
      return decodeRecord(value!).kind.replace("Record", "");
    }).join(" ")
  ).join(" | ");
}

const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!);

Deno.test("the first start writes what a formatted Kafka writes", async () => {
  const fixture = await Fixture.start();
  assertEquals(
    kindsIn(fixture),
    "control | BeginTransaction FeatureLevel FeatureLevel FeatureLevel FeatureLevel FeatureLevel " +
      "FeatureLevel Config EndTransaction | RegisterController | RegisterBroker | " +
      "BrokerRegistrationChange BrokerRegistrationChange",
  );
  assertEquals(fixture.log.batches.slice(0, 2).map((bytes) => bytes.length), [91, 330]);
  assertEquals(
    text(fixture.store.readAll("__cluster_metadata-0/quorum-state")),
    '{"clusterId":"","leaderId":3,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":3}],"data_version":0}',
  );
  assertEquals(fixture.store.readAll("bootstrap.checkpoint")!.length, 411);
  const broker = fixture.catalogue.broker(META.nodeId)!;
  assertEquals([broker.fenced, broker.brokerEpoch, broker.logDirs], [false, 11, [
    META.directoryId,
  ]]);
  assertEquals(fixture.catalogue.features.get("metadata.version"), 30);
  assertEquals(fixture.metadata.brokerEpoch, 11);
});

Deno.test("a later start begins the next epoch and registers again, and nothing else", async () => {
  const fixture = await Fixture.start();
  await fixture.create("t", 2);
  const end = fixture.log.logEndOffset;
  await fixture.restart({ wasClean: true });
  assertEquals(
    kindsIn(fixture, end),
    "control | RegisterController | RegisterBroker | BrokerRegistrationChange BrokerRegistrationChange",
  );
  assertEquals(batch.partitionLeaderEpoch(fixture.log.batches.at(-1)!), 2);
  assertEquals(fixture.metadata.brokerEpoch, end + 2);
  assertEquals(fixture.catalogue.topic("t")!.partitions[1].leaderEpoch, 0);
});

Deno.test("after a crash every partition begins a new leader epoch", async () => {
  const fixture = await Fixture.start();
  await fixture.create("t", 2);
  await fixture.restart({ wasClean: false });
  const epochs = fixture.catalogue.topic("t")!.partitions.map((partition) => partition.leaderEpoch);
  assertEquals(epochs, [1, 1]);
});

Deno.test("a partition that Kafka left without leader at its stop is led again", async () => {
  const fixture = await Fixture.start();
  await fixture.create("t");
  const topicId = fixture.catalogue.topic("t")!.id;
  await fixture.metadata.transact(() => ({
    records: [{
      kind: "PartitionChangeRecord",
      version: 2,
      value: {
        partitionId: 0,
        topicId,
        isr: [],
        leader: -1,
        eligibleLeaderReplicas: [3],
        lastKnownElr: [3],
      },
    }],
    result: null,
  }));
  await fixture.restart({ wasClean: true });
  const { leaderId, leaderEpoch, isr, eligibleLeaderReplicas, lastKnownElr } =
    fixture.catalogue.topic("t")!.partitions[0];
  assertEquals({ leaderId, leaderEpoch, isr, eligibleLeaderReplicas, lastKnownElr }, {
    leaderId: 3,
    leaderEpoch: 2,
    isr: [3],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
  });
});

Deno.test("the replay of a log equals the image that wrote it", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a", 3, { "retention.ms": "5" });
  await fixture.create("b");
  await fixture.metadata.transact((catalogue) =>
    planDeleteTopics(catalogue, [{ name: "a", topicId: ZERO_UUID }])
  );
  await fixture.create("a", 2);
  const live = imageOf(fixture.catalogue), version = fixture.metadata.version;
  assertEquals(imageOf((await fixture.crash()).catalogue), live);
  assertEquals(fixture.metadata.version, version);
});

Deno.test("nothing is visible or answered before it is durable", async () => {
  const fixture = await Fixture.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  fixture.log.gate = promise;
  let isAnswered = false;
  const created = fixture.create("t").then(() => isAnswered = true);
  await new Promise((done) => setTimeout(done, 0));
  assertEquals([isAnswered, fixture.catalogue.topic("t")], [false, undefined]);
  assertEquals(fixture.log.crashed().logEndOffset < fixture.log.logEndOffset, true);
  resolve();
  await created;
  assertEquals(fixture.catalogue.topic("t")?.partitions.length, 1);
});

Deno.test("of two creations of one name at once, one wins", async () => {
  const fixture = await Fixture.start();
  const codes = await Promise.all([fixture.create("t"), fixture.create("t"), fixture.create("u")]);
  assertEquals(codes, [0, 36, 0]);
});

Deno.test("a failed sync fails everything after it, and never applies", async () => {
  const fixture = await Fixture.start();
  fixture.log.failNextSync = true;
  await assertRejects(() => fixture.create("t"), Error, "the device is gone");
  fixture.log.failNextSync = false;
  await assertRejects(() => fixture.create("u"), NotWrittenError, "the device is gone"); // which is answered 56
  assertEquals(fixture.catalogue.topics(), []);
});

Deno.test("a plan that throws harms no later one", async () => {
  const fixture = await Fixture.start();
  const thrown = fixture.metadata.transact(() => {
    throw new Error("a mistake");
  });
  await assertRejects(() => thrown, Error, "a mistake");
  assertEquals(await fixture.create("t"), 0);
});

Deno.test("watchers are told in order, and replies wait for them", async () => {
  const fixture = await Fixture.start();
  const seen: string[] = [];
  const end = fixture.metadata.watch(async (change) => {
    await new Promise((done) => setTimeout(done, 1));
    for (const topic of change.created) seen.push(topic.name);
  });
  await Promise.all([fixture.create("a"), fixture.create("b")]);
  assertEquals(seen, ["a", "b"]);
  end();
  await fixture.create("c");
  assertEquals(seen, ["a", "b"]);
});

Deno.test("an unknown record is refused before anything is written", async () => {
  const fixture = await Fixture.start();
  const bytes = recordBatch([{ kind: "NoOpRecord", version: 0, value: {} }], {
    nowMs: 0,
    leaderEpoch: 1,
  });
  bytes[bytes.length - 4] = 99; // frame version, type, version, no tags, no headers: the type
  batch.writeCrc(bytes);
  const before = fixture.log.logEndOffset;
  fixture.log.append(bytes, { leaderEpoch: 1 });
  await assertRejects(
    () => fixture.reopen(),
    MetadataLogError,
    `Offset ${before} of the metadata log`,
  );
  assertEquals(fixture.log.logEndOffset, before + 1);
});

Deno.test("a transaction without its end counts for nothing and is aborted at the next start", async () => {
  const fixture = await Fixture.start();
  const topicId = ZERO_UUID;
  const open: NewRecord[] = [
    { kind: "BeginTransactionRecord", version: 0, value: { name: "half" } },
    { kind: "TopicRecord", version: 0, value: { name: "half", topicId } },
  ];
  fixture.log.append(recordBatch(open, { nowMs: 0, leaderEpoch: 1 }), { leaderEpoch: 1 });
  const end = fixture.log.logEndOffset;
  assertEquals((await fixture.reopen()).catalogue.topic("half"), undefined);
  await fixture.metadata.start({
    endpoint: { name: "PLAINTEXT", host: "h", port: 1 },
    wasClean: true,
  });
  assertEquals(
    kindsIn(fixture, end).startsWith("control | AbortTransaction | RegisterController"),
    true,
  );
  assertEquals(await fixture.create("t"), 0);
  assertEquals(fixture.catalogue.topics().map((topic) => topic.name), ["t"]);
});

Deno.test("a formatted directory gives a new cluster its features", async () => {
  const fixture = await Fixture.unstarted();
  const features: NewRecord[] = [
    {
      kind: "FeatureLevelRecord",
      version: 0,
      value: { name: "metadata.version", featureLevel: 27 },
    },
  ];
  const file = snapshotFile(features, { nowMs: 0, leaderEpoch: 0 });
  await fixture.store.replace("bootstrap.checkpoint", file);
  await fixture.restart({ wasClean: true });
  assertEquals([...fixture.catalogue.features], [["metadata.version", 27]]);
  assertEquals(fixture.store.readAll("bootstrap.checkpoint"), file);
  assertEquals(kindsIn(fixture).endsWith("RegisterBroker | BrokerRegistrationChange"), true);
});

/** What `kafka-storage format` of Kafka 4.4 says of a new cluster. */
const LEVELS_4_4: NewRecord[] = ([
  ["metadata.version", 33],
  ["eligible.leader.replicas.version", 1],
  ["group.version", 1],
  ["share.version", 2],
  ["streams.version", 1],
  ["transaction.version", 2],
] as const).map(([name, featureLevel]) => ({
  kind: "FeatureLevelRecord",
  version: 0,
  value: { name, featureLevel },
}));

/** Without --standalone in a file beside the log, with it in the log's first snapshot (KIP-1170). */
const FORMATTED = [
  "bootstrap.checkpoint",
  "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint",
];

for (const file of FORMATTED) {
  Deno.test(`what Kafka 4.4 put into ${file} is committed at the first start, and kept`, async () => {
    const fixture = await Fixture.unstarted();
    const bytes = snapshotFile(LEVELS_4_4, { nowMs: 0, leaderEpoch: 0 });
    await fixture.store.replace(file, bytes);
    await fixture.restart({ wasClean: true });
    assertEquals(
      kindsIn(fixture).split(" | ")[1],
      "BeginTransaction FeatureLevel FeatureLevel FeatureLevel FeatureLevel FeatureLevel " +
        "FeatureLevel Config EndTransaction",
    );
    assertEquals(fixture.store.readAll(file), bytes);
    fixture.snapshots = { bytes: 1, intervalMs: Infinity };
    await fixture.restart({ wasClean: true });
    fixture.snapshots = { bytes: Infinity, intervalMs: Infinity };
    await fixture.restart({ wasClean: true });
    assertEquals(fixture.catalogue.features.get("metadata.version"), 33);
    assertEquals(fixture.catalogue.features.get("share.version"), 2);
    assertEquals(fixture.catalogue.features.size, LEVELS_4_4.length);
  });

  Deno.test(`a level in ${file} that this broker cannot write is refused before it is committed`, async () => {
    const fixture = await Fixture.unstarted();
    const newer: NewRecord = {
      kind: "FeatureLevelRecord",
      version: 0,
      value: { name: "metadata.version", featureLevel: 34 },
    };
    await fixture.store.replace(file, snapshotFile([newer], { nowMs: 0, leaderEpoch: 0 }));
    await assertRejects(() => fixture.reopen(), MetadataLogError, "is at metadata.version 34");
  });
}

Deno.test("a controller that Kafka unregistered stays gone, over a snapshot too", async () => {
  const fixture = await Fixture.start();
  const other = { controllerId: 7, incarnationId: ZERO_UUID, endPoints: [], features: [] };
  const ids = () => fixture.catalogue.controllers().map(({ controllerId }) => controllerId);
  const write = (record: NewRecord) =>
    fixture.metadata.transact(() => ({ records: [record], result: null }));
  await write({
    kind: "RegisterControllerRecord",
    version: 0,
    value: { ...other, zkMigrationReady: false },
  });
  assertEquals(ids(), [3, 7]);
  await write({ kind: "UnregisterControllerRecord", version: 0, value: { controllerId: 7 } });
  fixture.snapshots = { bytes: 1, intervalMs: Infinity };
  await fixture.restart({ wasClean: true });
  await fixture.restart({ wasClean: true });
  assertEquals(ids(), [3]);
});

Deno.test("a directory of another quorum is refused", async () => {
  const fixture = await Fixture.start();
  const state = text(fixture.store.readAll("__cluster_metadata-0/quorum-state"))
    .replace('[{"voterId":3}]', '[{"voterId":3},{"voterId":4}]');
  await fixture.store.replace(
    "__cluster_metadata-0/quorum-state",
    new TextEncoder().encode(state),
  );
  await assertRejects(() => fixture.reopen(), MetadataLogError, "a quorum with node 4");
});

Deno.test("a quorum-state that is no JSON is refused, not overwritten", async () => {
  const fixture = await Fixture.start();
  await fixture.store.replace("__cluster_metadata-0/quorum-state", new Uint8Array(3));
  await assertRejects(() => fixture.reopen(), MetadataLogError, "needs Kafka's quorum state");
});

Deno.test("a metadata.version that this broker cannot write is refused", async () => {
  const fixture = await Fixture.start();
  await fixture.metadata.transact(() => ({
    records: [{
      kind: "FeatureLevelRecord",
      version: 0,
      value: { name: "metadata.version", featureLevel: 34 },
    }],
    result: null,
  }));
  await assertRejects(() => fixture.reopen(), MetadataLogError, "is at metadata.version 34");
});
