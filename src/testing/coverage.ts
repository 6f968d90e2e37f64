/** Coverage: how often the rare situations occurred that random histories are for. A run that never met them proves nothing. */
import type { SetFault } from "./faults.ts";

export interface Coverage {
  starts: number;
  startsCutOff: number;
  cleanStops: number;
  kill: number;
  powerLoss: number;
  sent: number;
  rolls: number;
  rollsWithWriteInFlight: number;
  restoredFromJournal: number;
  tornTailsCut: number;
  compacted: number;
  cleaningsCutOff: number;
  retained: number;
  recreated: number;
  retriesAnswered: number;
  damaged: number;
  repaired: number;
  /** Histories that ended with a partition offline, because the device failed and then the power. */
  unproven: number;
  /** "kill with append in flight" and so on. */
  readonly flights: Map<string, number>;
  readonly setFaults: SetFault[];
}

export function newCoverage(): Coverage {
  return {
    starts: 0,
    startsCutOff: 0,
    cleanStops: 0,
    kill: 0,
    powerLoss: 0,
    sent: 0,
    rolls: 0,
    rollsWithWriteInFlight: 0,
    restoredFromJournal: 0,
    tornTailsCut: 0,
    compacted: 0,
    cleaningsCutOff: 0,
    retained: 0,
    recreated: 0,
    retriesAnswered: 0,
    damaged: 0,
    repaired: 0,
    unproven: 0,
    flights: new Map(),
    setFaults: [],
  };
}
