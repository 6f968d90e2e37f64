/** Checkpoint files, partition.metadata, the clean shutdown marker: Kafka's bytes both ways, and damaged ones. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseUuid } from "../../bytes/uuid.ts";
import {
  parseCheckpoint,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
  writeCheckpoint,
} from "./checkpoints.ts";
import { takeCleanShutdown, writeCleanShutdown } from "./clean_shutdown.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { putPartitionMetadata, readPartitionMetadata } from "./partition_metadata.ts";

const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!);
const bytes = (text: string) => new TextEncoder().encode(text);
const ENTRIES = [
  { topic: "__transaction_state", partition: 2, offset: 5 },
  { topic: "t", partition: 0, offset: 5_000_000_000 },
];

Deno.test("a checkpoint is written in Kafka's lines and read back", async () => {
  const store = new MemoryStore();
  assertEquals(readCheckpoint(store, RECOVERY_POINT_CHECKPOINT), []);
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, ENTRIES);
  assertEquals(
    text(store.readAll(RECOVERY_POINT_CHECKPOINT)),
    "0\n2\n__transaction_state 2 5\nt 0 5000000000\n",
  );
  assertEquals(readCheckpoint(store, RECOVERY_POINT_CHECKPOINT), ENTRIES);
  await writeCheckpoint(store, RECOVERY_POINT_CHECKPOINT, []);
  assertEquals(text(store.readAll(RECOVERY_POINT_CHECKPOINT)), "0\n0\n");
  assertEquals(readCheckpoint(store, RECOVERY_POINT_CHECKPOINT), []);
});

Deno.test("a damaged checkpoint counts as empty and the caller is told what is wrong", async () => {
  const store = new MemoryStore();
  await store.replace("c", bytes("0\n2\nt 0 5\n"));
  let reason = "";
  assertEquals(readCheckpoint(store, "c", (text) => reason = text), []);
  assertEquals(reason, 'c is of no use: its second line says "2", but 1 lines follow');
});

Deno.test("parseCheckpoint() names what is wrong", () => {
  assertEquals(parseCheckpoint(""), []); // Kafka leaves an empty cleaner-offset-checkpoint
  for (
    const [content, complaint] of [
      ["1\n0\n", 'version is "1"'],
      ["0\n1\nt 0 5", "cut off"],
      ["0\n", "cut off"],
      ["0\n\n", 'second line says ""'],
      ["0", "cut off"],
      ["0\n1\nt 0\n", 'line 3 is "t 0"'],
      ["0\n1\nt 0 -5\n", "line 3"],
      ["0\n1\nt 0 5 6\n", "line 3"],
      ["0\n1\n\0\0\0\0\n", "line 3"],
      ["\0\0\0\0", "version"],
    ]
  ) {
    const answer = parseCheckpoint(content);
    assert(typeof answer === "string", JSON.stringify(content));
    assertStringIncludes(answer, complaint);
  }
});

Deno.test("partition.metadata has Kafka's bytes and gives the topic id back", async () => {
  const store = new MemoryStore();
  const id = parseUuid("3RfaTK0rRomGYOhr6Tx8xw")!;
  store.makeFolder("t-0");
  assertEquals(readPartitionMetadata(store, "t-0"), null);
  putPartitionMetadata(store, "t-0", id);
  assertEquals(
    text(store.readAll("t-0/partition.metadata")),
    "version: 0\ntopic_id: 3RfaTK0rRomGYOhr6Tx8xw",
  );
  assertEquals(readPartitionMetadata(store, "t-0"), id);
  for (
    const damaged of [
      "",
      "version: 0\n",
      "version: 1\ntopic_id: 3RfaTK0rRomGYOhr6Tx8xw",
      "version: 0\ntopic_id: x",
    ]
  ) {
    await store.replace("t-0/partition.metadata", bytes(damaged));
    assertEquals(readPartitionMetadata(store, "t-0"), null, damaged);
  }
});

Deno.test("the clean shutdown marker is found once, and not again after a crash", async () => {
  const store = new FaultyStore(new MemoryStore());
  assertEquals(await takeCleanShutdown(store), null);
  await writeCleanShutdown(store, 11);
  assertEquals(text(store.readAll(".kafka_cleanshutdown")), '{"version":0,"brokerEpoch":11}');
  assertEquals(await takeCleanShutdown(store), { brokerEpoch: 11 });
  assertEquals(await takeCleanShutdown(await store.crash({ unsynced: "lost" })), null);
});

Deno.test("a clean shutdown marker that says nothing counts as an unclean stop", async () => {
  const store = new MemoryStore();
  for (const content of ["", "{}", "[1", "null", '{"version":0,"brokerEpoch":"x"}']) {
    await store.replace(".kafka_cleanshutdown", bytes(content));
    assertEquals(await takeCleanShutdown(store), null, content);
  }
});

Deno.test("an offset beyond 2^53 is told from one that fits, with its line", () => {
  assertEquals(parseCheckpoint("0\n1\nt 0 9007199254740991\n"), [
    { topic: "t", partition: 0, offset: Number.MAX_SAFE_INTEGER },
  ]);
  for (const offset of ["9007199254740993", "9223372036854775807"]) {
    assertEquals(
      parseCheckpoint(`0\n2\nt 0 5\nt 1 ${offset}\n`),
      `line 4 is "t 1 ${offset}", needs an offset below 2^53`,
    );
  }
});
