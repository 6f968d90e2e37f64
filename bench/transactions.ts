/**
 * Transactions of one record each: what beginning, sending and committing costs, once with the offsets of a group in it,
 * as a copier has them. The answer to EndTxn is timed by itself too: everything before it has been acknowledged then.
 *
 * Where the broker tells its metrics, the rounds of sync are counted: those until EndTxn was answered (and at most those
 * that ended before the metrics could be asked, so it is an upper bound), and those of a whole transaction.
 */
import { Cluster } from "../src/client/cluster.ts";
import { TransactionalProducer } from "../src/client/transactional_producer.ts";
import { Histogram } from "./histogram.ts";
import { Phases } from "./load.ts";
import { withTopic } from "./topics.ts";
import { type Bench, durations, type Result, type Size, type Target } from "./types.ts";

export interface TransactionLoad {
  /** Each with a transactional id, a connection and a partition of its own, one transaction at a time. */
  readonly producers: number;
  readonly withOffsets: boolean;
}

export const transactions: Bench = {
  name: "transactions",
  flush: ["fsync", "os"],
  async run(target, size) {
    const results: Result[] = [];
    for (const producers of size === "smoke" ? [2] : [1, 16]) {
      for (const withOffsets of [false, true]) {
        const { whole, end } = await runTransactions(target, size, { producers, withOffsets });
        results.push(whole, end);
      }
    }
    return results;
  },
};

/** Whole transactions, and their ends. Shared with compare/loads.ts. */
export async function runTransactions(
  target: Target,
  size: Size,
  { producers, withOffsets }: TransactionLoad,
): Promise<{ whole: Result; end: Result }> {
  return await withTopic(target, producers, async (topic) => {
    const clients = await Promise.all(
      Array.from({ length: producers }, (_, partition) => Client.open(target, topic, partition)),
    );
    try {
      for (const client of clients) await client.transaction(withOffsets); // finds coordinators and opens files
      const { warmUpMs, measureMs } = durations(size);
      const whole = new Histogram(), end = new Histogram();
      const before = await roundsOf(target);
      const phases = new Phases(warmUpMs, measureMs);
      let done = 0;
      await Promise.all(clients.map(async (client) => {
        while (!phases.isOver) {
          const { wholeMs, endMs } = await client.transaction(withOffsets);
          done++;
          if (!phases.isMeasuring) continue;
          whole.add(wholeMs);
          end.add(endMs);
        }
      }));
      const rounds = before === null ? null : (await roundsOf(target))! - before;
      const untilAnswer = await roundsUntilAnswer(target, clients[0], withOffsets, size);
      const load = `${producers} × one record${withOffsets ? " and offsets" : ""}`;
      const seconds = phases.seconds, requests = whole.count;
      const also = (count: number | null, what: string) =>
        count === null ? {} : { also: `${count.toFixed(2)} rounds of sync ${what}` };
      return {
        whole: {
          load: `${load}, whole`,
          requests,
          bytes: requests * VALUE.length,
          seconds,
          latency: whole,
          ...also(rounds === null ? null : rounds / done, "a transaction"),
        },
        end: {
          load: `${load}, EndTxn`,
          requests,
          bytes: requests * VALUE.length,
          seconds,
          latency: end,
          ...also(untilAnswer, "until the answer, at most"),
        },
      };
    } finally {
      for (const client of clients) await client.close();
    }
  });
}

const VALUE = "x".repeat(100);

class Client {
  readonly #cluster: Cluster;
  readonly #producer: TransactionalProducer;
  #offset = 0;

  static async open(target: Target, topic: string, partition: number): Promise<Client> {
    const client = new Client(target, topic, partition);
    await client.#producer.init();
    return client;
  }

  private constructor(target: Target, readonly topic: string, readonly partition: number) {
    this.#cluster = new Cluster({ bootstrap: target.address });
    const transactionalId = `${topic}-${partition}`;
    this.#producer = new TransactionalProducer(this.#cluster, { transactionalId });
  }

  /** One transaction; `beforeEnd` is called when everything but its end is acknowledged. */
  async transaction(
    withOffsets: boolean,
    beforeEnd: () => Promise<void> = () => Promise.resolve(),
  ): Promise<{ wholeMs: number; endMs: number }> {
    const { topic, partition } = this;
    const beganMs = performance.now();
    this.#producer.begin();
    const sent = this.#producer.send({ topic, partition, value: VALUE });
    if (withOffsets) {
      const offset = ++this.#offset;
      await this.#producer.sendOffsets(`${topic}-${partition}`, [{ topic, partition, offset }]);
    }
    await sent;
    await beforeEnd();
    const endedMs = performance.now();
    await this.#producer.commit();
    const nowMs = performance.now();
    return { wholeMs: nowMs - beganMs, endMs: nowMs - endedMs };
  }

  async close(): Promise<void> {
    await this.#producer.close();
    this.#cluster.close();
  }
}

/** On average, of transactions one after the other. */
async function roundsUntilAnswer(
  target: Target,
  client: Client,
  withOffsets: boolean,
  size: Size,
): Promise<number | null> {
  const count = size === "smoke" ? 3 : 200;
  let rounds = 0;
  for (let i = 0; i < count; i++) {
    let before: number | null = null;
    await client.transaction(withOffsets, async () => {
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS)); // what the last one left to do is done
      before = await roundsOf(target);
    });
    const after = await roundsOf(target);
    if (before === null || after === null) return null;
    rounds += after - before;
  }
  return rounds / count;
}

const QUIET_MS = 20;

/** How many rounds of sync there have been; null where nobody tells. */
async function roundsOf({ httpAddress }: Target): Promise<number | null> {
  if (httpAddress === undefined) return null;
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const count = /^\w+_fsync_duration_seconds_count(?:\{\})? (\S+)$/m.exec(text)?.[1];
  if (count === undefined) {
    throw new Error(`http://${httpAddress}/metrics counts no rounds of sync`);
  }
  return Number(count);
}
