/**
 * What the handlers of group requests share: who calls, and answers by topic.
 */
import type { Caller } from "../groups/requests/membership.ts";
import type { RequestContext } from "./handler.ts";

/** Kafka writes a client's host the way Java prints an address without a name. */
export function callerOf({ clientId, connection, apiVersion }: RequestContext): Caller {
  return { clientId: clientId ?? "", clientHost: `/${connection.peer}`, apiVersion };
}

/** Rows of one topic after the other, gathered under their topics in the order they came. */
export function byTopic<Row extends { readonly topic: string }, Answer>(
  rows: readonly Row[],
  answer: (row: Row, index: number) => Answer,
): { name: string; partitions: Answer[] }[] {
  const topics = new Map<string, Answer[]>();
  rows.forEach((row, index) => {
    const partitions = topics.get(row.topic);
    if (partitions) partitions.push(answer(row, index));
    else topics.set(row.topic, [answer(row, index)]);
  });
  return Array.from(topics, ([name, partitions]) => ({ name, partitions }));
}
