/**
 * Proves that random histories lose nothing: whatever is sent, deleted, compacted, stopped, killed, cut from the power,
 * damaged or failing, on a device with calls on their way, the ledgers outside find nothing wrong after any start.
 *
 * RUNNEL_SEED=n runs one seed alone, with what happened in it; RUNNEL_HISTORIES=n runs so many (10,000 by hand).
 */
import { assert, assertEquals } from "@std/assert";
import { type Coverage, newCoverage } from "../../testing/coverage.ts";
import { SABOTAGES } from "../../testing/sabotage.ts";
import { type HistoryOptions, runHistory } from "../../testing/storage_history.ts";

const OPTIONS: HistoryOptions = { sessions: 5, stepsPerSession: 60 };
const ONE_SEED = Deno.env.get("RUNNEL_SEED");
const SEEDS = Number(Deno.env.get("RUNNEL_HISTORIES") ?? 200);

/** Runs seeds from 1 on, until so many have found something; the first thing that each found. */
async function findings(
  { seeds, enough }: { seeds: number; enough: number },
  options: HistoryOptions,
  coverage: Coverage,
): Promise<string[]> {
  const found: string[] = [];
  for (let seed = 1; seed <= seeds && found.length < enough; seed++) {
    const { complaints } = await runHistory(seed, options, coverage);
    if (complaints.length > 0) found.push(`RUNNEL_SEED=${seed} replays this: ${complaints[0]}`);
  }
  return found;
}

Deno.test({
  name: "random histories lose, double, move and resurrect nothing",
  ignore: ONE_SEED !== undefined,
  async fn() {
    const coverage = newCoverage();
    assertEquals(await findings({ seeds: SEEDS, enough: 20 }, OPTIONS, coverage), []);
    assertEquals(tooRare(coverage, SEEDS), []);
    assert(coverage.unproven * 100 <= SEEDS, `${coverage.unproven} of ${SEEDS} are unproven`);
  },
});

Deno.test({
  name: "the random history of RUNNEL_SEED",
  ignore: ONE_SEED === undefined,
  async fn() {
    const { complaints, trail } = await runHistory(Number(ONE_SEED), OPTIONS);
    if (complaints.length > 0) console.log(trail.join("\n"));
    assertEquals(complaints, []);
  },
});

/** Folders that are renamed aside get a name of their own. */
function withoutIds(trail: readonly string[]): string[] {
  return trail.map((line) => line.replace(/\.[0-9a-f]{32}-/g, ".<id>-"));
}

Deno.test("a seed replays its history to the letter", async () => {
  for (const seed of [3, 4, 5]) {
    const [once, again] = [await runHistory(seed, OPTIONS), await runHistory(seed, OPTIONS)];
    assertEquals(withoutIds(again.trail), withoutIds(once.trail));
    assertEquals(again.complaints, once.complaints);
  }
});

for (const [name, sabotage] of Object.entries(SABOTAGES)) {
  Deno.test(`random histories find it when ${name}`, async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const sabotaged = await runHistory(seed, { ...OPTIONS, sabotage });
      if (sabotaged.complaints.length === 0) continue;
      // Found, if it is not there without the sabotage.
      if ((await runHistory(seed, OPTIONS)).complaints.length === 0) return;
    }
    throw new Error("100 seeds find nothing that they do not find without it");
  });
}

/** What occurred less often than the run needs to prove anything. */
function tooRare(coverage: Coverage, seeds: number): string[] {
  const struck = coverage.setFaults.filter((fault) => fault.struck > 0).length;
  const counts = new Map<string, number>([...coverage.flights, ["faults struck", struck]]);
  for (const [name, count] of Object.entries(coverage)) {
    if (typeof count === "number") counts.set(name, count);
  }
  return Object.entries(IN_200_SEEDS).flatMap(([name, least]) => {
    const count = counts.get(name) ?? 0;
    return count * 200 < least * seeds ? [`${name}: ${count} times, needs ${least} in 200`] : [];
  });
}

/** About half of what was counted when every history ran to its end. */
const IN_200_SEEDS: Record<string, number> = {
  starts: 500,
  startsCutOff: 50,
  cleanStops: 60,
  kill: 200,
  powerLoss: 150,
  rolls: 1000,
  rollsWithWriteInFlight: 10,
  restoredFromJournal: 50,
  tornTailsCut: 70,
  compacted: 20,
  cleaningsCutOff: 40,
  retained: 20,
  recreated: 150,
  retriesAnswered: 1500,
  damaged: 15,
  repaired: 8,
  "faults struck": 50,
  "kill with append in flight": 6,
  "kill with sync in flight": 60,
  "kill with replace in flight": 60,
  "kill with syncFolder in flight": 20,
  "kill with remove in flight": 5,
  "powerLoss with append in flight": 6,
  "powerLoss with sync in flight": 70,
  "powerLoss with replace in flight": 70,
  "powerLoss with syncFolder in flight": 20,
  "powerLoss with remove in flight": 5,
};
