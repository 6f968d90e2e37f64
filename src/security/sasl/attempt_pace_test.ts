/** Proves how fast an address may fail, one attempt after the other or many at once, and that what it owes is forgotten in time and bounded. */
import { assertEquals } from "@std/assert";
import { FakeTimers } from "../../testing/fake_timers.ts";
import { AttemptPace } from "./attempt_pace.ts";

function world() {
  const timers = new FakeTimers(), time = { ms: 1000 };
  const pace = new AttemptPace({
    failuresPerSecond: 10,
    maxWaitMs: 5000,
    monotonicMs: () => time.ms,
    after: (ms, work) => timers.after(ms, work),
  });
  /** In small steps, so that timers see the time that they fall due at. */
  async function pass(ms: number, stepMs = 50): Promise<void> {
    for (let at = 0; at < ms; at += stepMs) {
      time.ms += stepMs;
      await timers.advance(stepMs);
    }
  }
  return {
    pace,
    timers,
    pass,
    /** How long an attempt waits that then succeeds; null where it is not looked at. */
    async waitMs(address: string): Promise<number | null> {
      const beganMs = time.ms;
      let mayEnter: boolean | undefined;
      pace.enter({ peer: address }).then((may) => mayEnter = may);
      await timers.advance(0);
      while (mayEnter === undefined) await pass(50);
      if (!mayEnter) return time.ms === beganMs ? null : Infinity;
      pace.leave({ peer: address }, { isFailure: false });
      return time.ms - beganMs;
    },
  };
}

function fail(one: AttemptPace, address: string, times: number): void {
  for (let i = 0; i < times; i++) one.failed({ peer: address });
}

Deno.test("ten seconds' worth of failures is for free, then attempts wait, and then they are not looked at", async () => {
  const { pace, pass, waitMs } = world();
  fail(pace, "a", 100);
  assertEquals([await waitMs("a"), await waitMs("b")], [0, 0]);
  pace.failed({ peer: "a" });
  assertEquals(await waitMs("a"), 100);
  fail(pace, "a", 50);
  assertEquals(await waitMs("a"), 5000);
  fail(pace, "a", 51);
  assertEquals([await waitMs("a"), await waitMs("b")], [null, 0]);
  await pass(5100, 5100);
  assertEquals(await waitMs("a"), 0);
});

Deno.test("of many attempts at once no more are looked at than one after the other, and the rest follow at the pace", async () => {
  const { pace, pass, timers } = world();
  let looked = 0, refused = 0;
  for (let i = 0; i < 600; i++) {
    pace.enter({ peer: "a" }).then(async (mayEnter) => {
      if (!mayEnter) return void refused++;
      looked++;
      await new Promise<void>((resolve) => timers.after(30, resolve)); // the work of a check
      pace.leave({ peer: "a" }, { isFailure: true });
    });
  }
  await timers.advance(0);
  assertEquals(looked, 101);
  await pass(1000);
  assertEquals(looked >= 100 && looked <= 111, true, `${looked} after a second`);
  await pass(4000);
  assertEquals(looked >= 140 && looked <= 151, true, `${looked} after five seconds`);
  await pass(200);
  assertEquals(looked + refused, 600);
  await pass(1000);
  assertEquals(timers.count, 0);
});

Deno.test("attempts that succeed make room for those that wait, so that a thousand clients at once all get in", async () => {
  const { pace, pass, timers } = world();
  let inside = 0;
  for (let i = 0; i < 1000; i++) {
    pace.enter({ peer: "a" }).then(async (mayEnter) => {
      if (!mayEnter) return;
      await new Promise<void>((resolve) => timers.after(50, resolve));
      inside++;
      pace.leave({ peer: "a" }, { isFailure: false });
    });
  }
  await pass(1000);
  assertEquals([inside, timers.count], [1000, 0]);
});

Deno.test("however often it fails, an address is looked at again within a minute and what attempts wait", async () => {
  const { pace, pass, waitMs } = world();
  fail(pace, "a", 1_000_000);
  assertEquals(await waitMs("a"), null);
  await pass(55_000, 5000);
  assertEquals(await waitMs("a"), 5000);
  assertEquals(await waitMs("a"), 0);
});

Deno.test("of ten thousand addresses the one that failed longest ago is forgotten first", async () => {
  const { pace, waitMs } = world();
  fail(pace, "a", 120);
  fail(pace, "b", 120);
  pace.failed({ peer: "a" });
  for (let i = 0; i < 9_999; i++) pace.failed({ peer: `c${i}` });
  assertEquals([await waitMs("b"), await waitMs("a")], [0, 2100]);
});

Deno.test("a network of IPv6 is one address, and IPv4 is IPv4 however it is written", async () => {
  for (
    const [one, same, other] of [
      ["2001:db8:0:7::1", "2001:db8:0:7:8:9:a:b", "2001:db8:0:8::1"],
      ["2001:db8::1", "2001:db8:0:0:1::", "2001:db8:0:1::"],
      ["fe80::1%eth0", "fe80::2", "fe81::2"],
      ["::ffff:10.0.0.1", "10.0.0.1", "::ffff:10.0.0.2"],
    ]
  ) {
    const { pace, waitMs } = world();
    fail(pace, one, 1000);
    assertEquals([await waitMs(same), await waitMs(other)], [null, 0], one);
  }
});
