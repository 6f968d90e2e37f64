/**
 * Proves what a start makes of each state in which a crash can leave the creation of a topic: its commit whole, torn at any
 * byte, or gone without a trace, times what there is of the partition's folder; and that a torn end which a start has cut,
 * and not lived to go above, is gone above by the next.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseUuid, ZERO_UUID } from "../bytes/uuid.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import type { MemoryStore } from "../storage/backends/memory_store.ts";
import { encodeProducerSnapshot } from "../storage/producers/producer_snapshot.ts";
import type { Store } from "../storage/store.ts";
import { changedStore, checkMetadataIn, openMetadataIn } from "../testing/metadata_directory.ts";
import { MemoryStore as Memory } from "../storage/backends/memory_store.ts";
import { ENDPOINT } from "../testing/topics.ts";
import { noteMetadataCut, readMetadataCut } from "./metadata_cut.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";
import { planCreateTopics } from "./plan_create_topics.ts";

const LOG = "__cluster_metadata-0/00000000000000000000.log";
const ID = parseUuid("3RfaTK0rRomGYOhr6Tx8xw")!;
const CRASH = { marker: null, recordedEnd: null };
const RECORD = buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array(9) }] });

/** A started log, that has made one topic since if that is said. */
async function started(makes: "a topic" | "nothing"): Promise<MemoryStore> {
  const store = new Memory(), metadata = await openMetadataIn(store);
  await metadata.start({ endpoint: ENDPOINT, wasClean: true });
  if (makes === "nothing") return store;
  const topic = {
    name: "t",
    numPartitions: 1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
  };
  const limits = { numPartitions: 1, maxPartitions: 100, newId: () => ID };
  await metadata.transact((image) => planCreateTopics(image, [topic], limits));
  return store;
}

/** The folder t-0: its files by name; null without one. */
const FOLDERS = {
  "no folder": null,
  "an empty folder": {},
  "a folder that says whose it is": { "partition.metadata": idFile(ID) },
  "an empty log": {
    "partition.metadata": idFile(ID),
    "00000000000000000000.log": new Uint8Array(0),
  },
  "a log with a record": { "partition.metadata": idFile(ID), "00000000000000000000.log": RECORD },
  "an empty log that had records": {
    "partition.metadata": idFile(ID),
    "00000000000000000007.log": new Uint8Array(0),
  },
} as const;

function idFile(id: string): Uint8Array {
  return new TextEncoder().encode(`version: 0\ntopic_id: ${id}`);
}

async function put(
  store: Store,
  files: Readonly<Record<string, Uint8Array>> | null,
): Promise<void> {
  if (files === null) return;
  store.makeFolder("t-0");
  for (const [name, bytes] of Object.entries(files)) await store.replace(`t-0/${name}`, bytes);
}

async function outcome(store: Store): Promise<string> {
  try {
    await checkMetadataIn(store, CRASH);
    return "served";
  } catch (error) {
    assertStringIncludes((error as Error).message, "t-0");
    return "refused";
  }
}

for (const [name, files] of Object.entries(FOLDERS)) {
  const isBegun = name === "a log with a record" || name === "an empty log that had records";
  Deno.test(`a creation that a crash cut off, with ${name}`, async () => {
    const store = await started("a topic"), bytes = store.readAll(LOG)!;
    const last = [...batch.batches(bytes)].at(-1)!;
    await put(store, files);
    assertEquals(await outcome(store), "served", "the commit is whole");
    const holdsFiles = files !== null && Object.keys(files).length > 0;
    for (let size = last + 1; size < bytes.length; size++) {
      const torn = await changedStore(store, LOG, bytes.subarray(0, size));
      await put(torn, files);
      // The folder is made when the commit is durable.
      assertEquals(await outcome(torn), holdsFiles ? "refused" : "served", `torn at ${size}`);
    }
    const without = await changedStore(store, LOG, bytes.subarray(0, last));
    await put(without, files);
    assertEquals(await outcome(without), isBegun ? "refused" : "served", "the commit is gone");
    await noteMetadataCut(without, { batches: 0, isAccepted: true });
    assertEquals(await outcome(without), "served", "somebody does without");
  });
}

