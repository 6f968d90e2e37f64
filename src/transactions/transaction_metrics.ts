/**
 * TransactionMetrics: what the coordinator counts as it works; gauges are read off the transactions themselves at a scrape.
 */
import { Histogram, LATENCY_BOUNDS_S } from "../metrics/histogram.ts";

export class TransactionMetrics {
  committed = 0;
  aborted = 0;
  /** Of those, for their age. */
  timedOut = 0;
  expiredIds = 0;
  /** Seconds from a durable decision to the last of its markers. */
  readonly markers = new Histogram(LATENCY_BOUNDS_S);
  /** Seconds from taking up a partition of the log to knowing what is in it. */
  readonly loads = new Histogram(LATENCY_BOUNDS_S);
}
