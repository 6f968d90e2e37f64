/**
 * World: everything outside the broker that sends, reads and remembers while it is killed. One world lasts for a chapter of
 * a campaign; its topics have names of their own, so that the next begins with empty ones.
 *
 * | load | what it is for |
 * |---|---|
 * | once, all, leader | many small records over many partitions: rounds of the journal that serve many, rolls by time |
 * | long | records of 300 to 900 KB in small segments: writes through the thread pool, with rolls between them |
 * | flood | so much over so many partitions that the journal turns; now and then only |
 * | keys | few keys in a compacted topic, written and deleted over and over |
 * | reborn | topics deleted and made again under one name, with DeleteRecords before |
 * | commits | offsets of groups |
 */
import { Consumer } from "../../src/client/consumer.ts";
import { Cluster } from "../../src/client/cluster.ts";
import type { Random } from "../random.ts";
import { CommitLoad } from "./commit_load.ts";
import { nameOf } from "./content.ts";
import type { JournalTurns } from "./journal_turns.ts";
import { KeyedLoad } from "./keyed_load.ts";
import { dropTopic, impatient, type Load, type LoadContext } from "./load.ts";
import { RebornLoad } from "./reborn_load.ts";
import { StreamLoad, type StreamOptions } from "./stream_load.ts";
import { pause } from "./victim.ts";

export interface WorldOptions {
  readonly bootstrap: string;
  readonly seed: number;
  readonly chapter: number;
  readonly turns: JournalTurns;
  /** Whether an acks=1 record must survive: kill -9 yes, power loss no. */
  readonly isLeaderAckKept: boolean;
  /** Names from the table above; null for all. */
  readonly only: readonly string[] | null;
}

/** How a world spends the time until the next blow. */
export type Mood = "usual" | "short" | "flood";

