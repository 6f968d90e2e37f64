/**
 * CopyWorld: topics that Apache Kafka's transactional-message-copier copies while things go wrong, and what must be so
 * when they are over. Each input partition has a copier: with plain assign one of its own, in group mode whichever the
 * group gives it. A copier ends when it has copied what there was at its start, and is started again with more.
 */
import { Admin } from "../../src/client/admin.ts";
import { Producer } from "../../src/client/producer.ts";
import type { Random } from "../random.ts";
import { pause } from "../crash/victim.ts";
import { Along, BrokerView } from "./broker_view.ts";
import { type Partitions, wrongAlong, wrongCopies } from "./copies.ts";
import { Java } from "./java.ts";

export interface CopyWorldOptions {
  readonly bootstrap: string;
  /** Makes names unlike those of other worlds. */
  readonly name: string;
  readonly copiers: number;
  readonly isGroup: boolean;
  readonly random: Random;
  /** Where copiers write what they print. */
  readonly log: string;
}

export class CopyWorld {
  readonly #options: CopyWorldOptions;
  readonly #view: BrokerView;
  readonly #producer: Producer;
  readonly #input: string;
  readonly #output: string;
  readonly #copiers: (Java | null)[];
  readonly #next: number[];
  readonly #refused: string[] = [];
  #along: Along | null = null;
  #isFeeding = true;
  #isRunning = true;
  #keeping: Promise<void>[] = [];
  /** Started, and ended by themselves other than well. */
  started = 0;
  failed = 0;

  constructor(options: CopyWorldOptions) {
    this.#options = options;
    this.#view = new BrokerView(options.bootstrap);
    this.#producer = new Producer({ bootstrap: options.bootstrap }, { lingerMs: 5 });
    this.#input = `input-${options.name}`;
    this.#output = `output-${options.name}`;
    this.#copiers = Array.from({ length: options.copiers }, () => null);
    this.#next = this.#copiers.map(() => 0);
  }

