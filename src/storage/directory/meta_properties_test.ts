/** meta.properties: what Kafka wrote is read, what is written is read back, another's directory is refused. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseUuid } from "../../bytes/uuid.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { MetaPropertiesError, openMetaProperties, parseProperties } from "./meta_properties.ts";

const BY_KAFKA = `#
#Sat Nov 21 09:20:11 UTC 2026
node.id=0
directory.id=3H17zCOgUQb0UZnvcuxt5w
version=1
cluster.id=UO8bdHv4RAySJan_JY3lrw
`;

async function storeWith(content: string): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.replace("meta.properties", new TextEncoder().encode(content));
  return store;
}

Deno.test("openMetaProperties() reads Kafka's file and leaves it as it is", async () => {
  const store = await storeWith(BY_KAFKA);
  const meta = await openMetaProperties(store, { nodeId: 0 });
  assertEquals(meta, {
    clusterId: "UO8bdHv4RAySJan_JY3lrw",
    nodeId: 0,
    directoryId: parseUuid("3H17zCOgUQb0UZnvcuxt5w")!,
  });
  assertEquals(new TextDecoder().decode(store.readAll("meta.properties")!), BY_KAFKA);
});

Deno.test("openMetaProperties() creates the file once and finds the same ids again", async () => {
  const store = new MemoryStore();
  const first = await openMetaProperties(store, { nodeId: 7 });
  assertEquals(await openMetaProperties(store, { nodeId: 7 }), first);
  const named = new MemoryStore();
  await openMetaProperties(named, { nodeId: 7, clusterId: "a cluster: größer\\=1" });
  assertEquals((await openMetaProperties(named, { nodeId: 7 })).clusterId, "a cluster: größer\\=1");
});

Deno.test("openMetaProperties() adds a directory id where an older Kafka wrote none", async () => {
  const store = await storeWith("version=1\nnode.id=0\ncluster.id=c\n");
  const meta = await openMetaProperties(store, { nodeId: 0 });
  assertEquals(meta.clusterId, "c");
  assertEquals(await openMetaProperties(store, { nodeId: 0 }), meta);
});

Deno.test("openMetaProperties() refuses a directory of another node or cluster, saying which", async () => {
  for (
    const [content, expected, complaint] of [
      [BY_KAFKA, { nodeId: 1 }, "node.id=0, but this broker is node 1"],
      [BY_KAFKA, { nodeId: 0, clusterId: "other" }, "cluster.id=UO8bdHv4RAySJan_JY3lrw"],
      ["version=0\nbroker.id=0\ncluster.id=c\n", { nodeId: 0 }, "version=0, needs version=1"],
      ["", { nodeId: 0 }, "meta.properties is empty"],
      ["version=1\ncluster.id=c\n", { nodeId: 0 }, "no node.id"],
      ["version=1\nnode.id=0\n", { nodeId: 0 }, "no cluster.id"],
      ["version=1\nnode.id=0\ncluster.id=c\ndirectory.id=x\n", { nodeId: 0 }, "directory.id=x"],
    ] as const
  ) {
    const store = await storeWith(content);
    const error = await assertRejects(
      () => openMetaProperties(store, expected),
      MetaPropertiesError,
    );
    assertStringIncludes(error.message, complaint);
  }
});

Deno.test("openMetaProperties() finds every flipped bit and every cut of its own file, or the ids are the same", async () => {
  const store = new MemoryStore();
  const meta = await openMetaProperties(store, { nodeId: 7 });
  const bytes = store.readAll("meta.properties")!;
  let refusals = 0;
  const outcome = async (damaged: Uint8Array, what: string) => {
    await store.replace("meta.properties", damaged);
    try {
      assertEquals(await openMetaProperties(store, { nodeId: 7 }), meta, what);
    } catch (error) {
      if (!(error instanceof MetaPropertiesError)) throw error;
      refusals++;
    }
    assertEquals(store.readAll("meta.properties"), damaged, what);
  };
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << bit % 8;
    await outcome(damaged, `bit ${bit % 8} of byte ${bit >> 3}`);
  }
  for (let size = 0; size < bytes.length; size++) {
    const before = refusals;
    await outcome(bytes.subarray(0, size), `cut to ${size}`);
    assertEquals(refusals, before + 1, `cut to ${size}`);
  }
});

Deno.test("openMetaProperties() makes no directory id anew where the directory is in use", async () => {
  const store = await storeWith("version=1\nnode.id=0\ncluster.id=c\n");
  store.makeFolder("__cluster_metadata-0");
  await store.replace("__cluster_metadata-0/00000000000000000000.log", new Uint8Array(100));
  await assertRejects(
    () => openMetaProperties(store, { nodeId: 0 }),
    MetaPropertiesError,
    "has no directory.id",
  );
});

Deno.test("parseProperties() knows Java's comments, separators, escapes and continued lines", () => {
  const text = [
    "# comment",
    "  ! another",
    "",
    "a=1",
    "b : 2",
    "c 3",
    "  d=  four words here ",
    "e\\=f=g\\:h",
    "i=\\u00fc\\t\\\\",
    "j=first \\",
    "    second",
    "k",
    "l=\\\\",
    "m=1\r",
  ].join("\n");
  assertEquals([...parseProperties(text)], [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["d", "four words here "],
    ["e=f", "g:h"],
    ["i", "ü\t\\"],
    ["j", "first second"],
    ["k", ""],
    ["l", "\\"],
    ["m", "1"],
  ]);
});
