/**
 * Proves what becomes of names that differ in case alone where the file system takes them for one, as macOS's does: two
 * topics never have one folder, whoever asks for the second, and what has both is neither served nor copied there.
 */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { mustTellCase } from "../../src/backup/tells_case.ts";
import { CreateTopics } from "../../src/protocol/messages/create_topics.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { MemoryStore } from "../../src/storage/backends/memory_store.ts";
import { type Store, StoreError } from "../../src/storage/store.ts";
import { FoldingStore } from "../../src/testing/folding_store.ts";
import { append, readAll } from "./calls.ts";
import { TestBroker } from "./harness.ts";

async function create(broker: TestBroker, ...names: string[]) {
  const connection = await broker.connect();
  const { topics } = await connection.request(CreateTopics, 7, {
    topics: names.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 10_000,
    validateOnly: false,
  });
  return topics.map(({ errorCode, errorMessage }) => [errorCode, errorMessage ?? ""] as const);
}

/** Every file with its content. */
function contentOf(store: Store, folder = ""): Record<string, string> {
  const found = store.list(folder).map(({ name, isFolder }): Record<string, string> => {
    const path = folder === "" ? name : `${folder}/${name}`;
    return isFolder ? contentOf(store, path) : { [path]: store.readAll(path)!.join() };
  });
  return Object.assign({}, ...found);
}

Deno.test("a topic whose name differs from another's in case alone is refused, also within one request", async () => {
  const store = new FoldingStore();
  await using broker = await TestBroker.start({}, { store });
  assertEquals(await create(broker, "Orders"), [[0, ""]]);
  const refused = "would share the folder of topic";
  const [[code, message], [other]] = await create(broker, "orders", "Orders.x");
  assertEquals([code, other], [17, 0]);
  assertStringIncludes(message, `'orders' ${refused} 'Orders'`);
  const pair = await create(broker, "one", "ONE");
  assertEquals(pair.map(([code]) => code), [0, 17]);
  assertStringIncludes(pair[1][1], `'ONE' ${refused} 'one'`);
  for (const own of ["__Consumer_Offsets", "__TRANSACTION_STATE", "__Cluster_Metadata"]) {
    const [[code, message]] = await create(broker, own);
    assertEquals(code, 17, own);
    assertStringIncludes(message, `folder of topic '${own.toLowerCase()}'`);
  }
  // Names of which one is the other's metric name collide as everywhere, and no further.
  assertEquals((await create(broker, "orders_x"))[0][0], 0);
  assertEquals((await create(broker, "Orders_x"))[0][0], 17);
});

Deno.test("asking for such a topic makes none, and once the first is gone its name is free", async () => {
  const store = new FoldingStore();
  await using broker = await TestBroker.start({ autoCreateTopics: true }, { store });
  await broker.createTopic("Orders");
  const connection = await broker.connect();
  await append(connection, "Orders", ["a"]);
  const asked = { topics: [{ name: "orders" }], allowAutoTopicCreation: true };
  await connection.request(Metadata, 9, asked);
  const { topics } = await connection.request(Metadata, 9, { topics: null });
  assertEquals(topics.map(({ name }) => name), ["Orders"]);
  const deleted = await connection.request(DeleteTopics, 3, {
    topicNames: ["Orders"],
    timeoutMs: 10_000,
  });
  assertEquals(deleted.responses[0].errorCode, 0);
  await broker.createTopic("orders");
  await append(connection, "orders", ["b"]);
  assertEquals(await readAll(connection, "orders"), ["b"]);
});

Deno.test("a directory with both, from a file system that tells them apart, is refused with their names", async () => {
  const store = new FoldingStore();
  store.isFolding = false;
  {
    await using broker = await TestBroker.start({}, { store });
    assertEquals((await create(broker, "Orders", "orders")).map(([code]) => code), [0, 0]);
  }
  store.isFolding = true;
  const before = contentOf(store);
  const error = await assertRejects(() => TestBroker.start({}, { store }), Error);
  assertStringIncludes(error.message, "Orders and orders, which are one folder");
  assertEquals(contentOf(store), before);
});

Deno.test("a backup of both is not written to such a file system", () => {
  const of = ["b", "Orders", "orders", "orders"].map((topic) => ({ topic }));
  const folding = new FoldingStore();
  const error = assertThrows(() => mustTellCase(folding, of), StoreError);
  assertStringIncludes(error.message, "the topics Orders and orders");
  mustTellCase(folding, [{ topic: "a" }, { topic: "a" }]);
  mustTellCase(new MemoryStore(), of);
});
