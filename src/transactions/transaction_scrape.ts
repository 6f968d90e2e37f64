/** What /metrics shows of transactions: the coordinator's counts, and what there is by state. */
import type { Metrics } from "../metrics/metrics.ts";
import type { TransactionCoordinator } from "./coordinator.ts";
import { isIdle, State, stateName } from "./transaction.ts";

/** The states that something is in; the other two nobody writes. */
const SHOWN: readonly State[] = [
  State.Empty,
  State.Ongoing,
  State.PrepareCommit,
  State.PrepareAbort,
  State.CompleteCommit,
  State.CompleteAbort,
];

/** `nowMs`: monotonic. */
export function scrapeTransactions(
  metrics: Metrics,
  coordinator: TransactionCoordinator,
  nowMs: () => number,
): void {
  const { metrics: counted, runtime } = coordinator;
  metrics.transactions = () => {
    const counts = new Map<string, number>(SHOWN.map((state) => [stateName(state), 0]));
    for (const { value: { state } } of transactions(coordinator)) {
      const name = stateName(state);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  };
  const count = (name: string, help: string, read: () => number) =>
    metrics.gauge(`transactions_${name}_total`, help, read);
  count("committed", "Transactions committed, with all their markers.", () => counted.committed);
  count("aborted", "Transactions aborted, with all their markers.", () => counted.aborted);
  count("timed_out", "Transactions that were open for too long.", () => counted.timedOut);
  count("expired_ids", "Transactional ids forgotten for their age.", () => counted.expiredIds);
  metrics.gauge(
    "transaction_oldest_open_seconds",
    "Age of the oldest transaction that is open or being ended; 0 when there is none.",
    () => oldestSeconds(coordinator, nowMs()),
  );
  metrics.gauge(
    "transaction_markers_delayed",
    "Markers that wait for a partition which does not take them.",
    () => coordinator.delayedMarkers,
  );
  for (const state of ["loading", "failed"] as const) {
    const help = `Partitions of __transaction_state that are ${state}.`;
    metrics.gauge(`transaction_partitions_${state}`, help, () => runtime.partitions.count(state));
  }
  metrics.histogram(
    "transaction_marker_duration_seconds",
    "From the decision to end a transaction to the last of its markers.",
    counted.markers,
  );
  metrics.histogram(
    "transaction_load_duration_seconds",
    "From taking up a partition of __transaction_state to knowing what is in it.",
    counted.loads,
  );
}

function* transactions({ runtime }: TransactionCoordinator) {
  for (const { shard } of runtime.active()) yield* shard.entities();
}

function oldestSeconds(coordinator: TransactionCoordinator, nowMs: number): number {
  let oldestMs = nowMs;
  for (const { value, sinceMs } of transactions(coordinator)) {
    if (!isIdle(value) && sinceMs !== null) oldestMs = Math.min(oldestMs, sinceMs);
  }
  return (nowMs - oldestMs) / 1000;
}
