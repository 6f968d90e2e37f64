/**
 * Proves that a broker comes to have exactly what one random state after the other says, pruned, and that it then needs
 * nothing: what it is read to have is written as the same file.
 *
 * KAFKA_TO_APPLY=host:port does the same to a Kafka of its own that has an authorizer, and nothing yet.
 */
import { assert, assertEquals } from "@std/assert";
import { startBroker } from "../../src/broker.ts";
import { carryOut, refusalsOf } from "../../src/cli/state/carry_out.ts";
import { clusterState, EVERYTHING } from "../../src/cli/state/cluster_state.ts";
import { planOf } from "../../src/cli/state/plan.ts";
import { readState } from "../../src/cli/state/read_state.ts";
import { notSeen } from "../../src/cli/state/seen.ts";
import { listedIn, type State } from "../../src/cli/state/state.ts";
import { writeState } from "../../src/cli/state/write_state.ts";
import { type Asking, askingOf } from "../../src/client/asking.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { configOfOptions } from "../../src/config/load.ts";
import { randomState, reachable, VALID } from "../../src/testing/random_state.ts";
import { SeededRandom } from "../../src/testing/seeded_random.ts";

Deno.test("a broker comes to have exactly what one random state after the other says", async () => {
  const { config } = configOfOptions({
    storage: { path: "memory://" },
    kafkaPort: 0,
    httpPort: 0,
    authorization: { mode: "on", superUsers: ["User:root"] },
    log: { level: "error" },
  });
  const broker = await startBroker(config);
  try {
    await followed(broker.asking(), 12);
  } finally {
    await broker.stop();
  }
});

const kafka = Deno.env.get("KAFKA_TO_APPLY");
Deno.test({
  name: "so does a Kafka",
  ignore: kafka === undefined,
  fn: async () => {
    const cluster = new Cluster({ bootstrap: kafka! });
    try {
      await followed(askingOf(cluster), 12);
    } finally {
      cluster.close();
    }
  },
});

async function followed(asking: Asking, seeds: number): Promise<void> {
  let changes = 0, last: State = await readState("", { path: "-", mode: null });
  const own = (await clusterState(asking, EVERYTHING)).state.brokers; // what Kafka has set itself
  for (let seed = 1; seed <= seeds; seed++) {
    const { state: before } = await clusterState(asking, EVERYTHING);
    const wanted = reachable(randomState(new SeededRandom(seed), VALID), before);
    const options = {
      lastListed: listedIn(last),
      prune: true,
      rotate: new Set<string>(),
      force: true,
    };
    const plan = planOf(wanted, before, options);
    assertEquals([plan.problems, await refusalsOf(asking, plan.changes)], [[], []], `seed ${seed}`);
    const passwords = new Map([...wanted.users.keys()].map((name) => [name, "pw"]));
    await carryOut(asking, plan.changes, {
      passwords,
      tell: ({ change, outcome }) =>
        assertEquals(outcome, null, `seed ${seed}: ${JSON.stringify(change)}`),
    });
    assertEquals(await notSeen(asking, wanted, { scope: EVERYTHING, options }), [], `seed ${seed}`);
    const { state: after } = await clusterState(asking, EVERYTHING);
    const due = { ...wanted, brokers: new Map([...own, ...wanted.brokers]) };
    assertEquals(writeState(after), writeState(sorted(due)), `seed ${seed}`);
    changes += plan.changes.length;
    last = wanted;
  }
  assert(changes > 30 * seeds, `${changes} changes`);
}

/** Quotas in the order in which they are read. */
function sorted(state: State): State {
  return { ...state, quotas: new Map([...state.quotas].sort(([a], [b]) => a < b ? -1 : 1)) };
}
