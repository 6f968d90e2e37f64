/** What requests are charged: who shares a count, what is waited for, and that the number of counts is bounded. */
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../testing/fake_clock.ts";
import { ClientQuotas } from "./client_quotas.ts";
import type { ClientLimit } from "./limits.ts";

function world(
  limits: readonly (Omit<ClientLimit, "value"> & { value: number })[],
  maxCounts = 100,
) {
  const clock = new FakeClock();
  const quotas = new ClientQuotas({ nowMs: () => clock.monotonicMs(), maxCounts });
  for (const limit of limits) quotas.set(limit);
  const charge = (user: string, clientId: string | null) =>
    quotas.chargeFor(`User:${user}`, clientId, performance.now());
  const produce = (user: string, clientId: string | null, producedBytes: number) =>
    charge(user, clientId)?.produced(producedBytes) ?? null;
  return { clock, quotas, charge, produce };
}

Deno.test("without a quota, and for those whom none binds, nothing is charged", () => {
  const { produce, quotas } = world([]);
  assertEquals(produce("a", "x", 1e9), null);
  quotas.set({ user: "b", kind: "producer_byte_rate", value: 1 });
  assertEquals(produce("a", "x", 1e9), null);
  assertEquals(produce("b", "x", 11), 1000);
  quotas.set({ user: "b", kind: "producer_byte_rate", value: null });
  assertEquals(produce("b", "x", 1e9), null);
});

Deno.test("connections of a user share its quota whatever they call themselves; those of a client id theirs", () => {
  const { produce } = world([
    { user: "a", kind: "producer_byte_rate", value: 1000 },
    { clientId: null, kind: "producer_byte_rate", value: 1000 },
  ]);
  assertEquals(produce("a", "x", 10_000), 0);
  assertEquals(produce("a", "y", 1000), 1000);
  assertEquals(produce("b", "z", 10_000), 0);
  assertEquals(produce("c", "z", 1000), 1000);
  assertEquals(produce("b", null, 10_000), 0);
});

Deno.test("a quota that is changed binds what was counted before", () => {
  const { produce, quotas } = world([{ user: "a", kind: "producer_byte_rate", value: 1000 }]);
  assertEquals(produce("a", "x", 10_000), 0);
  quotas.set({ user: "a", kind: "producer_byte_rate", value: 500 });
  assertEquals(produce("a", "x", 1), Math.round((1000.1 - 500) / 500 * 10_000));
});

Deno.test("a fetch over its quota is not counted, and one may ask for ten windows", () => {
  const { charge } = world([{ user: "a", kind: "consumer_byte_rate", value: 1000 }]);
  const first = charge("a", "x")!;
  assertEquals(first.maxFetchBytes, 10_000);
  assertEquals(first.fetched(9000), 0);
  for (let i = 0; i < 5; i++) {
    const more = charge("a", "x")!;
    assertEquals(more.fetched(2000), 1000);
    assertEquals(more.settle(), 1000);
  }
});

Deno.test("a batch that is larger than all windows leaves when nobody waits, and is waited for afterwards", () => {
  const { charge, clock } = world([{ user: "a", kind: "consumer_byte_rate", value: 1000 }]);
  const fetched = (bytes: number) => {
    const one = charge("a", "x")!;
    return [one.fetched(bytes), one.settle()];
  };
  assertEquals(fetched(40_000), [0, 30_000]);
  assertEquals(fetched(40_000), [70_000, 70_000]);
  clock.advance(11_000);
  assertEquals(fetched(40_000), [0, 30_000]);
});

Deno.test("the event loop's time counts, is waited for within a window, and waiting for others costs none", () => {
  const { quotas } = world([{ user: "a", kind: "request_percentage", value: 10 }]);
  const started = () => quotas.chargeFor("User:a", "x", performance.now() - 600)!;
  assertEquals(started().settle(), 0); // of the one second in ten that it may have
  const waits = started().settle();
  assert(waits > 0 && waits <= 1000, `${waits}`);
  const other = new ClientQuotas({ nowMs: () => 0 });
  other.set({ user: "a", kind: "request_percentage", value: 1e-3 });
  const paused = other.chargeFor("User:a", "x", performance.now())!;
  paused.pause();
  const until = performance.now() + 300;
  while (performance.now() < until);
  paused.settle();
  const [{ meter }] = other.counts();
  const percent = (meter as { measure(nowMs: number): number }).measure(0);
  assert(percent < 1, `${percent} % of ten seconds, where the wait would be 3 %`);
});

Deno.test("changes may overdraw what was saved up once, and then none is taken until that is paid back", () => {
  const { charge, clock } = world([{ user: "a", kind: "controller_mutation_rate", value: 2 }]);
  const change = (partitions: number, isLenient = false) => {
    const one = charge("a", null)!;
    return [one.mayChange(partitions, isLenient), one.settle()];
  };
  assertEquals(change(30), [true, 0]); // 22 were saved up
  assertEquals(change(1), [false, 4000]);
  clock.advance(3000);
  assertEquals(change(1), [false, 1000]);
  assertEquals(change(1, true), [true, 1500]);
  clock.advance(1500);
  assertEquals(change(1), [true, 0]);
});

Deno.test("of clients that call themselves something else each time a bounded number is counted, those at work among them", () => {
  const { produce, clock, quotas } = world([
    { clientId: null, kind: "producer_byte_rate", value: 1000 },
  ]);
  produce("u", "steady", 10_000);
  for (let i = 0; i < 5000; i++) {
    clock.advance(1);
    produce("u", `other ${i}`, 1);
    if (i % 10 === 0) produce("u", "steady", 1);
  }
  assert(quotas.counts().length <= 101, `${quotas.counts().length}`);
  assert(produce("u", "steady", 1)! > 0, "it is counted still");
  produce("u", "x".repeat(300) + "1", 10_000);
  assert(
    produce("u", "x".repeat(300) + "2", 1)! > 0,
    "long ones that begin alike are counted together",
  );
});

Deno.test("counts are told for an hour, and only those of quotas that are set", () => {
  const { produce, clock, quotas } = world([
    { user: "a", kind: "producer_byte_rate", value: 1000 },
    { user: "b", kind: "producer_byte_rate", value: 1000 },
  ]);
  produce("a", "x", 11_000);
  produce("b", "x", 1);
  const told = () => quotas.counts().map(({ of, throttledMs }) => [of.user, throttledMs]);
  assertEquals(told(), [["a", 1000], ["b", 0]]);
  quotas.set({ user: "a", kind: "producer_byte_rate", value: null });
  assertEquals(told(), [["b", 0]]);
  clock.advance(3_600_001);
  assertEquals(told(), []);
});
