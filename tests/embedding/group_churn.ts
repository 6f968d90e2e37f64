/**
 * Churn: a group whose members come, leave, crash, and whose broker is restarted, at random, while records are produced;
 * and the ledger of it: a record is done when the commit behind it has succeeded, once.
 */
import { assert, assertEquals } from "@std/assert";
import {
  Admin,
  Broker,
  type BrokerOptions,
  Cluster,
  ConnectionError,
  Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  KafkaError,
  Producer,
} from "../../src/mod.ts";
import { SeededRandom } from "../../src/testing/seeded_random.ts";

export interface ChurnOptions {
  readonly seed: number;
  readonly changes: number;
  readonly consumer: ConsumerOptions;
}

export interface ChurnResult {
  readonly produced: number;
  /** Read by a member and again by another, since the first could not commit. */
  readonly readAgain: number;
  /** Commits that failed, by their error. */
  readonly failedCommits: Readonly<Record<string, number>>;
  /** Whose commit may or may not have happened: its member was put out meanwhile. */
  readonly uncertain: number;
  readonly joins: number;
  readonly leaves: number;
  readonly crashes: number;
  readonly restarts: number;
}

/** Throws an Error when a record is done twice or never, or is read again after it was done. */
export async function churn({ seed, changes, consumer }: ChurnOptions): Promise<ChurnResult> {
  const random = new SeededRandom(seed), path = await Deno.makeTempDir();
  const options: BrokerOptions = { storage: { path }, groups: QUICK };
  let broker = await Broker.start(options);
  const port = Number(broker.address.split(":")[1]);
  const cluster = new Cluster({ bootstrap: broker.address, metadataMaxAgeMs: 1000 });
  const ledger = new Ledger(), members: Member[] = [];
  const count = { joins: 0, leaves: 0, crashes: 0, restarts: 0 };
  const join = () => {
    count.joins++;
    members.push(new Member(cluster, consumer, ledger, random.oneIn(2)));
  };
  let load: Load | null = null;
  try {
    await new Admin(cluster).createTopics([{ name: TOPIC, partitions: PARTITIONS }]);
    load = new Load(cluster);
    for (let i = 0; i < MEMBERS; i++) join();
    for (let change = 0; change < changes; change++) {
      await pause(random.below(600));
      for (const member of members) member.throwFailure();
      if (random.oneIn(4)) {
        count.restarts++;
        await broker.stop();
        await pause(random.below(200));
        broker = await Broker.start({ ...options, kafkaPort: port });
      } else if (members.length < MEMBERS && (members.length === 0 || random.oneIn(2))) join();
      else {
        const [member] = members.splice(random.below(members.length), 1);
        if (random.oneIn(3)) {
          count.crashes++;
          await member.crash();
        } else {
          count.leaves++;
          await member.leave();
        }
      }
    }
    while (members.length < MEMBERS) join();
    const produced = await load.sendLast();
    await ledger.isWhole(produced, () => {
      for (const member of members) member.throwFailure();
    });
    for (const member of members.splice(0)) await member.leave();
    await assertCommitted(cluster, produced);
    return {
      produced: ledger.done,
      readAgain: ledger.readAgain,
      failedCommits: ledger.failedCommits,
      uncertain: ledger.uncertain,
      ...count,
    };
  } finally {
    await load?.stop();
    for (const member of members) await member.crash();
    cluster.close();
    await broker.stop();
    await Deno.remove(path, { recursive: true });
  }
}

const TOPIC = "t", PARTITIONS = 8, MEMBERS = 4;
/** The value of records after which a loop commits at once. */
const LAST = "last";
const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Groups that notice everything soon. */
const QUICK = {
  initialRebalanceDelayMs: 0,
  minSessionTimeoutMs: 500,
  consumerMinSessionTimeoutMs: 500,
  consumerSessionTimeoutMs: 2000,
  consumerMinHeartbeatIntervalMs: 50,
  consumerHeartbeatIntervalMs: 100,
  consumerAssignmentIntervalMs: 0,
};

/** Records without end, each partition's in a row. */
class Load {
  readonly #producer: Producer;
  readonly #loop: Promise<void>;
  readonly #ends: number[] = Array.from({ length: PARTITIONS }, () => 0);
  #isStopped = false;

  constructor(cluster: Cluster) {
    this.#producer = new Producer(cluster);
    this.#loop = this.#run();
    this.#loop.catch(() => {}); // stop() tells
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    await this.#producer.close();
  }

  /** One more to each partition, behind which everything is committed; resolves with the end of each. */
  async sendLast(): Promise<readonly number[]> {
    this.#isStopped = true;
    await this.#loop;
    await this.#round(LAST);
    return this.#ends;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#round("x");
      await pause(2);
    }
  }

  async #round(value: string): Promise<void> {
    await Promise.all(this.#ends.map(async (_, partition) => {
      const { offset } = await this.#producer.send({ topic: TOPIC, partition, value });
      this.#ends[partition] = Math.max(this.#ends[partition], offset + 1);
    }));
  }
}

class Ledger {
  readonly #done = Array.from({ length: PARTITIONS }, () => new Map<number, number>());
  readonly #ends = Array.from({ length: PARTITIONS }, () => 0);
  readonly #read = Array.from({ length: PARTITIONS }, () => new Set<number>());
  readonly #uncertain = Array.from({ length: PARTITIONS }, () => new Set<number>());
  readAgain = 0;
  readonly failedCommits: Record<string, number> = {};

