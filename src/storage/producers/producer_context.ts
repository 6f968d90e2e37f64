/** What producers are remembered with: the part of a log's context that this room needs. */
import type { Clock } from "../../clock.ts";
import type { Store } from "../store.ts";
import type { ProducerLimits } from "./producer_state.ts";

export interface ProducerContext {
  readonly store: Store;
  readonly clock: Clock;
  /** Bounds on what is remembered of producers, per partition. */
  readonly producers: ProducerLimits;
  /** Told when housekeeping that nobody waits for failed. */
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
}
