/**
 * Proves over thousands of random histories, driven through the coordinator with a clock, a disk and timers of the
 * simulation's own, that
 *
 * - a partition has one owner in a generation, and no generation is given out twice or falls,
 * - every join and sync is answered before its deadline, and no deadline is left in the past,
 * - an acknowledged commit survives power loss and never goes back,
 * - offsets of a transaction are shown once it has committed, never before or else, and unstable meanwhile,
 * - a replay of the log gives the live groups.
 *
 * A failure names the seed of its history: RUNNEL_SEED replays it. Each canary is a bug that must be found.
 */
import { assertRejects } from "@std/assert";
import { Random, seedOfThisRun } from "../random.ts";
import { type Canary, World } from "./group_world.ts";

const HISTORIES = Number(Deno.env.get("RUNNEL_HISTORIES") ?? 2000);
const STEPS = 150;

Deno.test("groups keep their promises over random histories", async () => {
  await histories(HISTORIES, "none", seedOfThisRun());
});

const CANARIES = [
  "lost sync",
  "same generation",
  "lost timer",
  "early offsets",
  "lost marker",
] as const;

for (const canary of CANARIES) {
  Deno.test(`the simulation finds the canary "${canary}"`, async () => {
    await assertRejects(() => histories(HISTORIES, canary, 1));
  });
}

async function histories(count: number, canary: Canary, firstSeed: number): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      await new World(new Random(seed), canary).run(STEPS);
    } catch (error) {
      throw new Error(`RUNNEL_SEED=${seed} replays this: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
