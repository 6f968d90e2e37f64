/** Which quota holds is what a naive walk through Kafka's order of eight gives, over random sets and hostile names. */
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../testing/seeded_random.ts";
import { type ClientLimit, type Limit, Limits, QUOTA_KINDS, type QuotaKind } from "./limits.ts";

const NAMES = [
  "a",
  "b",
  "",
  "*",
  "-",
  '"',
  '"*"',
  "a b",
  "null",
  "<default>",
  "é",
  "e\u0301",
  "\0",
];

Deno.test("the most specific quota holds, in Kafka's order, each kind by itself", () => {
  const levels = new Set<number>();
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed), limits = new Limits(), set: ClientLimit[] = [];
    for (let i = random.below(30); i > 0; i--) {
      const part = () => random.oneIn(4) ? undefined : random.oneIn(3) ? null : random.pick(NAMES);
      const one = { user: part(), clientId: part(), kind: random.pick(QUOTA_KINDS) };
      if (one.user === undefined && one.clientId === undefined) continue;
      const isSame = (other: ClientLimit) =>
        other.kind === one.kind && other.user === one.user && other.clientId === one.clientId;
      const at = set.findIndex(isSame);
      if (at >= 0) set.splice(at, 1);
      if (random.oneIn(5)) limits.delete(one);
      else {
        const limit = { ...one, value: random.below(1000) + 1 };
        set.push(limit);
        limits.set(limit);
      }
    }
    assertEquals(limits.isEmpty, set.length === 0, `seed ${seed}`);
    for (const kind of QUOTA_KINDS) {
      for (const user of NAMES) {
        for (const clientId of NAMES) {
          const { limit, level } = naive(set, kind, user, clientId);
          assertEquals(limits.find(kind, user, clientId), limit, `seed ${seed}`);
          levels.add(level);
        }
      }
    }
  }
  assert(levels.size === 9, "each of the eight held somewhere, and none somewhere");
});

/** The eight, one after the other. */
function naive(
  set: readonly ClientLimit[],
  kind: QuotaKind,
  user: string,
  clientId: string,
): { limit: Limit | null; level: number } {
  const order = [
    [user, clientId],
    [user, null],
    [user, undefined],
    [null, clientId],
    [null, null],
    [null, undefined],
    [undefined, clientId],
    [undefined, null],
  ];
  for (const [level, [ofUser, ofClient]] of order.entries()) {
    const found = set.find((one) =>
      one.kind === kind && one.user === ofUser && one.clientId === ofClient
    );
    if (found === undefined) continue;
    const of = {
      user: ofUser === undefined ? null : user,
      clientId: ofClient === undefined ? null : clientId,
    };
    return { limit: { of, value: found.value }, level };
  }
  return { limit: null, level: -1 };
}
