/** Proves that few look at a time, in order, and that one that fails gives its turn back. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ApiFailure } from "./failure.ts";
import { Turns } from "./turns.ts";

Deno.test("four look at a time, the others in order, and past a bound nobody waits", async () => {
  const turns = new Turns({ atATime: 4 }),
    begun: number[] = [],
    ends: PromiseWithResolvers<void>[] = [];
  let now = 0, most = 0;
  const looks = Array.from({ length: 68 }, (_, i) =>
    turns.take(async () => {
      begun.push(i);
      most = Math.max(most, ++now);
      const end = Promise.withResolvers<void>();
      ends.push(end);
      await end.promise;
      now--;
      if (i % 3 === 0) throw new Error("failed");
    }));
  await assertRejects(() => turns.take(() => Promise.resolve()), ApiFailure, "too many");
  for (let i = 0; i < 68; i++) {
    ends[i].resolve();
    await looks[i].catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(begun, Array.from({ length: 68 }, (_, i) => i));
  assertEquals([most, now], [4, 0]);
  assert(await turns.take(() => Promise.resolve(true)));
});
