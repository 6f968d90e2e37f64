/** `runnel txn list`: what the coordinators have. */
import { listTransactions, type TransactionFilters } from "../../client/transactions.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected, type Work } from "../connected.ts";
import { longerThanMs } from "./txn_text.ts";

export const listTxns: Run = (call) => connected(call, listing(call));

/** Throws ConfigError. */
export function listing(call: Call): Work {
  const filters = filtersOf(call);
  return async ({ cluster, out }) => {
    const rows = (await listTransactions(cluster, filters)).map((one) => [
      one.transactionalId,
      one.state,
      one.producerId,
      one.coordinatorId,
    ]);
    out.table(["transactional id", "state", "producer", "coordinator"], rows);
    return 0;
  };
}

function filtersOf(call: Call): TransactionFilters {
  const states = call.text("--state")?.split(",").map((state) => state.trim());
  if (states?.includes("")) {
    throw call.misused(`--state ${call.text("--state") || '""'}: a state is empty`);
  }
  const producerId = call.whole("--producer-id"), pattern = call.text("--pattern");
  const openForMs = longerThanMs(call);
  return {
    ...states === undefined ? {} : { states },
    ...producerId === null ? {} : { producerIds: [producerId] },
    ...openForMs === null ? {} : { longerThanMs: openForMs },
    ...pattern === null ? {} : { pattern },
  };
}
