/**
 * Proves that a metadata log is served whole or refused: every bit of a small one flipped, every length cut, each of
 * its snapshots and of quorum-state, after a clean stop and after a crash. The log lies in a store as a broker leaves
 * it, beside the folders of its topics; whatever is not refused is opened as a broker opens it, and shows every topic
 * and config.
 */
import {
  assert,
  assertEquals,
  AssertionError,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { randomUuid, ZERO_UUID } from "../bytes/uuid.ts";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import * as batch from "../protocol/records/batch.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { openLog } from "../storage/log/open_log.ts";
import type { Store } from "../storage/store.ts";
import {
  changedStore as changed,
  checkMetadataIn as check,
  metadataContext as contextOf,
  openMetadataIn as open,
} from "../testing/metadata_directory.ts";
import { ENDPOINT, imageOf, META } from "../testing/topics.ts";
import { ConfigResource } from "./catalogue.ts";
import { MetadataLog } from "./metadata_log.ts";
import { MetadataLogError } from "./metadata_log_error.ts";
import { METADATA_TOPIC, METADATA_TOPIC_ID } from "./metadata_topic.ts";
import { planCreateTopics } from "./plan_create_topics.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";
import type { LastStop } from "./start_evidence.ts";

const FOLDER = "__cluster_metadata-0";
const LOG = `${FOLDER}/00000000000000000000.log`;
const CRASH: LastStop = { marker: null, recordedEnd: null };

interface Left {
  readonly store: MemoryStore;
  readonly clean: LastStop;
  readonly image: unknown;
  readonly removedId: string;
}

/** What a broker leaves that made topics, removed one, and changed a config last. */
async function left(snapshotBytes = Infinity): Promise<Left> {
  const store = new MemoryStore();
  const metadata = await open(store, snapshotBytes);
  await metadata.start({ endpoint: ENDPOINT, wasClean: true });
  const { catalogue } = metadata;
  for (const name of ["a", "gone", "b"]) {
    const topic = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
    const limits = { numPartitions: 1, maxPartitions: 100, newId: randomUuid };
    await metadata.transact((image) => planCreateTopics(image, [topic], limits));
    store.makeFolder(`${name}-0`);
    const id = `version: 0\ntopic_id: ${catalogue.topic(name)!.id}`;
    await store.replace(`${name}-0/partition.metadata`, new TextEncoder().encode(id));
  }
  const removedId = catalogue.topic("gone")!.id;
  await metadata.transact((image) =>
    planDeleteTopics(image, [{ name: "gone", topicId: ZERO_UUID }])
  );
  await metadata.transact(() => ({
    records: [{
      kind: "ConfigRecord",
      version: 0,
      value: {
        resourceType: ConfigResource.TOPIC,
        resourceName: "a",
        name: "retention.ms",
        value: "77",
      },
    }],
    result: null,
  }));
  const clean = { marker: { brokerEpoch: metadata.brokerEpoch }, recordedEnd: null };
  return { store, clean, image: imageOf(catalogue), removedId };
}

/** Refused in words, or whole when it is opened; which of them. */
async function outcome(
  damaged: Store,
  { image, lastStop, what }: { image: unknown; lastStop: LastStop; what: string },
): Promise<"refused" | "served"> {
  try {
    await check(damaged, lastStop);
    assertEquals(imageOf((await open(damaged)).catalogue), image, what);
    return "served";
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AssertionError) throw error;
    assertEquals((error as { kind?: string }).kind, "refused", `${what}: ${error.stack}`);
    return "refused";
  }
}

