/** Proves that lag over time is kept of groups that there are, of those that need it most, and in no more memory than said. */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../client/admin.ts";
import { Cluster } from "../client/cluster.ts";
import { Consumer } from "../client/consumer.ts";
import { Producer } from "../client/producer.ts";
import type { GroupGauges } from "../metrics/group_definitions.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { type GroupLag, LIMITS } from "./api.ts";
import { GroupLags } from "./group_lags.ts";

/** By group, the lag of each partition. */
type Lags = Map<string, number[]>;

function lagsOver(all: Lags) {
  const clock = { ms: 1_700_000_000_000 };
  const lags = new GroupLags({
    nowMs: () => clock.ms,
    turn: () => Promise.resolve(),
    *groups() {
      for (const [groupId, some] of all) {
        const gauges = {
          type: "classic",
          state: "Empty",
          generation: 1,
          members: 0,
          rebalancingMs: 0,
        };
        const parts = some.map((lag, partition) => ({ topic: "t", partition, lag }));
        yield { groupId, ...gauges, lags: () => parts } satisfies GroupGauges;
      }
    },
  });
  const look = async () => {
    await lags.look();
    clock.ms += GroupLags.stepMs;
  };
  return { lags, look };
}

Deno.test("a group's lag is kept as it was, by partition once somebody asks, and for an hour", async () => {
  const all: Lags = new Map([["g", [1, 2]], ["none", []]]), { lags, look } = lagsOver(all);
  await look();
  assertEquals([lags.of("g").lag, lags.of("g").partitions], [[3], []]);
  all.set("g", [5, 2]);
  await look();
  const { lag, partitions, atMs } = lags.of("g");
  assertEquals([lag, atMs.length, atMs[1] - atMs[0]], [[3, 7], 2, 10_000]);
  assertEquals(partitions, [
    { topic: "t", partition: 0, lag: [null, 5] },
    { topic: "t", partition: 1, lag: [null, 2] },
  ]);
  assertEquals(lags.of("none").lag, [null, null]);
  for (let i = 0; i < 400; i++) await look();
  const hour = lags.of("g");
  assertEquals([hour.lag.length, hour.atMs.at(-1)! - hour.atMs[0]], [360, 359 * 10_000]);
  assertEquals(hour.lag.filter((one) => one !== 7), []);
});

Deno.test("a group that is gone takes what was kept of it along", async () => {
  const all: Lags = new Map([["g", [1]]]), { lags, look } = lagsOver(all);
  await look();
  all.delete("g");
  await look();
  assertEquals(lags.of("g").lag, [null, null]);
  all.set("g", [4]);
  await look();
  assertEquals(lags.of("g").lag, [null, null, 4]);
});

Deno.test("of too many groups those asked for and those most behind are kept, whatever their order", async () => {
  const all: Lags = new Map(), { lags, look } = lagsOver(all);
  for (let i = 0; i < 3 * LIMITS.lagGroups; i++) all.set(`g${i}`, [i]);
  await look();
  lags.of("g0");
  all.set("g7", [1_000_000]);
  await look();
  const keptOf = () => [...all.keys()].filter((name) => lags.of(name).lag.at(-1) !== null);
  const most = 3 * LIMITS.lagGroups - 1;
  assertEquals(lags.of("g0").lag, [null, 0]);
  assertEquals(lags.of("g7").lag, [null, 1_000_000]);
  assertEquals(lags.of(`g${most}`).lag, [most, most]);
  assertEquals(keptOf().length, LIMITS.lagGroups);
});

Deno.test("of too many partitions, and groups that are asked for, so many are kept", async () => {
  const all: Lags = new Map(), { lags, look } = lagsOver(all);
  for (let i = 0; i < 30; i++) all.set(`g${i}`, Array.from({ length: 200 }, (_, at) => at));
  for (const name of all.keys()) lags.of(name);
  await look();
  const shown = [...all.keys()].map((name) => lags.of(name).partitions);
  assertEquals(shown.filter(({ length }) => length > 0).length, LIMITS.lagWatched);
  const [{ length }] = shown.filter(({ length }) => length > 0);
  assertEquals(length, LIMITS.lagPartitions);
  assert(shown.flat().every(({ partition }) => partition >= 150));
});

Deno.test("what is shown while a look is under way is what was before it", async () => {
  const all: Lags = new Map([["g", [1]]]), { lags, look } = lagsOver(all);
  await look();
  all.set("g", Array.from({ length: 600 }, () => 1));
  const looking = look();
  assertEquals(lags.of("g").lag, [1]);
  await looking;
  assertEquals(lags.of("g").lag, [1, 600]);
});

Deno.test("a broker shows a group's lag, and says what is no group", async () => {
  await using console = await ConsoleBroker.start({ groups: { initialRebalanceDelayMs: 0 } });
  await new Admin(console.cluster).createTopics([{ name: "t" }]);
  await using producer = new Producer(console.cluster);
  for (let i = 0; i < 3; i++) await producer.send({ topic: "t", value: "x" });
  assertEquals((await console.get("group/lag?id=g")).error.code, "not_found");
  assertEquals((await console.get("group/lag")).error.field, "id");
  const cluster = new Cluster({ bootstrap: console.broker.kafkaAddress });
  const consumer = new Consumer(cluster, { groupId: "g", autoOffsetReset: "earliest" });
  consumer.subscribe(["t"]);
  while ((await consumer.poll(500)).length === 0);
  await consumer.commit();
  const lag: GroupLag = await console.get("group/lag?id=g");
  assertEquals([lag.stepMs, lag.lag.length], [10_000, lag.atMs.length]);
  await consumer.close();
  cluster.close();
});
