/** What is counted of the first batches of transactions, which the coordinator admits (handlers/produce_admission.ts). */
import { Histogram, LATENCY_BOUNDS_S } from "./histogram.ts";
import type { Metrics } from "./metrics.ts";

/** Adds Kafka's VerificationFailureRate and VerificationTimeMs; what is to be called with each answer. */
export function countAdmissions(metrics: Metrics): (errorCode: number, waitedMs: number) => void {
  const waited = new Histogram(LATENCY_BOUNDS_S);
  let failures = 0;
  metrics.gauge(
    "transaction_verification_failures_total",
    "Batches that the transaction coordinator did not admit. Kafka: VerificationFailureRate.",
    () => failures,
  );
  metrics.histogram(
    "transaction_verification_seconds",
    "Until the coordinator has said whether a transaction's first batch in a partition may be written. Kafka: VerificationTimeMs.",
    waited,
  );
  return (errorCode, waitedMs) => {
    if (errorCode !== 0) failures++;
    waited.observe(waitedMs / 1000);
  };
}
