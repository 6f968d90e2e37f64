/** Proves who makes room for whom, by a time that the test drives, and connections that only note that they are closed. */
import { assert, assertEquals } from "@std/assert";
import { type Asker, Askers } from "./askers.ts";

/** Time passes only in pauses, and by `pass()`; in a pause what was due happens. */
class World {
  nowMs = 0;
  readonly closed: Asker[] = [];
  readonly askers: Askers;
  readonly #due: { atMs: number; act: () => void }[] = [];

  constructor(maxConnections: number, admits: (open: number) => boolean = () => true) {
    this.askers = new Askers({
      maxConnections,
      admits,
      onClosed: (asker) => this.closed.push(asker),
      nowMs: () => this.nowMs,
      pause: (ms) => Promise.resolve(this.pass(ms)),
    });
  }

  at(atMs: number, act: () => void): void {
    this.#due.push({ atMs, act });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const one of [...this.#due]) {
      if (one.atMs > this.nowMs) continue;
      this.#due.splice(this.#due.indexOf(one), 1);
      one.act();
    }
  }

  admit(): Promise<Asker> {
    return this.askers.admit({ close() {} });
  }
}

Deno.test("the oldest without a header makes room, after its moment; who has asked stays", async () => {
  const world = new World(3);
  const asked = await world.admit(), second = await world.admit(), third = await world.admit();
  asked.hasAsked = true;
  await world.admit();
  assertEquals(world.closed, [second]);
  assert(world.nowMs >= 20, `closed after ${world.nowMs} ms`);
  await world.admit();
  assertEquals(world.closed, [second, third]);
});

Deno.test("where all have asked the oldest makes room", async () => {
  const world = new World(2);
  const [first, second] = [await world.admit(), await world.admit()];
  first.hasAsked = second.hasAsked = true;
  world.pass(50);
  await world.admit();
  assertEquals(world.closed, [first]);
});

Deno.test("nobody makes room where somebody goes meanwhile", async () => {
  const world = new World(2);
  const first = await world.admit();
  await world.admit();
  world.at(3, () => world.askers.remove(first));
  await world.admit();
  assertEquals([world.closed, world.nowMs < 20], [[], true]);
});

Deno.test("one is let in whatever the descriptors say, and for more another goes", async () => {
  const world = new World(100, () => false);
  const first = await world.admit();
  await world.admit();
  assertEquals([world.closed, world.askers.size], [[first], 1]);
});

Deno.test("nobody is closed on a blocked event loop before a turn in which its header is read", async () => {
  const world = new World(1);
  const first = await world.admit();
  world.nowMs += 5000; // without a turn
  world.at(world.nowMs + 1, () => first.hasAsked = true);
  await world.admit();
  assertEquals(first.hasAsked, true);
});

Deno.test("who sends a header within 50 ms gets in among 10,000 connections a second that send none", async () => {
  const world = new World(1000);
  let checks = 0;
  for (let i = 0; i < 30_000; i++) {
    const arriveMs = i / 10;
    if (arriveMs > world.nowMs) world.pass(arriveMs - world.nowMs);
    const asker = await world.admit();
    const isLate = world.nowMs - arriveMs;
    assert(isLate < 250, `accepted ${isLate} ms after it came`);
    if (i % 100 !== 0) continue;
    world.at(world.nowMs + 50, () => {
      assert(!asker.isClosed, `check ${i} was closed before it asked`);
      asker.hasAsked = true;
      world.askers.remove(asker); // answered
      checks++;
    });
  }
  assert(checks > 290, `${checks} checks`);
  assert(world.closed.length > 20_000, `only ${world.closed.length} made room: that is no flood`);
});

Deno.test("who is still to come when the server stops is closed", async () => {
  const world = new World(10);
  const before = await world.admit();
  world.askers.closeAll();
  assertEquals([before.isClosed, (await world.admit()).isClosed], [true, true]);
});
