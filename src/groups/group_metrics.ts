/**
 * GroupMetrics: what a coordinator counts as it works; gauges are read off the groups themselves at a scrape.
 */
import { Histogram } from "../metrics/histogram.ts";

export class GroupMetrics {
  /** Offsets committed and deleted, expired ones apart. */
  offsetCommits = 0;
  offsetDeletions = 0;
  offsetExpirations = 0;
  heartbeats = 0;
  /** Members dropped because they were silent. */
  sessionsExpired = 0;
  rebalancesBegun = 0;
  /** Seconds from the first sign of a rebalance to the assignment, of all that completed. */
  readonly rebalances = new Histogram(REBALANCE_BOUNDS_S);
  groupsDeleted = 0;

  rebalanceCompleted(durationMs: number): void {
    this.rebalances.observe(durationMs / 1000);
  }
}

/** Up to max.poll.interval.ms of most clients. */
const REBALANCE_BOUNDS_S = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