export class World {
  readonly #options: WorldOptions;
  readonly #loads: Load[] = [];
  readonly #streams: readonly StreamLoad[];
  readonly #complaints: string[] = [];
  readonly #flood: StreamLoad | null;
  #reader: Reader | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    const suffix = `.${options.chapter}`;
    const context = (i: number): LoadContext => ({
      bootstrap: options.bootstrap,
      seed: options.seed * 31 + i,
      complain: (complaint) => this.#complaints.push(complaint),
    });
    const streams = streamsOf(suffix, options.isLeaderAckKept).map((stream, i) =>
      new StreamLoad(context(i), stream)
    );
    const loads: Record<string, readonly Load[]> = {
      ...Object.fromEntries(streams.map((load) => [load.topic.slice(0, -suffix.length), [load]])),
      keys: [new KeyedLoad(context(10), `keys${suffix}`)],
      reborn: ["reborn", "again"].map((name, i) =>
        new RebornLoad(context(11 + i), `${name}${suffix}`)
      ),
      commits: [new CommitLoad(context(13), `once${suffix}`)],
    };
    for (const name of options.only ?? Object.keys(loads)) {
      if (!Object.hasOwn(loads, name)) {
        throw new Error(`Load ${name}: needed are some of ${Object.keys(loads).join(", ")}`);
      }
      this.#loads.push(...loads[name]);
    }
    this.#streams = streams.filter((load) => this.#loads.includes(load));
    this.#flood = this.#streams.find(({ topic }) => topic === `flood${suffix}`) ?? null;
  }

  /** Makes the topics and begins to send. */
  async begin(): Promise<void> {
    for (const load of this.#loads) await load.begin();
    this.#reader = new Reader(
      this.#options.bootstrap,
      this.#streams.filter(({ isReadAlong }) => isReadAlong),
    );
  }

  /** Things that the broker has said yes to. */
  get acknowledged(): number {
    return this.#loads.reduce((sum, load) => sum + load.acknowledged, 0);
  }

  /** Whether there can be a flood. */
  get hasFlood(): boolean {
    return this.#flood !== null;
  }

  /** Lives for so long, or in a flood until the journal has turned. */
  async live(mood: Mood, random: Random): Promise<void> {
    const { turns } = this.#options;
    if (mood === "short") return await pause(random.next() * 300);
    await this.#untilServed();
    const before = turns.count, beganMs = performance.now();
    const lastMs = mood === "flood" ? FLOOD_MS : 200 + random.next() * 1800;
    if (mood === "flood") this.#flood?.resume();
    while (performance.now() - beganMs < lastMs && (mood !== "flood" || turns.count === before)) {
      await pause(20);
      turns.look();
    }
    if (mood === "flood") await pause(random.next() * 400);
    turns.look();
  }

  /** No blow is a test of anything while nothing is acknowledged. */
  async #untilServed(): Promise<void> {
    const before = this.#loads.map(({ acknowledged }) => acknowledged);
    const deadlineMs = performance.now() + SERVED_LIMIT_MS;
    const isWaiting = (load: Load, i: number) =>
      load !== this.#flood && load.acknowledged === before[i];
    while (this.#loads.some(isWaiting)) {
      await pause(20);
      if (performance.now() < deadlineMs) continue;
      const names = this.#loads.filter(isWaiting).map(({ topic }) => topic);
      this.#complaints.push(
        `nothing of ${names} is acknowledged ${SERVED_LIMIT_MS / 1000} s after a start`,
      );
      return;
    }
  }

  /** The blow has fallen. */
  struck(): void {
    this.#flood?.pause();
  }

  /** What is wrong, after a start; every complaint is made once. */
  async judge(): Promise<string[]> {
    // Otherwise there is more to read, the longer reading takes.
    const rest = (isResting: boolean) => {
      for (const load of this.#loads) if (load.isResting !== undefined) load.isResting = isResting;
    };
    rest(true);
    for (const load of this.#loads) this.#complaints.push(...await load.judge());
    rest(false);
    this.#complaints.push(...this.#reader?.complaints.splice(0) ?? []);
    return this.#complaints.splice(0);
  }

  /** Something is wrong already: ends the loads without looking again. What is sent still may be answered. */
  leave(): void {
    for (const load of this.#loads) load.end().catch(() => {});
    this.#reader?.end().catch(() => {});
  }

  /** Ends all loads, looks at everything once more, and deletes the topics. */
  async end(): Promise<{ complaints: string[]; summary: string }> {
    for (const load of this.#loads) await load.end();
    await this.#reader?.end();
    const complaints = await this.judge();
    const cluster = impatient(this.#options.bootstrap);
    for (const { topic } of this.#loads) await dropTopic(cluster, topic);
    cluster.close();
    return { complaints, summary: this.#loads.map((load) => load.summary()).join("; ") };
  }
}

function streamsOf(suffix: string, isLeaderAckKept: boolean): StreamOptions[] {
  const many = { records: 400, bytes: 8 << 20 };
  const small = (random: Random) => random.below(700);
  const mixed = (random: Random) =>
    random.oneIn(4) ? random.below(2000) : 300_000 + random.below(600_000);
  const once = { acks: "all", idempotent: true } as const;
  return [
    {
      topic: `once${suffix}`,
      partitions: 24,
      configs: { "segment.bytes": "1048576" },
      producer: once,
      valueBytes: small,
      isReadAlong: true,
      maxOutstanding: many,
      bytesPerMs: 1500,
    },
    {
      topic: `all${suffix}`,
      partitions: 6,
      configs: { "segment.bytes": "1048576", "segment.ms": "700" },
      producer: { acks: "all", idempotent: false },
      valueBytes: small,
      isReadAlong: true,
      maxOutstanding: many,
      bytesPerMs: 1500,
    },
    {
      topic: `leader${suffix}`,
      partitions: 6,
      configs: { "segment.bytes": "1048576" },
      producer: { acks: "leader", idempotent: false },
      valueBytes: (random) => random.oneIn(40) ? 20_000 : random.below(700),
      maxOutstanding: many,
      bytesPerMs: 1500,
      isAcknowledgedKept: isLeaderAckKept,
      isReadAlong: true,
    },
    {
      topic: `long${suffix}`,
      partitions: 3,
      configs: { "segment.bytes": "1048576" },
      producer: once,
      valueBytes: mixed,
      maxOutstanding: { records: 40, bytes: 12 << 20 },
      bytesPerMs: 8000,
    },
    {
      topic: `flood${suffix}`,
      partitions: 40,
      configs: { "segment.bytes": "4194304" },
      producer: once,
      valueBytes: (random) => 40_000 + random.below(100_000),
      maxOutstanding: { records: 200, bytes: 12 << 20 },
      bytesPerMs: 40_000,
      isPaused: true,
    },
  ];
}

/** Reads along and notes what it is shown. */
class Reader {
  readonly complaints: string[] = [];
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(bootstrap: string, loads: readonly StreamLoad[]) {
    this.#running = this.#run(bootstrap, loads).catch((error) => {
      this.complaints.push(`the reader ended: ${error.message}`);
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(bootstrap: string, loads: readonly StreamLoad[]): Promise<void> {
    const ledgers = new Map(loads.map((load) => [load.topic, load.ledger]));
    const cluster = new Cluster({ bootstrap });
    const consumer = new Consumer(cluster, { autoOffsetReset: "earliest", fetchMaxWaitMs: 50 });
    const partitions = await Promise.all(loads.map(async ({ topic }) => {
      const { partitions } = await cluster.retry(() => cluster.topic(topic), { topic });
      return partitions.map(({ index }) => ({ topic, partition: index }));
    }));
    consumer.assign(partitions.flat());
    while (!this.#isOver) {
      const records = await consumer.poll(100).catch(() => []);
      for (const { topic, partition, offset, value } of records) {
        const wrong = ledgers.get(topic)!.show({ partition, offset, value: nameOf(value!) });
        if (wrong !== null) this.complaints.push(`${topic}: ${wrong}`);
      }
    }
    consumer.close();
    cluster.close();
  }
}

/** At most: a flood ends when the journal has turned. */
const FLOOD_MS = 60_000, SERVED_LIMIT_MS = 60_000;
