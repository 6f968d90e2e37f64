/** Connections: how many an address and a listener may have, how fast they may come, and that it is forgotten again. */
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../testing/fake_clock.ts";
import {
  ConnectionQuotas,
  type ConnectionQuotasOptions,
  plainAddress,
} from "./connection_quotas.ts";

function world(options: Partial<ConnectionQuotasOptions> = {}) {
  const clock = new FakeClock();
  const quotas = new ConnectionQuotas({
    nowMs: () => clock.monotonicMs(),
    windows: { samples: 11, windowMs: 1000 },
    rate: Infinity,
    mostOfAddress: Infinity,
    overrides: new Map(),
    listeners: new Map(),
    ...options,
  });
  return { clock, quotas };
}

Deno.test("an address has so many connections, single ones more or fewer, and one that goes makes room", () => {
  const { quotas } = world({
    mostOfAddress: 2,
    overrides: new Map([["localhost", 1], ["::2", 0]]),
  });
  const enter = (address: string) => quotas.enter(address, "L") === null;
  assertEquals([1, 2, 3].map(() => enter("10.0.0.1")), [true, true, false]);
  assertEquals([1, 2].map(() => enter("127.0.0.1")), [true, false]);
  assertEquals(enter("::ffff:127.0.0.1"), false);
  assertEquals(enter("0:0::2"), false);
  quotas.leave("10.0.0.1", "L");
  assertEquals([enter("10.0.0.1"), enter("10.0.0.1")], [true, false]);
});

Deno.test("a listener has a limit of its own", () => {
  const { quotas } = world({ listeners: new Map([["A", { most: 1, rate: Infinity }]]) });
  assertEquals(quotas.enter("1.1.1.1", "A"), null);
  assertEquals(quotas.enter("1.1.1.2", "A")!.need, "max_connections of the listener A is 1");
  assertEquals(quotas.enter("1.1.1.2", "B"), null);
  quotas.leave("1.1.1.1", "A");
  assertEquals(quotas.enter("1.1.1.2", "A"), null);
});

Deno.test("who comes too fast by a listener, or of all, waits, a second at most", () => {
  const { quotas, clock } = world({
    rate: 100,
    listeners: new Map([["A", { most: Infinity, rate: 2 }]]),
  });
  for (let i = 0; i < 20; i++) assertEquals(quotas.delayMs("A"), 0); // ten seconds' worth
  assertEquals(quotas.delayMs("A"), 500);
  for (let i = 0; i < 100; i++) assert(quotas.delayMs("A") <= 1000);
  assertEquals(quotas.delayMs("B"), 0);
  clock.advance(12_000);
  assertEquals(quotas.delayMs("A"), 0);
  for (let i = 0; i < 1000; i++) quotas.delayMs("B");
  assert(quotas.delayMs("B") > 0);
});

Deno.test("an address that comes too fast is not let in, and has not come by its listener", () => {
  const { quotas, clock } = world({ listeners: new Map([["A", { most: 1000, rate: 100 }]]) });
  quotas.setRate("127.1", 1);
  quotas.setRate(null, 2);
  const come = (address: string) => {
    const waited = quotas.delayMs("A");
    return [waited, quotas.enter(address, "A")?.afterMs ?? 0];
  };
  for (let i = 0; i < 10; i++) assertEquals(come("127.0.0.1"), [0, 0]);
  for (let i = 0; i < 2000; i++) assertEquals(come("127.0.0.1"), [0, 1000]);
  for (let i = 0; i < 20; i++) assertEquals(come("10.0.0.9"), [0, 0]);
  assertEquals(come("10.0.0.9"), [0, 500]);
  clock.advance(11_000);
  assertEquals(come("127.0.0.1"), [0, 0]);
  quotas.setRate("127.0.0.1", null);
  quotas.setRate(null, null);
  for (let i = 0; i < 100; i++) assertEquals(come("127.0.0.1"), [0, 0]);
});

Deno.test("an address is the same however it is written", () => {
  const written = { "127.1": "127.0.0.1", "1": "0.0.0.1", "1.2.772": "1.2.3.4", "[::1]": "::1" };
  for (const [text, plain] of Object.entries(written)) assertEquals(plainAddress(text), plain);
  assertEquals(plainAddress("FE80:0::0:1%eth0"), "fe80::1");
});
