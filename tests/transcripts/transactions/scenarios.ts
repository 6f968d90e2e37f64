/** All scenarios of transactions, by file; see player.ts. */
import { ENDING } from "./ending.ts";
import { INIT } from "./init.ts";
import { PRODUCING } from "./producing.ts";
import { MARKERS } from "./markers.ts";
import { OFFSETS } from "./offsets.ts";
import { DESCRIBING } from "./describing.ts";
import { EXHAUSTION } from "./exhaustion.ts";
import { LEVELS } from "./levels.ts";
import { type Scenario, type Scenarios, type Transcript, TransactionPlayer } from "./player.ts";

export const SCENARIOS: Readonly<Record<string, Scenarios>> = {
  init: INIT,
  ending: ENDING,
  producing: PRODUCING,
  markers: MARKERS,
  offsets: OFFSETS,
  describing: DESCRIBING,
  exhaustion: EXHAUSTION,
  levels: LEVELS,
};

let count = 0;

/** Plays one to a broker. */
export async function played(scenario: Scenario, bootstrap: string): Promise<Transcript> {
  const suffix = `.x${Date.now() % 1e8}n${count++}`;
  const player = new TransactionPlayer({ bootstrap, suffix });
  try {
    await player.level(scenario.level ?? 2);
    await scenario.play(player);
    return player.transcript;
  } finally {
    if ((scenario.level ?? 2) !== 2) await player.level(2);
    await player.close();
  }
}
