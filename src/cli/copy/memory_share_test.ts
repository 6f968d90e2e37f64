/** Proves who waits for memory, and that who holds nothing always gets some in the end. */
import { assertEquals } from "@std/assert";
import { several } from "./several.ts";
import { MemoryShare } from "./memory_share.ts";

Deno.test("who holds nothing waits in turn, and one that needs more than there is gets it alone", async () => {
  const share = new MemoryShare(10), got: string[] = [];
  assertEquals([share.tryTake(6), share.tryTake(6)], [true, false]);
  const large = share.take(25).then(() => got.push("large"));
  const small = share.take(2).then(() => got.push("small"));
  await Promise.resolve();
  assertEquals([got, share.tryTake(1)], [[], false]);
  share.give(6);
  await large;
  assertEquals(got, ["large"]);
  share.correct(25, 5); // it was less than was thought
  await small;
  assertEquals(got, ["large", "small"]);
  share.give(5);
  share.give(2);
  assertEquals(share.tryTake(10), true);
});

Deno.test("many that guess wrong all get on, and nothing is left taken", async () => {
  const share = new MemoryShare(100);
  let held = 0, most = 0;
  await several(Array.from({ length: 200 }, (_, n) => n), 8, async (n) => {
    await share.take(20);
    const bytes = n % 50 === 0 ? 150 : 5 + n % 20;
    share.correct(20, bytes);
    held += bytes;
    most = Math.max(most, held);
    await Promise.resolve();
    held -= bytes;
    share.give(bytes);
  });
  assertEquals([share.tryTake(100), most <= 250], [true, true]);
});

Deno.test("several() begins nothing more once one has failed, and waits for those on their way", async () => {
  const begun: number[] = [], ended: number[] = [];
  let message = "";
  try {
    await several([0, 1, 2, 3, 4], 2, async (n) => {
      begun.push(n);
      await new Promise((resolve) => setTimeout(resolve, n === 0 ? 1 : 20));
      if (n === 0) throw new Error("zero");
      ended.push(n);
    });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals([begun, ended, message], [[0, 1], [1], "zero"]);
  assertEquals(await several([3, 1, 2], 2, (n) => Promise.resolve(n * 2)), [6, 2, 4]);
});
