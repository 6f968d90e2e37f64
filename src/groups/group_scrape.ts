/**
 * What /metrics shows of groups: the coordinator's counts, and each group with how far it is behind.
 */
import type { GroupGauges, PartitionLag } from "../metrics/group_definitions.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { GroupCoordinator } from "./coordinator.ts";
import { groupGauges } from "./requests/group_admin.ts";
import type { GroupOffsets } from "./offsets/offsets.ts";

/** How far consumers can read in a partition; null where there is none. */
export type EndOf = (topic: string, partition: number) => number | null;

export function scrapeGroups(metrics: Metrics, coordinator: GroupCoordinator, endOf: EndOf): void {
  metrics.groups = function* (): Generator<GroupGauges> {
    for (const { offsets, ...gauges } of groupGauges(coordinator)) {
      yield { ...gauges, lags: () => lagsOf(offsets, endOf) };
    }
  };
  const counted = coordinator.metrics;
  const count = (name: string, help: string, read: () => number) =>
    metrics.gauge(`group_${name}_total`, help, read);
  count("offset_commits", "Offsets committed.", () => counted.offsetCommits);
  count("offset_deletions", "Offsets deleted by request.", () => counted.offsetDeletions);
  count("offset_expirations", "Offsets past their retention.", () => counted.offsetExpirations);
  count("heartbeats", "Heartbeats of members.", () => counted.heartbeats);
  count("sessions_expired", "Members dropped for silence.", () => counted.sessionsExpired);
  count("rebalances", "Rebalances begun.", () => counted.rebalancesBegun);
  count("deletions", "Groups deleted by request.", () => counted.groupsDeleted);
  for (const state of ["loading", "failed"] as const) {
    const help = `Partitions of __consumer_offsets that are ${state}.`;
    metrics.gauge(`group_partitions_${state}`, help, () => coordinator.count(state));
  }
  metrics.histogram(
    "group_rebalance_duration_seconds",
    "From the first sign of a rebalance to the assignment.",
    counted.rebalances,
  );
}

/** As kafka-consumer-groups counts it; partitions that are gone have no lag. */
export function* lagsOf(offsets: GroupOffsets, endOf: EndOf): Generator<PartitionLag> {
  for (const [topic, partitions] of offsets.topics()) {
    for (const [partition, { offset }] of partitions) {
      const end = endOf(topic, partition);
      if (end !== null) yield { topic, partition, lag: Math.max(0, end - Number(offset)) };
    }
  }
}
