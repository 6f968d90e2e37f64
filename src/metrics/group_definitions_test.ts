/** Proves which groups are shown and which are left out, by rendering groups made up here. */
import { assertEquals } from "@std/assert";
import type { GroupGauges } from "./group_definitions.ts";
import { Metrics, type MetricsSettings } from "./metrics.ts";
import { MetricsText } from "./text.ts";

function group(groupId: string, members: number, lags = [1, 2]): GroupGauges {
  return {
    groupId,
    type: "classic",
    state: members > 0 ? "Stable" : "Empty",
    generation: 4,
    members,
    rebalancingMs: 1500,
    lags: () => lags.map((lag, partition) => ({ topic: "t", partition, lag })),
  };
}

async function lines(groups: GroupGauges[], settings: Partial<MetricsSettings> = {}) {
  const metrics = new Metrics(settings);
  metrics.groups = () => groups;
  const bytes = await new MetricsText(metrics, {
    maxBytes: 1 << 20,
    prefix: "x",
    version: "1",
    apiName: String,
    errorName: String,
  }).render();
  return new TextDecoder().decode(bytes).split("\n").filter((line) => line.startsWith("x_group"));
}

Deno.test("a group shows its members, state, generation and lag", async () => {
  assertEquals(await lines([group("g", 2)]), [
    'x_groups{type="classic",state="Stable"} 1',
    'x_group_members{group="g"} 2',
    'x_group_generation{group="g"} 4',
    'x_group_rebalancing_seconds{group="g"} 1.5',
    'x_group_state{group="g",type="classic",state="Stable"} 1',
    'x_group_lag{group="g",topic="t",partition="0"} 1',
    'x_group_lag{group="g",topic="t",partition="1"} 2',
  ]);
});

Deno.test("beyond maxGroups groups without members are left out first, and still counted", async () => {
  const shown = await lines([group("idle", 0), group("a", 1), group("b", 1), group("late", 0)], {
    maxGroups: 3,
  });
  assertEquals(shown.filter((line) => line.startsWith("x_group_members")), [
    'x_group_members{group="a"} 1',
    'x_group_members{group="b"} 1',
    'x_group_members{group="idle"} 0',
  ]);
  assertEquals(shown.filter((line) => line.startsWith("x_groups")), [
    'x_groups{type="classic",state="Empty"} 2',
    'x_groups{type="classic",state="Stable"} 2',
  ]);
});

Deno.test("at most maxGroupPartitions lags are shown, over all groups", async () => {
  const shown = await lines([group("a", 1), group("b", 1)], { maxGroupPartitions: 3 });
  assertEquals(shown.filter((line) => line.startsWith("x_group_lag")).length, 3);
});