  get done(): number {
    return this.#done.reduce((sum, done) => sum + done.size, 0);
  }

  get uncertain(): number {
    return this.#uncertain.reduce(
      (sum, some, partition) =>
        sum + [...some].filter((offset) => !this.#done[partition].has(offset)).length,
      0,
    );
  }

  wasRead({ partition, offset }: ConsumerRecord, by: string): void {
    assert(
      offset >= this.#ends[partition],
      `${by} reads ${TOPIC}-${partition} at ${offset} after ${this.#ends[partition]} was committed`,
    );
    if (this.#read[partition].has(offset)) this.readAgain++;
    this.#read[partition].add(offset);
  }

  isDone(records: readonly ConsumerRecord[]): void {
    for (const { partition, offset } of records) {
      const times = (this.#done[partition].get(offset) ?? 0) + 1;
      this.#done[partition].set(offset, times);
      assertEquals(times, 1, `${TOPIC}-${partition} at ${offset} is done twice`);
      this.#ends[partition] = Math.max(this.#ends[partition], offset + 1);
    }
  }

  /** A commit failed that may have happened. */
  mayBeDone(records: readonly ConsumerRecord[], error: Error): void {
    const name = error instanceof KafkaError ? error.kafkaName : error.name;
    this.failedCommits[name] = (this.failedCommits[name] ?? 0) + 1;
    for (const { partition, offset } of records) this.#uncertain[partition].add(offset);
  }

  /** Waits until everything is done. */
  async isWhole(ends: readonly number[], look: () => void): Promise<void> {
    const deadlineMs = performance.now() + 60_000;
    const missing = () =>
      ends.flatMap((end, partition) =>
        Array.from({ length: end }, (_, offset) => offset)
          .filter((offset) =>
            !this.#done[partition].has(offset) && !this.#uncertain[partition].has(offset)
          )
          .map((offset) => `${partition}-${offset}`)
      );
    while (missing().length > 0) {
      look();
      const some = missing().slice(0, 5).join(", ");
      assert(performance.now() < deadlineMs, `never done: ${missing().length}, as ${some}`);
      await pause(50);
    }
  }
}

let made = 0;

/** Reads and commits until it is told to go: by poll(), or in a loop over records. */
class Member {
  readonly name = `member ${++made}`;
  readonly #consumer: Consumer;
  readonly #ledger: Ledger;
  readonly #loop: Promise<void>;
  /** Read, and not committed. */
  #open: ConsumerRecord[] = [];
  #isLeaving = false;
  #failure: { error: unknown } | null = null;

  constructor(cluster: Cluster, options: ConsumerOptions, ledger: Ledger, isLoop: boolean) {
    this.#ledger = ledger;
    this.#consumer = new Consumer(cluster, {
      groupId: "g",
      autoOffsetReset: "earliest",
      enableAutoCommit: false,
      fetchMaxWaitMs: 50,
      sessionTimeoutMs: 2000,
      heartbeatIntervalMs: 100,
      ...options,
    });
    this.#consumer.subscribe(TOPIC, {
      onPartitionsRevoked: async (partitions) => {
        await this.#commit();
        this.#forget(partitions);
      },
      onPartitionsLost: (partitions) => this.#forget(partitions),
    });
    this.#loop = (isLoop ? this.#iterate() : this.#poll()).catch((error) => {
      if (!this.#isLeaving) this.#failure = { error };
    });
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#consumer.wakeup();
    await this.#loop;
    this.throwFailure();
    await this.#commit();
    await this.#consumer.close();
  }

  async crash(): Promise<void> {
    this.#isLeaving = true;
    this.#consumer[Symbol.dispose]();
    await this.#loop;
  }

  async #poll(): Promise<void> {
    while (!this.#isLeaving) {
      const records = await this.#consumer.poll(100);
      for (const record of records) this.#note(record);
      if (records.length > 0) await this.#commit();
    }
  }

  async #iterate(): Promise<void> {
    for await (const record of this.#consumer) {
      this.#note(record);
      if (this.#open.length >= 50 || text(record.value) === LAST) await this.#commit();
      if (this.#isLeaving) return;
    }
  }

  #note(record: ConsumerRecord): void {
    this.#ledger.wasRead(record, this.name);
    this.#open.push(record);
  }

  async #commit(): Promise<void> {
    const records = this.#open;
    try {
      await this.#consumer.commit(records);
    } catch (error) {
      if (!(error instanceof KafkaError || error instanceof ConnectionError)) {
        if (this.#isLeaving) return; // it crashed
        throw error;
      }
      this.#ledger.mayBeDone(records, error);
      return;
    }
    this.#ledger.isDone(records);
    this.#open = this.#open.slice(records.length);
  }

  #forget(partitions: readonly { readonly partition: number }[]): void {
    const gone = new Set(partitions.map(({ partition }) => partition));
    this.#open = this.#open.filter(({ partition }) => !gone.has(partition));
  }
}

async function assertCommitted(cluster: Cluster, ends: readonly number[]): Promise<void> {
  await using consumer = new Consumer(cluster, { groupId: "g", enableAutoCommit: false });
  const partitions = ends.map((_, partition) => ({ topic: TOPIC, partition }));
  const committed = await consumer.committed(partitions);
  assertEquals(committed.map((one) => one?.offset ?? 0), [...ends]);
}
