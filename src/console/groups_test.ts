/** Proves that a list of very many groups leaves others their turn while it is made. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "./api.ts";
import { groupRoutes } from "./groups.ts";
import type { Call } from "./route.ts";

Deno.test("a list of very many groups is made in more turns than one", async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `g${i}`);
  const lags = () =>
    Array.from({ length: 10 }, (_, partition) => ({ topic: "t", partition, lag: 1 }));
  const groups = ids.map((groupId) => ({ groupId, groupType: "classic", groupState: "Stable" }));
  const call = {
    requests: { versionFor: () => 5, request: () => Promise.resolve({ errorCode: 0, groups }) },
    house: { metrics: { groups: () => ids.map((groupId) => ({ groupId, members: 2, lags })) } },
    query: { sort: "lag", limit: 1 },
  } as unknown as Call;
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const page = await groupRoutes[0].handle(call) as Page<unknown>;
  clearInterval(timer);
  assertEquals([page.total, page.items], [1000, [
    { id: "g0", type: "classic", state: "Stable", members: 2, lag: 10 },
  ]]);
  assert(turns > 2, `${turns} turns`);
});
