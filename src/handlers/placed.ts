/** Placed: what became of a change of the catalogue on this node's disk, as handlers ask it (src/placement). */
import type { Uuid } from "../bytes/uuid.ts";

export interface Placed {
  /** Why the logs of a topic are not what the catalogue says, as a sentence; null when they are. */
  problemOf(topicId: Uuid): string | null;
}
