/**
 * A directory with something in it that Runnel does not understand is refused, naming it, and before a byte is
 * written: every file is compared. The directory is Runnel's own, with records added as Kafka would have written them.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { randomUuid, type Uuid } from "../../src/bytes/uuid.ts";
import { FileStore } from "../../src/storage/backends/file_store.ts";
import { FrozenLog } from "../../src/topics/frozen_log.ts";
import { recordBatch } from "../../src/topics/metadata_batch.ts";
import type { NewRecord } from "../../src/topics/metadata_record.ts";
import { registerBroker } from "../../src/topics/registration.ts";
import { TestBroker, withDirectory } from "../broker/harness.ts";

const FOLDER = "__cluster_metadata-0";
const LOG = `${FOLDER}/00000000000000000000.log`;

const feature = (name: string, featureLevel: number): NewRecord => ({
  kind: "FeatureLevelRecord",
  version: 0,
  value: { name, featureLevel },
});

/** A topic with one partition, where the record says. */
function topic(partition: { replicas?: number[]; directories?: Uuid[] }): NewRecord[] {
  const topicId = randomUuid(), replicas = partition.replicas ?? [0];
  return [
    { kind: "TopicRecord", version: 0, value: { name: "far", topicId } },
    {
      kind: "PartitionRecord",
      version: 2,
      value: {
        partitionId: 0,
        topicId,
        replicas,
        isr: replicas,
        removingReplicas: [],
        addingReplicas: [],
        leader: replicas[0],
        leaderEpoch: 0,
        partitionEpoch: 0,
        directories: partition.directories ?? replicas.map(() => randomUuid()),
      },
    },
  ];
}

const otherBroker = registerBroker({
  nodeId: 7,
  directoryId: randomUuid(),
  incarnationId: randomUuid(),
  endpoint: { name: "PLAINTEXT", host: "h", port: 1 },
}, { brokerEpoch: 99, metadataVersion: 30 });

const CASES: { name: string; records: NewRecord[]; message: string }[] = [
  { name: "another broker", records: [otherBroker], message: "belongs to a cluster with broker 7" },
  {
    name: "a replica elsewhere",
    records: topic({ replicas: [0, 1] }),
    message: "partition far-0 with a replica on broker 1",
  },
  {
    name: "a second log directory",
    records: topic({}),
    message: "partition far-0 in another log directory",
  },
  {
    name: "remote storage",
    records: [{
      kind: "ConfigRecord",
      version: 0,
      value: { resourceType: 2, resourceName: "t", name: "remote.storage.enable", value: "true" },
    }],
    message: "topic t in remote storage",
  },
  {
    name: "a newer metadata.version",
    records: [feature("metadata.version", 34)],
    message: "is at metadata.version 34, needs 17 to 33",
  },
  {
    name: "a newer level of a feature",
    records: [feature("transaction.version", 3)],
    message: "is at transaction.version 3, needs at most 2",
  },
  {
    name: "an unknown feature",
    records: [feature("shiny.version", 1)],
    message: "uses the feature shiny.version",
  },
];

/** Every file and what is in it. The lock is the broker's before it looks. */
async function contents(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) Object.assign(found, await contents(`${path}/${name}`));
    else if (name !== ".lock") {
      const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${path}/${name}`));
      found[`${path}/${name}`] = new Uint8Array(digest).join(" ");
    }
  }
  return found;
}

async function append(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.writeFile(`${path}/${LOG}`, bytes, { append: true });
}

async function refused(path: string, message: string): Promise<void> {
  // As Kafka leaves its indexes when it is killed: opening the log would cut them.
  await Deno.writeFile(`${path}/${FOLDER}/00000000000000000000.index`, new Uint8Array(80));
  const before = await contents(path);
  await assertRejects(() => TestBroker.start({ path }), Error, message);
  assertEquals(await contents(path), before);
}

for (const { name, records, message } of CASES) {
  Deno.test(`a directory with ${name} is refused before a byte is written`, async () => {
    await withDirectory(async (path) => {
      {
        await using broker = await TestBroker.start({ path });
        await broker.createTopic("t");
      }
      const store = new FileStore(path);
      const baseOffset = new FrozenLog(store, FOLDER).logEndOffset;
      store.close();
      await append(path, recordBatch(records, { nowMs: 1, leaderEpoch: 1, baseOffset }));
      await append(path, new Uint8Array([1, 2, 3])); // a torn end, which must stay as well
      await refused(path, message);
    });
  });
}

Deno.test("a directory with another voter is refused before a byte is written", async () => {
  await withDirectory(async (path) => {
    await (await TestBroker.start({ path })).stop();
    const file = `${path}/${FOLDER}/quorum-state`;
    const state = JSON.parse(await Deno.readTextFile(file));
    state.currentVoters.push({ voterId: 4 });
    await Deno.writeTextFile(file, JSON.stringify(state));
    await refused(path, "belongs to a quorum with node 4");
  });
});
