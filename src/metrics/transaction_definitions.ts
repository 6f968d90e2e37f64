/** Metrics of transactions: how many are in which state. Read off the coordinator at a scrape. */
import type { Definition } from "./definition.ts";
import type { Metrics } from "./metrics.ts";

export function transactionDefinitions(metrics: Metrics): Definition[] {
  return [{
    name: "transactions",
    help: "Transactional ids by the state of their transaction.",
    type: "gauge",
    *samples() {
      for (const [state, count] of metrics.transactions()) yield [{ state }, count];
    },
  }];
}
