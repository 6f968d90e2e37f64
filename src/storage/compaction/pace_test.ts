// Proves that compaction rests when it should, by a clock that stands still until told otherwise and by real time.
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../clock.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { Pace } from "./pace.ts";

Deno.test("a slice is over by time, whatever the bytes", () => {
  const clock = new FakeClock(), pace = new Pace(clock, Infinity);
  assertEquals(pace.isOver(1e9), false);
  clock.advance(2);
  assertEquals(pace.isOver(0), true);
});

Deno.test("rest() makes up for bytes beyond the limit, and begins a new slice", async () => {
  const pace = new Pace(systemClock, 1_000_000);
  assertEquals(pace.isOver(50_000), true);
  const began = performance.now();
  await pace.rest();
  const restedMs = performance.now() - began;
  assert(restedMs >= 45, `${restedMs} ms for 50 ms worth of bytes`);
  assertEquals(pace.isOver(1), false);
});

Deno.test("stop() ends a rest at once, and all later ones", async () => {
  const pace = new Pace(systemClock, 1);
  pace.isOver(1e6); // days of rest
  const resting = pace.rest();
  pace.stop();
  await resting;
  pace.isOver(1e6);
  await pace.rest();
  assert(pace.isStopped);
});

Deno.test("rest() is as long as the slice was, when one batch took long", async () => {
  const clock = new FakeClock(), pace = new Pace(clock, Infinity);
  clock.advance(80);
  const beganMs = performance.now();
  await pace.rest();
  assert(performance.now() - beganMs >= 75, "it worked on sooner");
});
