/** The memory budget of MemoryStore; all else is in store_contract_test.ts. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MemoryStore } from "./memory_store.ts";
import { StoreError } from "../store.ts";

Deno.test("past maxBytes an append takes nothing, and what is removed or cut makes room", async () => {
  const store = new MemoryStore({ maxBytes: 1000 });
  store.makeFolder("t");
  const blob = store.open("t/a");
  blob.append(new Uint8Array(900));
  const error = assertThrows(
    () => blob.append(new Uint8Array(101)),
    StoreError,
    "900 of 1000 bytes",
  );
  assertEquals([error.kind, blob.size, store.freeBytes()], ["noSpace", 900, 100]);
  await assertRejects(() => store.replace("t/b", new Uint8Array(101)), StoreError);
  assertEquals(store.list("t").map((entry) => entry.name), ["a"]);
  blob.truncate(500);
  assertEquals(store.freeBytes(), 500);
  await store.replace("t/b", new Uint8Array(300));
  await store.replace("t/b", new Uint8Array(50));
  assertEquals(store.freeBytes(), 450);
  store.open("t/c").append(new Uint8Array(50));
  store.rename("t/c", "t/b"); // the one there before is gone
  assertEquals(store.freeBytes(), 450);
  store.remove("t");
  assertEquals(store.freeBytes(), 1000);
});
