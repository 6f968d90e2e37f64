/** A first start: where it may begin, and whose directory it leaves alone. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { MemoryStore } from "../backends/memory_store.ts";
import { DirectoryInUseError, mustBeFree } from "./first_start.ts";

/** Files; a name that ends in "/" is a folder. */
async function storeWith(names: readonly string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const name of names) {
    if (name.endsWith("/")) store.makeFolder(name.slice(0, -1));
    else {
      if (name.includes("/")) store.makeFolder(name.slice(0, name.lastIndexOf("/")));
      await store.replace(name, new Uint8Array(1));
    }
  }
  return store;
}

for (
  const names of [
    [],
    ["lost+found/", ".lock"],
    ["meta.properties.tmp", ".lock"],
    [".snapshot/hourly.0", ".DS_Store", ".nfs000001", ".git/HEAD"],
  ]
) {
  Deno.test(`a directory with ${names.join(", ") || "nothing"} is free`, async () => {
    const store = await storeWith(names);
    mustBeFree(store);
    for (const name of names) if (!name.endsWith("/")) assertEquals(store.readAll(name)?.length, 1);
  });
}

for (
  const names of [
    ["photos-2024/one.jpg"],
    ["notes.txt"],
    ["a/", "b/", "c/", "d/"],
    ["orders-0/"],
    ["meta.properties.bak"],
  ]
) {
  Deno.test(`a directory with ${names.join(", ")} is somebody else's`, async () => {
    const store = await storeWith(names);
    const { message } = assertThrows(() => mustBeFree(store), DirectoryInUseError);
    assertStringIncludes(message, "not a directory of Runnel or Kafka");
    assertStringIncludes(message, names[0].split("/")[0]);
    assertStringIncludes(message, "--storage-path");
    assertStringIncludes(message, store.name);
    if (names.length > 3) assertStringIncludes(message, "a, b, c and 1 more");
  });
}

for (
  const name of [
    "orders-0/partition.metadata",
    "orders-0/00000000000000000000.log",
    "orders-0.0123456789abcdef0123456789abcdef-delete/00000000000000000000.log",
    "__cluster_metadata-0/quorum-state",
    "recovery-point-offset-checkpoint",
    "bootstrap.checkpoint",
    ".kafka_cleanshutdown",
  ]
) {
  Deno.test(`a directory with ${name} has lost its meta.properties`, async () => {
    const store = await storeWith([name]);
    const { message } = assertThrows(() => mustBeFree(store), DirectoryInUseError);
    assertStringIncludes(message, "no meta.properties");
    assertStringIncludes(message, name.split("/")[0]);
  });
}
