/**
 * Proves over random histories of one group of the consumer protocol (KIP-848) that a partition has one owner at any
 * time, epochs never fall, members read only from what is held for them, no deadline is left in the past, a replay of
 * the log, compacted or not, gives the live group, and that everyone who lives has a full share soon after it gets
 * quiet.
 *
 * A failure names the seed of its history: RUNNEL_SEED replays it. Each canary is a bug that must be found.
 */
import { assertThrows } from "@std/assert";
import { Random, seedOfThisRun } from "../random.ts";
import { type Canary, World } from "./consumer_group_world.ts";

const HISTORIES = Number(Deno.env.get("RUNNEL_HISTORIES") ?? 500);
const STEPS = 120;

Deno.test("consumer groups keep their promises over random histories", () => {
  histories(HISTORIES, "none", seedOfThisRun());
});

const CANARIES = [
  ["two owners", "both own"],
  ["no rebalance timeout", "is still Reconciling"],
  ["unlogged epoch", "differs"],
  ["unlogged member", "differs"],
] as const;

for (const [canary, finding] of CANARIES) {
  Deno.test(`the simulation of consumer groups finds the canary "${canary}"`, () => {
    assertThrows(() => histories(HISTORIES, canary, 1), Error, finding);
  });
}

function histories(count: number, canary: Canary, firstSeed: number): void {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      new World(new Random(seed), canary).run(STEPS);
    } catch (error) {
      throw new Error(`RUNNEL_SEED=${seed} replays this: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
}