async function restarted(store: Store, wasClean: boolean): Promise<number> {
  const metadata = await openMetadataIn(store);
  await metadata.start({ endpoint: ENDPOINT, wasClean });
  return metadata.catalogue.nextProducerId;
}

Deno.test("blocks that a cut took are skipped by the first start that gets so far, and once", async () => {
  const store = await started("nothing");
  await noteMetadataCut(store, { batches: 2, isAccepted: false });
  await noteMetadataCut(store, { batches: 1, isAccepted: false }); // by a start that ended before it registered
  assertEquals(await restarted(store, false), 3000);
  assertEquals([readMetadataCut(store), await restarted(store, false)], [null, 3000]);
});

Deno.test("a cut that somebody accepted is known until a broker has stopped in order", async () => {
  const store = await started("nothing");
  await noteMetadataCut(store, { batches: 2, isAccepted: true });
  for (let i = 0; i < 2; i++) {
    assertEquals(await restarted(store, false), 2000);
    assertEquals(readMetadataCut(store), { batches: 0, isAccepted: true });
  }
  assertEquals([await restarted(store, true), readMetadataCut(store)], [2000, null]);
});

Deno.test("whatever bit of the file is flipped, blocks are skipped, and nothing is taken for accepted", async () => {
  const store = await started("nothing");
  await noteMetadataCut(store, { batches: 2, isAccepted: true });
  const bytes = store.readAll("runnel-metadata-cut")!;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << bit % 8;
    await store.replace("runnel-metadata-cut", damaged);
    const found = readMetadataCut(store)!;
    assert(found.batches >= 2 && !found.isAccepted, `bit ${bit}: ${JSON.stringify(found)}`);
  }
});

Deno.test("ids go on above those in batches, in snapshots and in no damaged batch; not above any that a client makes up", async () => {
  const given = (producerId: number) =>
    buildBatch({
      records: [{ timestampMs: 1, value: new Uint8Array(9) }],
      producerId,
      producerEpoch: 0,
      baseSequence: 0,
    });
  const log = "00000000000000000000.log", meta = { "partition.metadata": idFile(ID) };
  const entry = { epoch: 0, lastSequence: 0, lastOffset: 0, offsetDelta: 0, timestampMs: 0 };
  const entries = [{ ...entry, producerId: 5999, coordinatorEpoch: -1, currentTxnFirstOffset: -1 }];
  const damaged = given(8000);
  damaged[60] ^= 1;
  for (
    const [files, next] of [
      [{ [log]: given(2500) }, 3000],
      [{ [log]: given(999) }, 1000],
      [{ [log]: RECORD, "00000000000000000001.snapshot": encodeProducerSnapshot(entries) }, 6000],
      [{ [log]: damaged }, 0],
      [{ [log]: given(2 ** 53 - 2) }, 0],
    ] as const
  ) {
    const store = await started("a topic");
    await put(store, { ...meta, ...files });
    assertEquals(await restarted(store, false), next);
  }
});

Deno.test("a snapshot that is due at a start waits while the folder of a removed topic is there, which it would forget", async () => {
  const store = await started("a topic");
  await put(store, FOLDERS["a log with a record"]);
  const metadata = await openMetadataIn(store);
  await metadata.start({ endpoint: ENDPOINT, wasClean: false });
  await metadata.transact((image) => planDeleteTopics(image, [{ name: "t", topicId: ZERO_UUID }]));
  for (const isThere of [true, true, false]) {
    if (!isThere) store.remove("t-0"); // renamed, and removed
    const next = await openMetadataIn(store, 1);
    await next.start({ endpoint: ENDPOINT, wasClean: false });
    const { catalogue } = await openMetadataIn(store);
    assertEquals(catalogue.deleted.has(ID), isThere);
    if (isThere) assertEquals(await outcome(store), "served");
  }
});
