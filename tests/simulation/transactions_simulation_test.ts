/**
 * Proves over random histories of copiers, driven through both coordinators with a clock, disks, timers and a network of the
 * simulation's own, that
 *
 * - readers of what is committed see each transaction whole or never, with its offsets, and each input once,
 * - what they have seen they go on seeing, and what was aborted they never see,
 * - what was answered survives power loss, coordinators that move, and partitions that are offline for a while,
 * - every transaction ends, and nothing hangs below a last stable offset,
 * - a replay of a log gives the live producers.
 *
 * A failure names the seed of its history: RUNNEL_SEED replays it. Each canary is a bug that must be found.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Random, seedOfThisRun } from "../random.ts";
import { Violation } from "./transaction_ledger.ts";
import { type Canary, World } from "./transaction_world.ts";

const HISTORIES = Number(Deno.env.get("RUNNEL_HISTORIES") ?? 100);
const STEPS = 150;
/** How often that many histories are tried for what is rare: the rarest is in one of thirty. */
const MOST_TIMES = 10;

Deno.test("transactions keep their promises over random histories", async () => {
  const firstSeed = seedOfThisRun();
  const met = await histories(HISTORIES, "none", firstSeed);
  if (HISTORIES < 50) return;
  const missing = () => RARE.filter((one) => !met.has(one));
  for (let more = 1; more < MOST_TIMES && missing().length > 0; more++) {
    const found = await histories(HISTORIES, "none", firstSeed + more * HISTORIES);
    for (const one of found) met.add(one);
  }
  assertEquals(missing(), [], "never happened");
});

/** Without these the histories prove little, and there are more of them; with Kafka's codes. */
const RARE = [
  "init 51",
  "produce 47",
  "produce 56",
  "offsets 47",
  "abort 90",
  "late produce 47",
  "late marker 47",
  "timed_out",
  "marker_delayed",
  "a crash takes back what was decided",
  "a crash takes back what was written",
  "what nobody knows is ended",
  "an older client",
];

for (
  const canary of [
    "decisions are answered before they are kept",
    "offsets are answered before they are kept",
    "an offline partition is taken for deleted",
    "nobody is asked about first batches",
    "a late marker ends what came after",
    "groups do not hear of markers",
    "markers are not sent again",
    "what a start finds open is taken for known",
    "what nobody knows is not ended",
  ] as const
) {
  Deno.test(`the simulation finds the canary "${canary}"`, async () => {
    const error = await assertRejects(() => histories(HISTORIES, canary, 1), Error);
    assert(error.cause instanceof Violation, String(error.cause));
  });
}

async function histories(
  count: number,
  canary: Canary,
  firstSeed: number,
): Promise<Set<string>> {
  const met = new Set<string>();
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      const world = new World(new Random(seed), canary);
      await world.run(STEPS);
      for (const situation of world.situations) met.add(situation);
    } catch (error) {
      throw new Error(`RUNNEL_SEED=${seed} replays this: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return met;
}
