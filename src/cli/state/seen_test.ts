/** Proves that what was done is waited for until it is seen, and told where it is not in time. */
import { assertEquals } from "@std/assert";
import type { Asking } from "../../client/asking.ts";
import { scopeOf } from "./cluster_state.ts";
import { readState } from "./read_state.ts";
import { notSeen } from "./seen.ts";
import { listedIn } from "./state.ts";

/** Shows the config of all brokers from the so-many-th time on that it is asked. */
function showsFrom(time: number): Asking & { readonly times: number } {
  let times = 0;
  const ask = () => {
    const value = ++times < time ? "1" : "5000";
    const config = { name: "log.retention.ms", value, configSource: 3, isSensitive: false };
    return Promise.resolve({
      results: [{ errorCode: 0, resourceType: 4, resourceName: "", configs: [config] }],
    });
  };
  return {
    ask: ask as unknown as Asking["ask"],
    speaks: () => Promise.resolve(true),
    retry: (attempt) => attempt(),
    get times() {
      return times;
    },
  };
}

Deno.test("what was done is waited for until it is seen", async () => {
  const wanted = await readState('[brokers]\n"log.retention.ms" = 5000', { path: "s", mode: null });
  const options = { lastListed: null, prune: false, rotate: new Set<string>(), force: false };
  const scope = scopeOf(listedIn(wanted)), late = showsFrom(4), never = showsFrom(Infinity);
  assertEquals(await notSeen(late, wanted, { scope, options }), []);
  assertEquals(late.times, 4);
  const unseen = await notSeen(never, wanted, { scope, options, waitMs: 50 });
  assertEquals(unseen.map(({ kind }) => kind), ["configs"]);
});
