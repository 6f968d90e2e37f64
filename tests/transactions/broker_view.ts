/** BrokerView: what a broker says of its transactions and partitions, asked over the wire, again until it answers. */
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer } from "../../src/client/consumer.ts";
import { type Isolation, listOffsets } from "../../src/client/list_offsets.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { ListTransactions } from "../../src/protocol/messages/list_transactions.ts";
import { pause } from "../crash/victim.ts";

export class BrokerView {
  readonly cluster: Cluster;

  constructor(readonly bootstrap: string) {
    this.cluster = new Cluster({ bootstrap, callTimeoutMs: 60_000 });
  }

  /** Where partitions of a topic end, for readers of everything or of what is committed. */
  async ends(topic: string, partitions: number, isolation: Isolation): Promise<number[]> {
    const asked = Array.from({ length: partitions }, (_, partition) => {
      return { topic, partition, at: "latest" as const };
    });
    const found = await listOffsets(this.cluster, asked, { isolation, timeoutMs: 60_000 });
    return found.map(({ offset }) => offset);
  }

  /** Transactional ids by state. */
  async transactions(): Promise<{ id: string; state: string }[]> {
    return await this.cluster.retry(async () => {
      const connection = await this.cluster.controllerConnection();
      const answer = await connection.request(ListTransactions, 0, {
        stateFilters: [],
        producerIdFilters: [],
      });
      if (answer.errorCode !== 0) throw new Error(`ListTransactions: error ${answer.errorCode}`);
      return answer.transactionStates.map(({ transactionalId, transactionState }) => {
        return { id: transactionalId, state: transactionState };
      });
    }, { timeoutMs: 60_000 });
  }

  /**
   * Waits until no transaction (of an id that has `part` in it) is on its way and every partition is stable to its end;
   * complaints after `limitMs`.
   */
  async settled(
    topics: Readonly<Record<string, number>>,
    limitMs: number,
    part = "",
  ): Promise<{ complaints: string[]; tookMs: number }> {
    const beganMs = performance.now();
    for (;; await pause(200)) {
      const complaints = await this.#unsettled(topics, part);
      const tookMs = Math.round(performance.now() - beganMs);
      if (complaints.length === 0 || tookMs > limitMs) return { complaints, tookMs };
    }
  }

  async #unsettled(
    topics: Readonly<Record<string, number>>,
    part: string,
  ): Promise<string[]> {
    const complaints: string[] = [];
    for (const { id, state } of await this.transactions()) {
      if (!id.includes(part)) continue;
      if (state !== "Empty" && !state.startsWith("Complete") && state !== "Dead") {
        complaints.push(`${id} is still ${state}`);
      }
    }
    for (const [topic, partitions] of Object.entries(topics)) {
      const ends = await this.ends(topic, partitions, "readUncommitted");
      const stable = await this.ends(topic, partitions, "readCommitted");
      ends.forEach((end, i) => {
        if (stable[i] !== end) {
          complaints.push(`${topic}-${i} ends at ${end}, stable is ${stable[i]}`);
        }
      });
    }
    return complaints;
  }

  /** What a group has committed, by "topic-partition". */
  async committed(group: string): Promise<Map<string, number>> {
    const all = await this.cluster.retry(() => committedOffsets(this.cluster, group), {
      timeoutMs: 60_000,
    });
    return new Map(
      all.map(({ topic, partition, offset }) => [`${topic}-${partition}`, Number(offset)]),
    );
  }

  /** All values of a topic from the beginning to where it ends now, by partition. */
  async values(
    topic: string,
    partitions: number,
    isolation: Isolation,
  ): Promise<Map<number, string[]>> {
    const ends = await this.ends(topic, partitions, isolation);
    const consumer = new Consumer(this.cluster, {
      autoOffsetReset: "earliest",
      isolation,
      fetchMaxWaitMs: 100,
    });
    const all = ends.map((_, partition) => ({ topic, partition }));
    consumer.assign(all);
    const values = new Map(ends.map((_, partition) => [partition, [] as string[]]));
    const isRead = (end: number, partition: number) =>
      end === 0 || (consumer.position({ topic, partition }) ?? 0) >= end;
    const deadlineMs = performance.now() + READ_LIMIT_MS;
    while (!ends.every(isRead)) {
      if (performance.now() > deadlineMs) throw new Error(`${topic} cannot be read to its end`);
      for (const { partition, value } of await consumer.poll(100)) {
        values.get(partition)!.push(new TextDecoder().decode(value!));
      }
    }
    consumer.close();
    return values;
  }

  close(): void {
    this.cluster.close();
  }
}

/** Reads along and keeps the values it was shown. */
export class Along {
  readonly shown = new Map<number, string[]>();
  readonly #cluster: Cluster;
  #isOver = false;
  readonly #running: Promise<void>;
  failure: string | null = null;

  constructor(bootstrap: string, topic: string, partitions: number) {
    this.#cluster = new Cluster({ bootstrap });
    this.#running = this.#run(topic, partitions).catch((error) => {
      this.failure = `the reader ended: ${error.message}`;
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#cluster.close();
  }

  async #run(topic: string, partitions: number): Promise<void> {
    const options = { autoOffsetReset: "earliest", fetchMaxWaitMs: 50 } as const;
    const consumer = new Consumer(this.#cluster, { ...options, isolation: "readCommitted" });
    consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
    for (let i = 0; i < partitions; i++) this.shown.set(i, []);
    while (!this.#isOver) {
      // While the broker is down there is nothing to read.
      const records = await consumer.poll(100).catch(() => []);
      for (const { partition, value } of records) {
        this.shown.get(partition)!.push(new TextDecoder().decode(value!));
      }
    }
    consumer.close();
  }
}

const READ_LIMIT_MS = 120_000;
