/** PlannedStore: what is planned shows at once, nothing is done before it is carried out, and then the store is the same. */
import { assertEquals, assertThrows } from "@std/assert";
import { MemoryStore } from "../backends/memory_store.ts";
import type { Store } from "../store.ts";
import { PlannedStore } from "./planned_store.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

async function filled(): Promise<MemoryStore> {
  const store = new MemoryStore();
  store.makeFolder("t-0");
  for (const name of ["a", "b", "c"]) await store.replace(`t-0/${name}`, bytes(`${name}123456`));
  return store;
}

/** By name, read whole and through a blob, which must agree. */
function contents(store: Store): Record<string, string> {
  return Object.fromEntries(
    store.list("t-0").map(({ name }) => {
      const whole = store.readAll(`t-0/${name}`)!, blob = store.open(`t-0/${name}`);
      const read = new Uint8Array(blob.size + 10), length = blob.read(0, read);
      assertEquals([...read.subarray(0, length)], [...whole], name);
      if (whole.length > 2) {
        const part = new Uint8Array(whole.length - 2);
        assertEquals(blob.read(1, part), part.length);
        assertEquals([...part], [...whole.subarray(1, -1)]);
      }
      blob.close();
      return [name, new TextDecoder().decode(whole)];
    }),
  );
}

Deno.test("renames, removals, cuts and additions show, are not done, and are done when carried out", async () => {
  const store = await filled(), before = contents(store);
  const plan = new PlannedStore(store);
  assertEquals([plan.isEmpty, contents(plan)], [true, before]);
  plan.remove("t-0/absent");
  assertEquals(plan.isEmpty, true);
  plan.remove("t-0/a");
  plan.rename("t-0/b", "t-0/a"); // in its place
  const a = plan.open("t-0/a");
  a.truncate(3);
  a.append(bytes("+"));
  a.close();
  plan.rename("t-0/a", "t-0/d");
  const c = plan.open("t-0/c");
  c.truncate(0);
  c.append(bytes("new"));
  c.close();
  await plan.replace("t-0/e", bytes("e"));
  await plan.syncFolder("t-0");
  const planned = { c: "new", d: "b12+", e: "e" };
  assertEquals([plan.isEmpty, contents(plan), contents(store)], [false, planned, before]);
  await plan.carryOut();
  assertEquals([plan.isEmpty, contents(plan), contents(store)], [true, planned, planned]);
});

Deno.test("a blob that is not there is not made by being looked at, and cannot be renamed", async () => {
  const store = await filled(), plan = new PlannedStore(store);
  const blob = plan.open("t-0/x");
  assertEquals([blob.size, blob.read(0, new Uint8Array(5))], [0, 0]);
  blob.close();
  assertEquals([plan.isEmpty, store.list("t-0").length, plan.readAll("t-0/x")], [true, 3, null]);
  assertThrows(() => plan.rename("t-0/x", "t-0/y"), Error, "Cannot rename t-0/x");
});