  async begin(): Promise<void> {
    const admin = new Admin({ bootstrap: this.#options.bootstrap });
    await admin.createTopics([this.#input, this.#output].map((name) => ({
      name,
      partitions: this.#options.copiers,
      configs: { "segment.bytes": "1048576" },
    })));
    await admin.close();
    await Promise.all(this.#next.map((_, partition) => this.#feed(partition)));
    this.#along = new Along(this.#options.bootstrap, this.#output, this.#options.copiers);
    this.#keeping = this.#copiers.map((_, i) => this.#keep(i));
    for (const keeping of this.#keeping) keeping.catch(() => {});
  }

  /** Records that a reader has been shown. */
  get copied(): number {
    return [...this.#along?.shown.values() ?? []].reduce((sum, { length }) => sum + length, 0);
  }

  /** SIGKILL to one of the copiers that run; false when there is none. */
  async killOne(): Promise<boolean> {
    const running = this.#copiers.filter((one) => one !== null && !one.isOver);
    if (running.length === 0) return false;
    await this.#options.random.pick(running as Java[]).kill();
    return true;
  }

  /** Ends the copiers without looking. */
  async leave(): Promise<void> {
    this.#isRunning = this.#isFeeding = false;
    for (const copier of this.#copiers) await copier?.kill();
  }

  /** Lets the copiers finish, and looks. */
  async end(): Promise<{ complaints: string[]; summary: string }> {
    this.#isFeeding = false;
    const complaints: string[] = [];
    if (!await this.#areDone()) {
      complaints.push(`the copiers are not done ${DONE_LIMIT_MS / 1000} s after the last blow`);
    }
    this.#isRunning = false;
    for (const copier of this.#copiers) await copier?.kill("SIGTERM");
    await Promise.allSettled(this.#keeping);
    await this.#producer.close();
    const partitions = this.#options.copiers;
    const topics = { [this.#input]: partitions, [this.#output]: partitions };
    const settled = await this.#view.settled(topics, SETTLED_LIMIT_MS);
    complaints.push(...settled.complaints, ...this.#refused);
    const inputs = await this.#view.values(this.#input, partitions, "readUncommitted");
    const outputs = await this.#view.values(this.#output, partitions, "readCommitted");
    complaints.push(...wrongFeed(inputs, this.#next), ...wrongCopies(inputs, outputs));
    complaints.push(...await this.#wrongOffsets(inputs));
    await this.#along!.end();
    if (this.#along!.failure) complaints.push(this.#along!.failure);
    complaints.push(...wrongAlong(this.#along!.shown, outputs));
    this.#view.close();
    const count = [...inputs.values()].reduce((sum, { length }) => sum + length, 0);
    const summary =
      `${count} records, ${this.started} copiers of which ${this.failed} failed by themselves, settled in ${settled.tookMs} ms`;
    return { complaints, summary };
  }

  async #areDone(): Promise<boolean> {
    const deadlineMs = performance.now() + DONE_LIMIT_MS;
    while (performance.now() < deadlineMs) {
      const ends = await this.#view.ends(this.#input, this.#options.copiers, "readUncommitted");
      const committed = await this.#view.committed(this.#group);
      if (ends.every((end, i) => (committed.get(`${this.#input}-${i}`) ?? 0) >= end)) return true;
      await pause(500);
    }
    return false;
  }

  async #wrongOffsets(inputs: Partitions): Promise<string[]> {
    const committed = await this.#view.committed(this.#group);
    return [...inputs].flatMap(([partition, { length }]) => {
      const offset = committed.get(`${this.#input}-${partition}`);
      return offset === length
        ? []
        : [`${partition}: committed is ${offset}, the input ends at ${length}`];
    });
  }

  get #group(): string {
    return `copiers-${this.#options.name}`;
  }

  /** Keeps copier `i` running, with something to do while there are blows to come. */
  async #keep(i: number): Promise<void> {
    const { bootstrap, isGroup, random, log } = this.#options;
    while (this.#isRunning) {
      if (this.#isFeeding) await this.#feed(i);
      const copier = new Java("org.apache.kafka.tools.TransactionalMessageCopier", [
        ...["--input-topic", this.#input, "--input-partition", `${i}`],
        ...["--output-topic", this.#output, "--broker-list", bootstrap],
        ...["--consumer-group", this.#group, "--transactional-id", `${this.#options.name}-${i}`],
        ...["--transaction-size", `${5 + random.below(40)}`, "--transaction-timeout", "10000"],
        ...(random.oneIn(2) ? ["--enable-random-aborts"] : []),
        ...(isGroup ? ["--group-mode", "--use-group-metadata"] : []),
      ], { log });
      this.#copiers[i] = copier;
      this.started++;
      const watch = isGroup ? this.#feedWhile(copier, i) : Promise.resolve();
      const { code, signal } = await copier.ended;
      await watch;
      // By a signal it was killed here; 143 and the like are a JVM that was told to stop.
      if (code !== 0 && signal === null && code < 128) {
        this.failed++;
        await pause(200);
      }
    }
  }

  /** A copier in a group goes on until it is stopped. */
  async #feedWhile(copier: Java, i: number): Promise<void> {
    while (!copier.isOver && this.#isFeeding) {
      await this.#feed(i, 200);
      await Promise.race([pause(250), copier.ended]);
    }
  }

  /** More of one partition, unless there is much that is not copied yet. */
  async #feed(partition: number, count = FEED): Promise<void> {
    const copied = this.#along?.shown.get(partition)?.length ?? 0;
    if (this.#next[partition] - copied > 2 * FEED) return;
    const sends = Array.from({ length: count }, () => {
      const value = `${partition}:${this.#next[partition]++}`;
      return this.#producer.send({ topic: this.#input, partition, value });
    });
    for (const result of await Promise.allSettled(sends)) {
      if (result.status === "rejected") this.#refused.push(`the feed: ${result.reason}`);
    }
  }
}

/** Whether the input is what was sent: it is not what is tested here, but must be there. */
function wrongFeed(inputs: Partitions, sent: readonly number[]): string[] {
  return sent.flatMap((count, partition) => {
    const input = inputs.get(partition) ?? [];
    const at = input.findIndex((value, i) => value !== `${partition}:${i}`);
    if (at >= 0) return [`${partition}: the input has ${input[at]} as ${at}`];
    return input.length === count
      ? []
      : [`${partition}: the input has ${input.length} of ${count}`];
  });
}

/** Records that a copier is given at each start. */
const FEED = 1500;
const DONE_LIMIT_MS = 180_000, SETTLED_LIMIT_MS = 60_000;
