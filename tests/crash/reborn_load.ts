/**
 * RebornLoad: a topic that is made, written, cut with DeleteRecords, deleted and made again under the same name. Nothing
 * of an incarnation before may come back, and nothing of the one that is may be hidden by what is remembered of another.
 */
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { ConnectionError, mayRetry } from "../../src/client/errors.ts";
import { Producer } from "../../src/client/producer.ts";
import { Random } from "../random.ts";
import { nameFor, valueOf } from "./content.ts";
import { Ledger } from "./ledger.ts";
import {
  dropTopic,
  impatient,
  judged,
  type Load,
  type LoadContext,
  makeTopic,
  readTopic,
  seen,
  Turn,
} from "./load.ts";
import { pause } from "./victim.ts";

const PARTITIONS = 3;
const CONFIGS = { "segment.bytes": "1048576", "segment.ms": "500", "file.delete.delay.ms": "300" };

export class RebornLoad implements Load {
  readonly #context: LoadContext;
  readonly #random: Random;
  readonly #turn = new Turn();
  /** Of the incarnation that is; null while there is none. */
  #ledger: Ledger | null = null;
  #incarnation = 0;
  #cuts = 0;
  #acknowledgedBefore = 0;
  #isOver = false;
  #running: Promise<void> | null = null;

  constructor(context: LoadContext, readonly topic: string) {
    this.#context = context;
    this.#random = new Random(context.seed);
  }

  get acknowledged(): number {
    return this.#acknowledgedBefore + (this.#ledger?.acknowledged ?? 0);
  }

  begin(): Promise<void> {
    this.#running = this.#run().catch((error) =>
      this.#context.complain(`${this.topic}: the load ended: ${error.message}`)
    );
    return Promise.resolve();
  }

  judge(): Promise<string[]> {
    return judged(this.topic, () => this.#turn.take(() => this.#judge()));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  summary(): string {
    return `${this.topic}: ${this.#incarnation} incarnations, ${this.#cuts} times cut, ${this.acknowledged} acknowledged`;
  }

  async #judge(): Promise<string[]> {
    const ledger = this.#ledger;
    const { bootstrap } = this.#context;
    if (ledger === null) {
      const admin = new Admin({ bootstrap });
      const topics = await admin.listTopics();
      admin.close();
      const isBack = topics.some(({ name }) => name === this.topic);
      return isBack ? [`${this.topic} was deleted and is back`] : [];
    }
    const mark = ledger.mark();
    const topic = { topic: this.topic, partitions: PARTITIONS };
    return ledger.complaints(await readTopic(bootstrap, topic, seen), mark);
  }

  async #run(): Promise<void> {
    const { bootstrap } = this.#context;
    const random = this.#random;
    while (!this.#isOver) {
      const cluster = new Cluster({ bootstrap }), once = impatient(bootstrap);
      const owner = `${this.topic}.${this.#incarnation + 1}`;
      await this.#turn.take(async () => {
        await makeTopic(once, { topic: this.topic, partitions: PARTITIONS, configs: CONFIGS });
        this.#incarnation++;
        this.#ledger = new Ledger({ isExactlyOnce: true });
      });
      const producer = new Producer(cluster, { deliveryTimeoutMs: 120_000, maxBatchBytes: 8192 });
      let order = 0;
      const ends = new Array(PARTITIONS).fill(0);
      for (let part = 0, parts = 1 + random.below(4); part < parts && !this.#isOver; part++) {
        order = await this.#turn.take(() => this.#write(producer, { owner, order, ends }));
        if (random.oneIn(2)) await this.#turn.take(() => this.#cut(once, ends));
        await pause(random.below(250));
      }
      await producer.close();
      // Now and then deleted at once, with everything still on its way to the files.
      if (random.oneIn(2)) await pause(random.below(600));
      await this.#turn.take(async () => {
        await dropTopic(once, this.topic);
        this.#acknowledgedBefore = this.acknowledged;
        this.#ledger = null;
      });
      if (random.oneIn(3)) await pause(random.below(300));
      cluster.close();
      once.close();
    }
  }

  /** Sends some and waits for all of it, so that nothing is on its way when the topic goes; the next order. */
  async #write(
    producer: Producer,
    { owner, order, ends }: { owner: string; order: number; ends: number[] },
  ): Promise<number> {
    const ledger = this.#ledger!, random = this.#random, sends: Promise<void>[] = [];
    const end = order + 20 + random.below(400);
    for (; order < end; order++) {
      const partition = random.below(PARTITIONS);
      const bytes = random.oneIn(200) ? 300_000 + random.below(600_000) : 40 + random.below(1500);
      const name = nameFor(owner, order);
      ledger.send(name, { partition, order, owner });
      const value = valueOf(owner, order, bytes);
      sends.push(
        producer.send({ topic: this.topic, partition, value }).then(({ offset }) => {
          ledger.acknowledge(name, offset);
          ends[partition] = Math.max(ends[partition], offset + 1);
        }, (error) => {
          if (!mayRetry(error)) this.#context.complain(`${name} was refused: ${error.message}`);
        }),
      );
      if (order % 20 === 19) await pause(1);
    }
    await Promise.all(sends);
    return order;
  }

  async #cut(cluster: Cluster, ends: readonly number[]): Promise<void> {
    const ledger = this.#ledger!, partition = this.#random.below(PARTITIONS);
    const offset = this.#random.below(ends[partition] + 1);
    if (offset === 0) return;
    ledger.deleting(partition, offset);
    try {
      const low = await new Admin(cluster).deleteRecords({ topic: this.topic, partition, offset });
      ledger.deleted(partition, low);
      this.#cuts++;
    } catch (error) {
      if (!(error instanceof ConnectionError) && !mayRetry(error)) throw error;
    }
  }
}
