/** What is done at once and what waits, on a clock that moves when work takes time. */
import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../testing/fake_clock.ts";
import { Paced } from "./paced.ts";

function world() {
  const clock = new FakeClock();
  const due: { readonly ms: number; readonly work: () => void }[] = [];
  const timers = {
    after: (ms: number, work: () => void) => {
      due.push({ ms, work });
      return () => {};
    },
  };
  const paced = new Paced({ clock, timers });
  const taking = (ms: number) => () => (clock.advance(ms), ms);
  return { paced, due, taking };
}

Deno.test("short work is done at once, again and again", () => {
  const { paced, due, taking } = world();
  for (let i = 0; i < 100; i++) assertEquals(paced.run(taking(1)), 1);
  assertEquals(due, []);
});

Deno.test("after long work there is a pause as long, and what came meanwhile follows one by one", async () => {
  const { paced, due, taking } = world();
  assertEquals(paced.run(taking(400)), 400);
  const waiting = [paced.run(taking(300)), paced.run(taking(1)), paced.run(taking(200))];
  assertEquals(due.map(({ ms }) => ms), [400]);
  due[0].work();
  assertEquals(due.map(({ ms }) => ms), [400, 300]);
  due[1].work();
  assertEquals(due.map(({ ms }) => ms), [400, 300, 200]);
  assertEquals(await Promise.all(waiting), [300, 1, 200]);
});

Deno.test("work that throws is its caller's, and others go on", async () => {
  const { paced, due, taking } = world();
  paced.run(taking(20));
  const failing = paced.run((): number => {
    throw new Error("no");
  });
  const next = paced.run(taking(1));
  due[0].work();
  await assertRejects(() => Promise.resolve(failing), Error, "no");
  assertEquals(await next, 1);
});
