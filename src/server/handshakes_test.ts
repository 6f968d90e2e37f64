/** Proves how many handshakes of an address are under way at once, and who makes room for whom. */
import { assertEquals } from "@std/assert";
import { Handshakes } from "./handshakes.ts";

function world(atOnce = 3, inAll = 100) {
  const time = { ms: 0 }, waits: number[] = [];
  const handshakes = new Handshakes({
    monotonicMs: () => time.ms,
    onWait: () => waits.push(time.ms),
    atOnce,
    inAll,
  });
  const begun: string[] = [], cut: string[] = [], leaves = new Map<string, () => void>();
  return {
    handshakes,
    time,
    waits,
    begun,
    cut,
    async enter(peer: string, name: string): Promise<void> {
      handshakes.enter(peer, () => {
        cut.push(name);
        leaves.get(name)!();
      }).then((leave) => {
        begun.push(name);
        leaves.set(name, leave);
      });
      await turns();
    },
    async leave(name: string): Promise<void> {
      leaves.get(name)!();
      leaves.get(name)!(); // twice is once
      await turns();
    },
  };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await null;
}

Deno.test("past the limit of an address its next ones wait in their order, and those of others do not", async () => {
  const { handshakes, enter, leave, begun, waits } = world();
  for (const name of ["a1", "a2", "a3", "a4", "a5"]) await enter("10.0.0.1", name);
  await enter("10.0.0.2", "b1");
  assertEquals([begun, waits.length, handshakes.isPressed], [["a1", "a2", "a3", "b1"], 2, true]);
  await leave("a2");
  assertEquals(begun.at(-1), "a4");
  await leave("a1");
  assertEquals([begun.at(-1), handshakes.isPressed], ["a5", false]);
  for (const name of ["a3", "a4", "a5", "b1"]) await leave(name);
  await enter("10.0.0.1", "a6");
  assertEquals(begun.at(-1), "a6");
});

Deno.test("while others wait the oldest that stop make room, as many as wait, and nobody before a second", async () => {
  const { handshakes, enter, time, begun, cut } = world();
  for (const name of ["a1", "a2", "a3"]) await enter("10.0.0.1", name);
  time.ms = 5000;
  handshakes.sweep();
  assertEquals(cut, [], "nobody waits");
  await enter("10.0.0.1", "a4");
  await enter("10.0.0.1", "a5");
  await enter("10.0.0.2", "b1");
  handshakes.sweep();
  await turns();
  assertEquals([cut, begun.slice(-2)], [["a1", "a2"], ["a4", "a5"]]);
  await enter("10.0.0.1", "a6");
  await enter("10.0.0.1", "a7");
  time.ms = 5999;
  handshakes.sweep();
  await turns();
  assertEquals(cut, ["a1", "a2", "a3"]);
});

Deno.test("a network of IPv6 is one address", async () => {
  const { enter, begun } = world(1);
  await enter("2001:db8::1", "a1");
  await enter("2001:db8::ffff:2", "a2");
  await enter("2001:db8:0:1::1", "b1");
  assertEquals(begun, ["a1", "b1"]);
});

Deno.test("past the limit of all the addresses that wait take turns, however many of one wait", async () => {
  const { handshakes, enter, leave, begun, waits } = world(3, 4);
  for (const name of ["a1", "a2", "a3", "a4", "a5"]) await enter("10.0.0.1", name);
  for (const name of ["b1", "b2", "b3"]) await enter("10.0.0.2", name);
  await enter("10.0.0.3", "c1");
  assertEquals(begun, ["a1", "a2", "a3", "b1"]);
  assertEquals([waits.length, handshakes.isPressed], [5, true]);
  await leave("b1");
  assertEquals(begun.at(-1), "b2", "a has as many as one address may");
  await leave("a1");
  await leave("a2");
  await leave("a3");
  assertEquals(begun.slice(-3), ["a4", "c1", "b3"]);
  await leave("b2");
  assertEquals(begun.at(-1), "a5");
  assertEquals(handshakes.isPressed, false);
  for (const name of ["c1", "a4", "b3", "a5"]) await leave(name);
  for (const name of ["d1", "d2", "d3"]) await enter("10.0.0.4", name);
  assertEquals(begun.slice(-3), ["d1", "d2", "d3"], "nothing of those who left counts");
});

Deno.test("while others wait for a place of all the oldest that stop make room, of whichever address", async () => {
  const { handshakes, enter, time, begun, cut } = world(3, 4);
  for (const name of ["a1", "a2"]) await enter("10.0.0.1", name);
  time.ms = 10;
  for (const name of ["b1", "b2"]) await enter("10.0.0.2", name);
  await enter("10.0.0.3", "c1");
  time.ms = 999;
  handshakes.sweep();
  assertEquals(cut, []);
  time.ms = 1005;
  handshakes.sweep();
  await turns();
  assertEquals([cut, begun.at(-1), handshakes.isPressed], [["a1"], "c1", false]);
});

Deno.test("that very many addresses wait makes none of them slow", async () => {
  const { enter, leave, begun } = world(2, 2);
  await enter("10.0.0.1", "first");
  await enter("10.0.0.1", "second");
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    await enter(`10.${1 + (i >> 16)}.${i >> 8 & 255}.${i & 255}`, `n${i}`);
  }
  const startMs = performance.now();
  await leave("first");
  for (let i = 0; i < count - 1; i++) await leave(`n${i}`);
  assertEquals(begun.length, count + 2);
  const tookMs = performance.now() - startMs;
  assertEquals(tookMs < 5000, true, `${tookMs} ms`); // each looked at by each would take minutes
});
