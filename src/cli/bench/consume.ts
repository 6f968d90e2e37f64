/** `runnel bench consume`: how fast records come out of a topic. Each connection reads partitions of its own. */
import { ConfigError } from "../../config/load.ts";
import type { Run } from "../command.ts";
import { type Connected, connected } from "../connected.ts";
import { type PlannedPartition, plannedPartitions } from "../consume/plan.ts";
import { Interrupt } from "../interrupt.ts";
import { Progress } from "../progress.ts";
import { type Consuming, consumingOf } from "./consuming.ts";
import { type Limits, shareDone } from "./limits.ts";
import { Reader } from "./reader.ts";
import { printRates, printTimes, timesJson } from "./result.ts";
import { Tally } from "./tally.ts";

export const benchConsume: Run = (call) => {
  const [topic] = call.words, plan = consumingOf(call);
  return connected(call, async (connected) => {
    using interrupt = new Interrupt();
    const planned = await plannedPartitions(connected.cluster, {
      topics: [topic],
      partitions: plan.partitions,
      ranges: { all: { from: { kind: plan.from }, to: null }, byPartition: new Map() },
      isFollowing: plan.from === "end",
      isolation: "readUncommitted",
    });
    if (plan.connections > planned.length) {
      throw new ConfigError(
        `--connections ${plan.connections}: ${topic} has ${planned.length} partitions to read, and each has one reader`,
      );
    }
    return await run(connected, { ...plan, topic, planned, interrupt });
  });
};

async function run(
  { another, out }: Connected,
  { limits, sizes, connections, topic, planned, interrupt }: Consuming & {
    readonly topic: string;
    readonly planned: readonly PlannedPartition[];
    readonly interrupt: Interrupt;
  },
): Promise<number> {
  const clusters = Array.from({ length: connections }, another), tally = new Tally();
  const reading = new Reading(limits, tally);
  interrupt.called = () => reading.stop(() => clusters.forEach((cluster) => cluster.close()));
  const readers = clusters.map((cluster, i) =>
    new Reader(cluster, planned.filter((_, at) => at % connections === i), {
      sizes,
      isOver: () => reading.isOver(),
      onFetched: ({ records, bytes, tookMs }) => {
        tally.add(bytes, records);
        tally.time(tookMs);
        tally.touch();
      },
    })
  );
  const total = planned.reduce((sum, { from, until }) => sum + (until ?? Infinity) - from, 0);
  try {
    using _ = new Progress({
      share: () => Math.max(shareDone(limits, reading), tally.records / total),
      told: (sinceMs) => tally.told(sinceMs),
    });
    reading.begin();
    await Promise.all(readers.map((reader) => reader.run()));
  } catch (error) {
    if (!interrupt.isAsked) throw error;
  } finally {
    reading.end();
    for (const cluster of clusters) cluster.close();
  }
  const partitions = planned.length, about = { bench: "consume", topic, partitions, connections };
  printRates(out, tally, {
    about,
    more: { fetches: tally.times.count, fetchMs: timesJson(tally.times) },
  });
  if (!out.isJson) {
    out.line();
    printTimes(out, [["a fetch", tally.times]]);
  }
  return interrupt.isAsked ? INTERRUPTED : 0;
}

/** Until when it goes on. */
class Reading {
  #startMs = 0;
  #isCounting = false;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly limits: Limits, readonly tally: Tally) {}

  get records(): number {
    return this.#isCounting ? this.tally.records : 0;
  }

  get elapsedMs(): number {
    return this.#isCounting ? performance.now() - this.#startMs : 0;
  }

  begin(): void {
    this.#begin(this.limits.warmUpMs === 0);
  }

  isOver(): boolean {
    if (!this.#isCounting && performance.now() - this.#startMs >= this.limits.warmUpMs) {
      this.#begin(true);
    }
    if (!this.#isCounting) return this.#isStopped;
    return this.#isStopped || this.elapsedMs >= this.limits.forMs ||
      this.tally.records >= this.limits.count;
  }

  /** No more fetches; those on their way have a moment. */
  stop(cut: () => void): void {
    this.#isStopped = true;
    this.#timer = setTimeout(cut, STOP_MS);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #begin(isCounting: boolean): void {
    this.#startMs = performance.now();
    this.#isCounting = isCounting;
    this.tally.begin();
  }
}

const STOP_MS = 1000;
const INTERRUPTED = 130;
