/** Proves how much of what clients say may be held, and that what goes is there for others. */
import { assertEquals } from "@std/assert";
import { HeldBytes } from "./held_bytes.ts";

function world(maxBytes: number) {
  const time = { ms: 0 }, held: number[] = [];
  const bytes = new HeldBytes({
    maxBytes,
    nowMs: () => time.ms,
    held: () => held.reduce((sum, one) => sum + one, 0),
  });
  const join = (size: number) => {
    const mayJoin = bytes.admits(size);
    if (mayJoin) held.push(size);
    return mayJoin;
  };
  return { time, held, join };
}

Deno.test("large joins have half of what members may say, small ones all of it", () => {
  const { join } = world(1_000_000);
  assertEquals([join(500_001), join(300_000), join(200_001), join(200_000)], [
    false,
    true,
    false,
    true,
  ]);
  let small = 0;
  while (join(10_000)) small++;
  assertEquals(small, 50);
});

Deno.test("what members leave is counted for others, a moment after it was counted before", () => {
  const { time, held, join } = world(1_000_000);
  while (join(100_000));
  assertEquals(held.length, 5);
  held.splice(0, 3);
  assertEquals(join(100_000), false);
  time.ms += 10;
  assertEquals([join(100_000), join(100_000), join(100_000), join(100_000)], [
    true,
    true,
    true,
    false,
  ]);
});

Deno.test("who joins again and again is counted once", () => {
  const { time, held, join } = world(1_000_000);
  for (let i = 0; i < 1000; i++) {
    held.length = 0;
    time.ms += 10;
    assertEquals(join(10_000), true, `join ${i}`);
  }
});
