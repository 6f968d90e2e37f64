/** Metrics of quotas: who was held up by which, for how long. */
import type { Definition } from "./definition.ts";
import { labelOf } from "./label.ts";
import type { Metrics } from "./metrics.ts";

/** What is counted under one quota, as far as metrics tell of it. */
export interface QuotaGauges {
  /** "producer_byte_rate" */
  readonly kind: string;
  /** Whose it is; null where it is of all alike. */
  readonly of: { readonly user: string | null; readonly clientId: string | null };
  /** Per second. */
  readonly limit: number;
  readonly throttledMs: number;
}

/** The latest first, and no more than this. */
const MAX_SHOWN = 200;

export function quotaDefinitions(metrics: Metrics): Definition[] {
  const one = (
    name: string,
    help: string,
    type: "gauge" | "counter",
    read: (quota: QuotaGauges) => number,
  ): Definition => ({
    name,
    help,
    type,
    *samples() {
      for (const quota of metrics.quotas().slice(0, MAX_SHOWN)) {
        const { kind, of: { user, clientId } } = quota;
        const labels = {
          quota: kind,
          user: labelOf(user ?? ""),
          client_id: labelOf(clientId ?? ""),
        };
        yield [labels, read(quota)];
      }
    },
  });
  return [
    one(
      "quota_limit",
      "The quota that holds for a user, a client id or both that asked within the last hour: bytes a second, percent of the event loop's time, partitions a second.",
      "gauge",
      ({ limit }) => limit,
    ),
    one(
      "quota_throttle_seconds_total",
      "What they were told to wait.",
      "counter",
      ({ throttledMs }) => throttledMs / 1000,
    ),
  ];
}
