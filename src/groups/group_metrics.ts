/**
 * GroupMetrics: what a coordinator counts as it works; gauges are read off the groups themselves at a scrape.
 */
export class GroupMetrics {
  /** Offsets committed and deleted, expired ones apart. */
  offsetCommits = 0;
  offsetDeletions = 0;
  offsetExpirations = 0;
  heartbeats = 0;
  /** Members dropped because they were silent. */
  sessionsExpired = 0;
  rebalancesBegun = 0;
  rebalancesCompleted = 0;
  /** From the first sign of a rebalance to the assignment, summed over all that completed. */
  rebalanceMsTotal = 0;
  /** Of the longest. */
  rebalanceMsMax = 0;
  groupsDeleted = 0;
  /** Partitions of the log read at start, and the time that took. */
  partitionsLoaded = 0;
  loadMsTotal = 0;

  rebalanceCompleted(durationMs: number): void {
    this.rebalancesCompleted++;
    this.rebalanceMsTotal += durationMs;
    if (durationMs > this.rebalanceMsMax) this.rebalanceMsMax = durationMs;
  }
}
