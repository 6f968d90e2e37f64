/** `runnel txn describe`: a transaction's producer, age and partitions. */
import { systemClock } from "../../clock.ts";
import { nameOf } from "../../client/group/partitions_by_topic.ts";
import { describeTransaction, type TransactionDescription } from "../../client/transactions.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import { connected, type Work } from "../connected.ts";
import { inOrder, seconds, unknownId } from "./txn_text.ts";

export const describeTxn: Run = (call) => connected(call, describing(call));

export function describing({ words: [id] }: Call): Work {
  return async ({ cluster, out }) => {
    const found = await describeTransaction(cluster, id);
    if (found === null) throw unknownId(id);
    if (out.isJson) out.json({ ...found, partitions: found.partitions.toSorted(inOrder) });
    else for (const line of described(found, systemClock.nowMs())) out.line(line);
    return 0;
  };
}

/** What is printed of one. */
export function described(found: TransactionDescription, nowMs: number): string[] {
  const { producerId, producerEpoch, coordinatorId, timeoutMs, startTimeMs, partitions } = found;
  const since = startTimeMs === null
    ? "No transaction is open"
    : `Open for ${seconds(nowMs - startTimeMs)}, since ${new Date(startTimeMs).toISOString()}`;
  return [
    `Transactional id ${found.transactionalId}: ${found.state}`,
    `Producer ${producerId}, epoch ${producerEpoch}; coordinator ${coordinatorId}`,
    `${since}; timeout ${seconds(timeoutMs)}`,
    ...partitions.length === 0 ? [] : [
      "",
      found.state.startsWith("Prepare") ? "Partitions without a marker yet" : "Partitions",
      ...partitions.toSorted(inOrder).map((one) => `  ${nameOf(one)}`),
    ],
  ];
}