for (const stop of ["clean", "crash"] as const) {
  Deno.test(`no bit of a metadata log can be flipped unseen, after a ${stop}`, async () => {
    const { store, clean, image } = await left();
    const lastStop = stop === "clean" ? clean : CRASH;
    assertEquals(await outcome(store, { image, lastStop, what: "untouched" }), "served");
    const bytes = store.readAll(LOG)!;
    let served = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << bit % 8;
      const copy = await changed(store, LOG, damaged);
      const what = `bit ${bit % 8} of byte ${bit >> 3}`;
      if (await outcome(copy, { image, lastStop, what }) === "served") served++;
      assertEquals(copy.readAll("a-0/partition.metadata") !== null, true);
    }
    // Only a leader epoch that does not rise over its neighbours'.
    assert(served < bytes.length / 20, `${served} of ${bytes.length * 8} were served`);
  });

  Deno.test(`no bit of quorum-state can be flipped to a loss, after a ${stop}`, async () => {
    const { store, clean, image } = await left();
    const lastStop = stop === "clean" ? clean : CRASH, path = `${FOLDER}/quorum-state`;
    const bytes = store.readAll(path)!;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << bit % 8;
      const copy = await changed(store, path, damaged);
      await outcome(copy, { image, lastStop, what: `bit ${bit % 8} of byte ${bit >> 3}` });
    }
    const without = await changed(store, path, null);
    assertEquals(await outcome(without, { image, lastStop, what: "without" }), "served");
  });

  Deno.test(`no bit of a snapshot can be flipped and no end of it cut, after a ${stop}`, async () => {
    const { store, clean, image } = await left(1);
    const lastStop = stop === "clean" ? clean : CRASH;
    const snapshots = store.list(FOLDER).filter(({ name }) => name.endsWith(".checkpoint"));
    assertEquals(snapshots.length, 1);
    const path = `${FOLDER}/${snapshots[0].name}`, bytes = store.readAll(path)!;
    assertEquals(await outcome(store, { image, lastStop, what: "untouched" }), "served");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << bit % 8;
      const copy = await changed(store, path, damaged);
      assertEquals(await outcome(copy, { image, lastStop, what: `bit ${bit}` }), "refused");
    }
    for (let size = 0; size < bytes.length; size++) {
      const copy = await changed(store, path, bytes.subarray(0, size));
      assertEquals(await outcome(copy, { image, lastStop, what: `cut to ${size}` }), "refused");
    }
    const without = await changed(store, path, null);
    assertEquals(await outcome(without, { image, lastStop, what: "without" }), "refused");
  });
}

Deno.test("a log that is shorter than its snapshot is refused", async () => {
  const { store, clean, image } = await left(1);
  const [{ name: log }] = store.list(FOLDER).filter(({ name }) => name.endsWith(".log"));
  const older = await changed(store, `${FOLDER}/${log}`, null);
  await older.replace(LOG, new Uint8Array(0));
  for (const lastStop of [clean, CRASH]) {
    assertEquals(await outcome(older, { image, lastStop, what: "emptied" }), "refused");
  }
});

Deno.test("a damaged snapshot is passed over where an older one and the log have it all", async () => {
  const { store, clean, image } = await left(1);
  const [{ name }] = store.list(FOLDER).filter(({ name }) => name.endsWith(".checkpoint"));
  const newer = `${FOLDER}/${name}`, end = Number(name.slice(0, 20));
  const metadata = await open(store);
  await metadata.start({ endpoint: ENDPOINT, wasClean: true });
  const later = { marker: { brokerEpoch: metadata.brokerEpoch }, recordedEnd: null };
  const now = imageOf(metadata.catalogue);
  assert(JSON.stringify(now) !== JSON.stringify(image));
  // A newer one than the log's beginning, that says nothing.
  const path = newer.replace(String(end).padStart(20, "0"), String(end + 2).padStart(20, "0"));
  const copy = await changed(store, path, new Uint8Array(100));
  assertEquals(await outcome(copy, { image: now, lastStop: later, what: "older" }), "served");
  const warnings: unknown[] = [];
  const context = contextOf(copy), config = topicConfigDefaults();
  const ref = { topicId: METADATA_TOPIC_ID, topic: METADATA_TOPIC, partition: 0 };
  const checkpoint = {
    recoveryPoint: undefined,
    logStartOffset: undefined,
    clean: false,
    journal: [],
  };
  const { log } = await openLog(context, ref, config, checkpoint);
  await MetadataLog.open({
    store: copy,
    log,
    meta: META,
    clock: context.clock,
    topicDefaults: config,
    snapshots: { bytes: Infinity, intervalMs: Infinity },
    onProblem: (event, { reason }) => warnings.push([event, String(reason).includes(path)]),
  });
  assertEquals(warnings, [["metadata_snapshot_ignored", true]]);
  assert(clean.marker!.brokerEpoch > 0);
});

