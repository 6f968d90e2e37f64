/**
 * Seen: whether a cluster shows what was done. A Kafka answers a change when its controller has it, and shows it when the
 * broker that is asked has read it, some milliseconds later; and a broker may show a value in a form that nobody foresaw.
 */
import type { Asking } from "../../client/asking.ts";
import { clusterState, type Scope } from "./cluster_state.ts";
import { type Change, planOf, type PlanOptions } from "./plan.ts";
import type { State } from "./state.ts";

const WAIT_MS = 5000, FIRST_PAUSE_MS = 20, LONGEST_PAUSE_MS = 500;

/** What there would still be to do, when it has been waited for; nothing, where all is seen. */
export async function notSeen(
  asking: Asking,
  wanted: State,
  { scope, options, waitMs = WAIT_MS }: {
    readonly scope: Scope;
    readonly options: PlanOptions;
    readonly waitMs?: number;
  },
): Promise<readonly Change[]> {
  const deadlineMs = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const { state } = await clusterState(asking, scope);
    const { changes } = planOf(wanted, state, { ...options, rotate: new Set(), force: true });
    if (changes.length === 0 || performance.now() > deadlineMs) return changes;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
