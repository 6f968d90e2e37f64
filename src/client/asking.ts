/**
 * Asking: how one comes to answers of a cluster that any of its brokers can give: over the network, or, in the broker's
 * own process, without. What is asked so works with both.
 */
import type { Api, Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import type { Cluster } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { KafkaError } from "./errors.ts";

export interface Asking {
  /** One try, in the newest version that both sides speak. */
  ask<Q extends Fields, R extends Fields>(
    api: Api<Q, R>,
    body: (version: number) => Encodable<Message<Q>>,
  ): Promise<Decoded<Message<R>>>;
  /** Whether there is a version of the API that both sides speak. */
  speaks(api: Pick<Api, "key" | "name" | "min" | "max">): Promise<boolean>;
  /** Runs it until it succeeds, fails for good, or its time is over; then throws what it threw last. */
  retry<T>(attempt: () => Promise<T>): Promise<T>;
}

/** One broker that is asked, over a connection or without. */
export type Requests = Pick<Connection, "versionFor" | "request">;

/** Asks the controller of a cluster. */
export function askingOf(cluster: Cluster): Asking {
  return {
    async ask(api, body) {
      const connection = await cluster.controllerConnection();
      const version = connection.versionFor(api);
      return await connection.request(api, version, body(version));
    },
    async speaks(api) {
      const connection = await cluster.controllerConnection();
      try {
        connection.versionFor(api);
        return true;
      } catch {
        return false;
      }
    },
    retry: (attempt) => cluster.retry(attempt),
  };
}

/** What became of one of several things that one request asks for; null: it was done. */
export type Outcome = KafkaError | null;

/**
 * Asks for many things in requests of `size` of them, one after the other, and answers what became of each. A request is
 * sent again where all of it failed for what may go away by itself; whatever else fails has the others done.
 */
export async function inBatches<Thing>(
  asking: Asking,
  things: readonly Thing[],
  size: number,
  ask: (some: readonly Thing[]) => Promise<Outcome[]>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let at = 0; at < things.length; at += size) {
    const some = things.slice(at, at + size);
    let last: Outcome[] = [];
    try {
      await asking.retry(async () => {
        last = await ask(some);
        const [first] = last;
        if (first !== null && last.every((one) => one?.isRetriable)) throw first;
      });
    } catch (error) {
      if (!(error instanceof KafkaError) || error !== last[0]) throw error;
    }
    outcomes.push(...last);
  }
  return outcomes;
}
