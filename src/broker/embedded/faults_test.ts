/** Proves that what lasts ends with the last of those who asked for it, and can be ended again where that failed. */
import { assertEquals, assertRejects } from "@std/assert";
import { FaultSet } from "./faults.ts";

function faults() {
  const told: string[] = [], failing = { is: false };
  const set = new FaultSet([], {
    setLeader: (topic, partition, isLed) => {
      if (failing.is) return Promise.reject(new Error("not now"));
      told.push(`${topic}-${partition} ${isLed}`);
      return Promise.resolve();
    },
    setDiskFull: (isFull) => void told.push(`full ${isFull}`),
  });
  return { set, told, failing };
}

Deno.test("a disk that two have filled, and a partition whose leader two have taken, are well when both have ended", async () => {
  const { set, told } = faults();
  const disks = [set.diskFull(), set.diskFull()];
  const leaders = [await set.leaderless("t"), await set.leaderless("t"), await set.leaderless("u")];
  told.length = 0;
  await disks[0].remove();
  await leaders[1].remove();
  assertEquals(told, []);
  await set.clear();
  assertEquals(told, ["full false", "t-0 true", "u-0 true"]);
});

Deno.test("what could not be taken back lasts, and may be taken back again", async () => {
  const { set, told, failing } = faults();
  const leaderless = await set.leaderless("t");
  failing.is = true;
  await assertRejects(() => leaderless.remove(), Error, "not now");
  assertEquals(set.isIdle, false);
  failing.is = false;
  await leaderless.remove();
  assertEquals([told.at(-1), set.isIdle], ["t-0 true", true]);
});
