/** Proves that the time of the last stop comes back as it was written, and that no other bytes pass for it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryStore } from "../backends/memory_store.ts";
import { verifyRootFiles } from "../recovery/root_files.ts";
import { readLastTime, writeLastTime } from "./last_time.ts";

const TIME = { confirmedMs: 1_700_000_000_000, aheadMs: 2_592_000_000, stoodMs: 36_000_000 };

async function written(): Promise<{ store: MemoryStore; bytes: Uint8Array }> {
  const store = new MemoryStore();
  await writeLastTime(store, TIME);
  return { store, bytes: store.readAll("runnel-clock")! };
}

Deno.test("what was written is read again, and an empty directory says nothing", async () => {
  assertEquals(readLastTime((await written()).store), TIME);
  assertEquals(readLastTime(new MemoryStore()), null);
});

Deno.test("no bit of it can be flipped unseen, and no end of it cut", async () => {
  const { store, bytes } = await written();
  const others: Uint8Array[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] ^= 1 << (bit & 7);
    others.push(flipped);
  }
  for (let length = 0; length < bytes.length; length++) others.push(bytes.slice(0, length));
  others.push(new Uint8Array([...bytes, 10]));
  for (const other of others) {
    await store.replace("runnel-clock", other);
    assertStringIncludes(readLastTime(store) as string, "is of no use");
  }
});

Deno.test("verify tells of one that is of no use", async () => {
  const { store } = await written();
  const found = () => verifyRootFiles(store).filter(({ file }) => file === "runnel-clock");
  assertEquals(found(), []);
  await store.replace("runnel-clock", new Uint8Array(5));
  assertEquals(found().map(({ kind }) => kind), ["hint"]);
});
