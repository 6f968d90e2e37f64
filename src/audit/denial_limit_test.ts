/** Proves that every denial is either admitted or counted, once, by whom it is of. */
import { assert, assertEquals } from "@std/assert";
import { DenialLimit, type LimitedKey, type Suppressed } from "./denial_limit.ts";

const of = (principal: string, address = "10.0.0.1"): LimitedKey => ({
  kind: "denial",
  principal,
  address,
});

function limited(perSecond: number) {
  const time = { ms: 0 };
  const limit = new DenialLimit({
    perSecond,
    monotonicMs: () => time.ms,
    nowMs: () => 1000 + time.ms,
  });
  return { limit, time };
}

const sum = (taken: readonly Suppressed[]) => taken.reduce((all, { count }) => all + count, 0);

Deno.test("so many a second of each are admitted, the rest counted with when it began", () => {
  const { limit, time } = limited(3);
  const admitted = Array.from({ length: 10 }, () => limit.admits(of("User:a")));
  assertEquals(admitted.filter(Boolean).length, 3);
  assert(limit.admits(of("User:b")), "another one is not kept out");
  assertEquals(limit.take(), [{ ...of("User:a"), count: 7, sinceMs: 1000 }]);
  assertEquals(limit.take(), []);
  time.ms = 1000;
  assert(limit.admits(of("User:a")));
});

Deno.test("of all together there are ten times as many; log-ins do not take the share of denials", () => {
  const { limit } = limited(2);
  const admitted = Array.from({ length: 100 }, (_, i) => limit.admits(of(`User:${i}`)));
  assertEquals(admitted.filter(Boolean).length, 20);
  assertEquals(sum(limit.take()), 80);
  assert(limit.admits({ ...of("User:0"), kind: "authentication" }));
});

Deno.test("a flood from very many is counted to the last one, in bounded memory", () => {
  const { limit, time } = limited(10);
  let admitted = 0, counted = 0, most = 0;
  for (let i = 0; i < 100_000; i++) {
    if (i % 1000 === 0) time.ms += 10;
    if (limit.admits(of(`User:${i % 5000}`, `10.0.${i % 256}.1`))) admitted++;
    if (i % 10_000 === 0) {
      const taken = limit.take();
      counted += sum(taken);
      most = Math.max(most, taken.length);
    }
  }
  counted += sum(limit.take());
  assertEquals(admitted + counted, 100_000);
  assert(most <= 1001, `${most} counts at once`);
});

Deno.test("what was counted and could not be written is counted again", () => {
  const { limit } = limited(1);
  for (let i = 0; i < 5; i++) limit.admits(of("User:a"));
  const [first] = limit.take();
  assert(!limit.isCounting);
  limit.putBack(first);
  assert(limit.isCounting);
  limit.suppress(of("User:a"));
  assertEquals(limit.take(), [{ ...of("User:a"), count: 5, sinceMs: 1000 }]);
});
