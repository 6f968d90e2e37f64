/** Proves that a shared sync is never one that began before it was asked for, and that a failure is of those who share it. */
import { assertEquals } from "@std/assert";
import { SharedSyncs } from "./shared_syncs.ts";

function world() {
  const begun: string[] = [], ends: PromiseWithResolvers<void>[] = [];
  const syncs = new SharedSyncs((folder) => {
    begun.push(folder);
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  const told: string[] = [];
  const ask = (who: string, folder = "a") =>
    void syncs.sync(folder).then(() => told.push(who), () => told.push(`${who} failed`));
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  return { begun, ends, told, ask, turn };
}

Deno.test("who asks while a folder is synced shares the next sync, and not the one under way", async () => {
  const { begun, ends, told, ask, turn } = world();
  ask("first");
  ask("second");
  ask("third");
  ask("elsewhere", "b");
  await turn();
  assertEquals(begun, ["a", "b"]);
  ends[0].resolve();
  await turn();
  assertEquals([begun, told], [["a", "b", "a"], ["first"]]);
  ask("fourth");
  ends[2].resolve();
  await turn();
  assertEquals([begun.length, told], [4, ["first", "second", "third"]]);
  ends[1].resolve();
  ends[3].resolve();
  await turn();
  assertEquals(told.slice(3).sort(), ["elsewhere", "fourth"]);
  ask("fifth");
  assertEquals(begun.length, 5, "nothing is remembered of what has ended");
});

Deno.test("a sync that fails has failed for those who share it, and the next one begins all the same", async () => {
  const { begun, ends, told, ask, turn } = world();
  ask("first");
  ask("second");
  ends[0].reject(new Error("the disk is gone"));
  await turn();
  assertEquals([begun.length, told], [2, ["first failed"]]);
  ends[1].resolve();
  await turn();
  assertEquals(told, ["first failed", "second"]);
});