Deno.test("after a clean stop no end may be missing; after a crash none that a folder proves", async () => {
  const { store, clean, image } = await left();
  const bytes = store.readAll(LOG)!;
  const starts = [...batch.batches(bytes)];
  const configAt = starts.at(-1)!; // the last commit: the config, which leaves no folder
  for (let size = 0; size < bytes.length; size++) {
    const copy = await changed(store, LOG, bytes.subarray(0, size));
    const isBoundary = starts.includes(size);
    const what = `cut to ${size}`;
    if (!isBoundary || size === 0) {
      const after = await outcome(copy, { image, lastStop: clean, what: `${what}, clean` });
      assertEquals(after, "refused", what);
    }
    const end = starts.filter((at) => at < size).length;
    if (size > configAt) {
      // A config whose record was torn was never acknowledged: served without it.
      await check(copy, CRASH);
    } else if (!isBoundary && end < starts.length - 2) {
      await assertRejects(() => check(copy, CRASH), Error, undefined, what);
    }
  }
});

Deno.test("with the end written down, every missing byte is refused, and what came behind it is cut", async () => {
  const { store, clean: { marker }, image } = await left();
  const bytes = store.readAll(LOG)!;
  const endOffset = [...batch.batches(bytes)].map((at) => batch.lastOffset(bytes, at) + 1).at(-1)!;
  const { brokerEpoch } = marker!;
  const recordedEnd = { brokerEpoch, isExact: true, endOffset, bytes: bytes.length };
  const durable = { ...recordedEnd, isExact: false };
  for (const lastStop of [{ marker, recordedEnd }, { marker: null, recordedEnd: durable }]) {
    for (let size = 0; size < bytes.length; size += 3) {
      const copy = await changed(store, LOG, bytes.subarray(0, size));
      assertEquals(await outcome(copy, { image, lastStop, what: `cut to ${size}` }), "refused");
    }
    const longer = new Uint8Array(bytes.length + 30);
    longer.set(bytes);
    longer.fill(7, bytes.length);
    const copy = await changed(store, LOG, longer);
    assertEquals(await outcome(copy, { image, lastStop, what: "longer" }), "served");
  }
  const longer = new Uint8Array(bytes.length + 30);
  longer.set(bytes);
  const copy = await changed(store, LOG, longer);
  for (const unproven of [null, durable]) {
    const lastStop = { marker, recordedEnd: unproven };
    assertEquals(await outcome(copy, { image, lastStop, what: "longer" }), "refused");
  }
  // More than was written down: only where that was not the end.
  const early = { ...recordedEnd, endOffset: endOffset - 1 };
  for (const isExact of [true, false]) {
    const lastStop = { marker, recordedEnd: { ...early, isExact } };
    assertEquals(
      await outcome(store, { image, lastStop, what: "early" }),
      isExact ? "refused" : "served",
    );
  }
});

Deno.test("what was written down before another broker used the directory says nothing", async () => {
  const { store, clean, image } = await left();
  const brokerEpoch = clean.marker!.brokerEpoch - 1;
  const recordedEnd = { brokerEpoch, isExact: true, endOffset: 999, bytes: 9 };
  for (const lastStop of [{ ...clean, recordedEnd }, { marker: null, recordedEnd }]) {
    assertEquals(await outcome(store, { image, lastStop, what: "older" }), "served");
  }
});

