// Proves that a clock which is let go further does what falls due on the way, in order, once, and leaves no timer behind.
import { assertEquals, assertThrows } from "@std/assert";
import { AdvancedClock } from "./advanced_clock.ts";

Deno.test("what falls due is done in the order of its time, and what is not due waits", async () => {
  const clock = new AdvancedClock(), done: string[] = [];
  clock.after(20_000, () => done.push("b"));
  clock.after(10_000, () => done.push("a"));
  const takeBack = clock.after(60_000, () => done.push("c"));
  await clock.advance(30_000);
  assertEquals(done, ["a", "b"]);
  assertEquals(clock.waiting, 1);
  takeBack();
  assertEquals(clock.waiting, 0);
});

Deno.test("a deadline that another one brings about comes within the same time", async () => {
  const clock = new AdvancedClock();
  const done: string[] = [];
  clock.after(10_000, async () => {
    await Promise.resolve();
    clock.after(5_000, () => done.push("second"));
  });
  await clock.advance(20_000);
  assertEquals(done, ["second"]);
});

Deno.test("a year with something due every second takes no longer than an hour, and both clocks move", async () => {
  const clock = new AdvancedClock(), beganMs = performance.now();
  const wallMs = clock.nowMs(), monotonicMs = clock.monotonicMs();
  let count = 0, end = () => {};
  const again = () => void (end = clock.after(1000, () => (count++, again())));
  again();
  await clock.advance(YEAR_MS);
  end();
  assertEquals(count > 200 && count < 300, true, `${count} times`);
  assertEquals(Math.round((clock.nowMs() - wallMs) / YEAR_MS), 1);
  assertEquals(Math.round((clock.monotonicMs() - monotonicMs) / YEAR_MS), 1);
  const tookMs = performance.now() - beganMs;
  assertEquals(tookMs < 5000, true, `${tookMs} ms`);
});

Deno.test("what was left waiting comes sooner by as much as time was let pass", async () => {
  const clock = new AdvancedClock();
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.after(3_600_000, resolve);
  await clock.advance(3_600_000 - 50);
  await promise; // by the machine's own time
});

Deno.test("a timer longer than the system has waits all of its time", async () => {
  const clock = new AdvancedClock();
  let isDone = false;
  clock.after(YEAR_MS, () => void (isDone = true));
  await clock.advance(YEAR_MS - 60_000);
  assertEquals(isDone, false);
  await clock.advance(60_000);
  assertEquals(isDone, true);
});

Deno.test("the wall clock has whole milliseconds, whatever is let pass", async () => {
  const clock = new AdvancedClock();
  clock.after(0.3, () => {});
  for (const ms of [0.1, 1.5, 100_000.7]) {
    await clock.advance(ms);
    assertEquals(Number.isInteger(clock.nowMs()), true);
  }
});

Deno.test("time that is none is refused", () => {
  for (const ms of [-1, NaN, Infinity]) {
    assertThrows(() => new AdvancedClock().advance(ms), RangeError, String(ms));
  }
});

const YEAR_MS = 365 * 24 * 3_600_000;
