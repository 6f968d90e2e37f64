/** Proves that a list of topics with very many partitions leaves others their turn while it is made. */
import { assert, assertEquals } from "@std/assert";
import type { Page, TopicRow } from "./api.ts";
import type { Call } from "./route.ts";
import { topicRoutes } from "./topics.ts";

Deno.test("a list of topics with very many partitions is made in more turns than one", async () => {
  const topics = Array.from({ length: 100 }, (_, i) => {
    return { name: `t${i}`, isInternal: false, partitions: 100 };
  });
  const partitions = topics.flatMap(({ name: topic }) =>
    Array.from({ length: 100 }, (_, partition) => {
      return { topic, partition, sizeBytes: 3, logStartOffset: 1, logEndOffset: 3 };
    })
  );
  const retentions = new Map([["t0", null]]);
  const call = {
    house: {
      metrics: { partitions: () => partitions },
      knownTopics: { of: () => Promise.resolve({ topics, retentions }) },
      sampler: { rateOf: () => null },
    },
    session: { principal: "User:a" },
    query: { limit: 1 },
  } as unknown as Call;
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { total, items: [row] } = await topicRoutes[0].handle(call) as Page<TopicRow>;
  clearInterval(timer);
  assertEquals([total, row.name, row.bytes, row.records], [100, "t0", 300, 200]);
  assert(turns > 2, `${turns} turns`);
});
