/**
 * Proves over random histories of one group with members of both protocols that it changes over both ways with one
 * owner a partition, that epochs do not fall, that a replay of the log, compacted or not, gives the live group, and
 * that everyone who lives has a share soon after it gets quiet, in a group of the type that fits its members.
 *
 * A failure names the seed of its history: RUNNEL_SEED replays it. Each canary is a bug that must be found.
 */
import { assert, assertThrows } from "@std/assert";
import { Random, seedOfThisRun } from "../random.ts";
import type { Canary } from "./mixed_group.ts";
import { World } from "./mixed_group_world.ts";

const HISTORIES = Number(Deno.env.get("RUNNEL_HISTORIES") ?? 300);
const STEPS = 150;

Deno.test("mixed groups keep their promises over random histories", () => {
  const { up, down } = histories(HISTORIES, "none", seedOfThisRun());
  assert(up > HISTORIES / 4 && down > HISTORIES / 4, `only ${up} upgrades, ${down} downgrades`);
});

const CANARIES = [
  ["forgets who owns", "both own"],
  ["unlogged upgrade", "differs"],
  ["unlogged downgrade", "differs"],
] as const;

for (const [canary, finding] of CANARIES) {
  Deno.test(`the simulation of mixed groups finds the canary "${canary}"`, () => {
    assertThrows(() => histories(HISTORIES, canary, 1), Error, finding);
  });
}

function histories(count: number, canary: Canary, firstSeed: number): World["group"]["changes"] {
  const changes = { up: 0, down: 0 };
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const world = new World(new Random(seed), canary);
    try {
      world.run(STEPS);
    } catch (error) {
      throw new Error(`RUNNEL_SEED=${seed} replays this: ${(error as Error).message}`, {
        cause: error,
      });
    }
    changes.up += world.group.changes.up;
    changes.down += world.group.changes.down;
  }
  return changes;
}
