/** Proves how many handshakes of an address are under way at once, and who makes room for whom. */
import { assertEquals } from "@std/assert";
import { Handshakes } from "./handshakes.ts";

function world(atOnce = 3) {
  const time = { ms: 0 }, waits: number[] = [];
  const handshakes = new Handshakes({
    monotonicMs: () => time.ms,
    onWait: () => waits.push(time.ms),
    atOnce,
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