Deno.test("a clean-stop marker of another run is none: a torn end is cut, and lost commits are seen", async () => {
  const { store, clean, image } = await left();
  const bytes = store.readAll(LOG)!, starts = [...batch.batches(bytes)];
  const stale: LastStop = {
    marker: { brokerEpoch: clean.marker!.brokerEpoch - 1 },
    recordedEnd: null,
  };
  assertEquals(await outcome(store, { image, lastStop: stale, what: "untouched" }), "served");
  // The config, which was never acknowledged.
  await check(await changed(store, LOG, bytes.subarray(0, bytes.length - 5)), stale);
  // All that came behind the first topic, in whole batches; the folder of another that was written to speaks of them.
  const lost = await changed(store, LOG, bytes.subarray(0, starts.at(-3)!));
  await lost.replace("b-0/00000000000000000000.log", new Uint8Array(100));
  const error = await assertRejects(() => check(lost, stale), MetadataLogError);
  assertStringIncludes(error.message, "b-0");
});

Deno.test("a hole with intact batches behind it is damage after a crash too", async () => {
  const { store } = await left();
  const bytes = store.readAll(LOG)!, [, second] = [...batch.batches(bytes)];
  const error = await assertRejects(
    async () => check(await changed(store, LOG, bytes.slice().fill(0, second, second + 90)), CRASH),
    MetadataLogError,
  );
  assertStringIncludes(error.message, "is damaged");
  assertStringIncludes(error.message, `position ${second} of ${LOG}`);
  assertStringIncludes(error.message, "runnel storage verify");
});

Deno.test("a last batch that was written to its end, and is wrong, is damage after a crash too", async () => {
  const { store } = await left();
  const bytes = store.readAll(LOG)!.slice();
  bytes[bytes.length - 1] ^= 5; // two bits
  const copy = await changed(store, LOG, bytes);
  await assertRejects(() => check(copy, CRASH), MetadataLogError, "is damaged");
});

Deno.test("no metadata beside partitions is refused; beside nothing it is a first start", async () => {
  const { store, clean } = await left();
  const without = await changed(store, LOG, null);
  for (const lastStop of [clean, CRASH]) {
    const error = await assertRejects(() => check(without, lastStop), MetadataLogError);
    assertStringIncludes(error.message, "a-0");
  }
  await check(new MemoryStore(), CRASH);
  const strange = new MemoryStore();
  strange.makeFolder("photos-2024");
  await strange.replace("photos-2024/one.jpg", new Uint8Array(3));
  await check(strange, CRASH);
});

Deno.test("a log that some other file was put in the place of is refused", async () => {
  const { store, clean } = await left();
  const copy = await changed(store, LOG, store.readAll("bootstrap.checkpoint")!);
  for (const lastStop of [clean, CRASH]) {
    const error = await assertRejects(() => check(copy, lastStop), MetadataLogError);
    assertStringIncludes(error.message, "does not hold a registration of broker 3, but a-0");
  }
});

Deno.test("a bootstrap.checkpoint that is damaged is refused where it is needed", async () => {
  const store = new MemoryStore();
  await (await open(store)).start({ endpoint: ENDPOINT, wasClean: true });
  const file = store.readAll("bootstrap.checkpoint")!;
  for (let size = 0; size < file.length; size++) {
    const fresh = new MemoryStore();
    await fresh.replace("bootstrap.checkpoint", file.subarray(0, size));
    await assertRejects(() => check(fresh, CRASH), MetadataLogError, "bootstrap.checkpoint");
  }
  await store.replace("bootstrap.checkpoint", file.subarray(0, 99));
  await check(store, CRASH); // the log has the features
});

Deno.test("the catalogue remembers which topics the log says were removed", async () => {
  const { store, removedId } = await left();
  const { catalogue } = await open(store);
  const asked = [removedId, catalogue.topic("a")!.id, randomUuid()];
  assertEquals(asked.map((id) => catalogue.deleted.has(id as typeof ZERO_UUID)), [
    true,
    false,
    false,
  ]);
});
