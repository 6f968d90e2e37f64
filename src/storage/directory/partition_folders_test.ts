/** Proves what becomes of folders that no partition answers for, and that nothing goes which nobody marked. */
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { putPartitionMetadata } from "./partition_metadata.ts";
import { markedName, sortOut } from "./partition_folders.ts";
import type { Store } from "../store.ts";

function put(store: Store, path: string): void {
  store.makeFolder(path.slice(0, path.lastIndexOf("/")));
  store.open(path).close();
}

Deno.test("only what is marked deleted, or of a deleted topic, is doomed; partitions are renamed; the rest stays", () => {
  const store = new MemoryStore(), deleted = randomUuid();
  const marked = `a-0.${"0".repeat(32)}-delete`;
  const folders = ["photos-2024", "notes", "gone-1", "lost-0", "bare-7", "__cluster_metadata-0"];
  put(store, `${marked}/00000000000000000000.log`);
  put(store, "photos-2024/beach.jpg");
  put(store, "notes/00000000000000000000.log");
  put(store, "gone-1/00000000000000000000.log");
  putPartitionMetadata(store, "gone-1", deleted);
  put(store, "lost-0/00000000000000000042.log");
  put(store, "bare-7/partition.metadata");
  put(store, "__cluster_metadata-0/00000000000000000000.log");
  const warnings: unknown[] = [];
  const doomed = sortOut({
    store,
    wasDeleted: (id) => id === deleted,
    onWarning: (_, { folder }) => warnings.push(folder),
  }, [...folders, marked]);
  const names = store.list("").map(({ name }) => name);
  const as = (pattern: RegExp) => names.find((name) => pattern.test(name))!;
  assertEquals(doomed.sort(), [marked, as(/^gone-1\.[0-9a-f]{32}-delete$/)].sort());
  assertEquals(names.length, 7);
  for (const kept of ["photos-2024", "notes", "__cluster_metadata-0"]) {
    assertEquals(names.includes(kept), true, kept);
  }
  assertEquals(store.list(as(/^lost-0\.[0-9a-f]{32}-stray$/)).length, 1);
  assertEquals(store.list(as(/^bare-7\.[0-9a-f]{32}-stray$/)).length, 1);
  assertEquals(warnings, ["lost-0", "bare-7"]);
});

Deno.test("a folder that cannot be renamed is reported, and the others are dealt with", () => {
  const memory = new MemoryStore(), store = new FaultyStore(memory);
  put(memory, "a-0/00000000000000000000.log");
  put(memory, "b-0/00000000000000000000.log");
  store.fail({ on: "rename" });
  const warnings: unknown[] = [];
  const context = {
    store,
    wasDeleted: () => false,
    onWarning: (_: string, { folder }: Record<string, unknown>) => warnings.push(folder),
  };
  assertEquals(sortOut(context, ["a-0", "b-0"]), []);
  assertEquals(warnings, ["a-0", "b-0"]);
  assertEquals(memory.list("").filter(({ name }) => name.endsWith("-stray")).length, 1);
  assertEquals(memory.list("a-0").length, 1);
});

Deno.test("markedName() fits a file name for the longest topic, and keeps the partition", () => {
  const name = markedName(`${"n".repeat(249)}-1234`, "delete");
  assertEquals(name.length, 255);
  assertEquals(/^n+-1234\.[0-9a-f]{32}-delete$/.test(name), true);
  assertEquals(/^short-0\.[0-9a-f]{32}-stray$/.test(markedName("short-0", "stray")), true);
});
