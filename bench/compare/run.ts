/**
 * Compares Runnel with Apache Kafka on this machine: `deno task bench:compare [--rounds 3] [--size smoke|full] [load…]`.
 *
 * Kafka runs twice, as it comes (page cache) against Runnel's `flush = "os"`, and with
 * `log.flush.interval.messages=1` against Runnel's default. All four are started first and take turns load by load,
 * round by round; whoever is not at turn is stopped with SIGSTOP. The table has medians and ranges, the broker's
 * CPU in the same time, and Runnel's ratio to Kafka. `load…` picks loads whose names contain one of the words.
 */
import { parseArgs } from "@std/cli/parse-args";
import { median } from "../diff.ts";
import { heading, markdown } from "../report.ts";
import { parseSize } from "../run.ts";
import { spawnBroker, type SpawnedBroker } from "../targets.ts";
import type { Size } from "../types.ts";
import { installKafka, KAFKA_VERSION, spawnKafka } from "./kafka.ts";
import { type Load, loads } from "./loads.ts";

/** One load on one broker: a figure a round. */
export interface Sample {
  readonly perSecond: number[];
  /** ms of the broker's CPU in each round. */
  readonly cpuMs: number[];
}

/** Pairs that are compared: the first of each is Kafka. */
const SUBJECTS = ["Kafka", "Runnel os", "Kafka fsync", "Runnel fsync"] as const;
type Subject = typeof SUBJECTS[number];

export type Samples = Record<Subject, Sample>;

async function start(libs: string): Promise<Record<Subject, SpawnedBroker>> {
  const kafka = (port: number, properties = {}) => spawnKafka(libs, { port, properties });
  const started: [Subject, SpawnedBroker][] = [];
  try {
    for (
      const [name, spawn] of [
        ["Kafka", () => kafka(KAFKA_PORT)],
        ["Kafka fsync", () => kafka(KAFKA_PORT + 2, { "log.flush.interval.messages": 1 })],
        ["Runnel os", () => spawnBroker("os")],
        ["Runnel fsync", () => spawnBroker("fsync")],
      ] as [Subject, () => Promise<SpawnedBroker>][]
    ) {
      const broker = await spawn();
      broker.child.kill("SIGSTOP");
      started.push([name, broker]);
    }
  } catch (error) {
    for (const [, broker] of started) await end(broker);
    throw error;
  }
  return Object.fromEntries(started) as Record<Subject, SpawnedBroker>;
}

const KAFKA_PORT = 29_392;

async function end(broker: SpawnedBroker): Promise<void> {
  broker.child.kill("SIGCONT");
  await broker.stop();
}

async function turn(broker: SpawnedBroker, load: Load, size: Size, sample: Sample): Promise<void> {
  broker.child.kill("SIGCONT");
  try {
    const before = await broker.usage();
    sample.perSecond.push(await load.run(broker, size));
    sample.cpuMs.push((await broker.usage()).cpuMs - before.cpuMs);
  } finally {
    broker.child.kill("SIGSTOP");
  }
}

/** One row a load and pair. */
export function compareTable(results: readonly [Load, Samples][]): string {
  const header = ["load", "flush", "Kafka", "Runnel", "ratio", "CPU ratio for the same work"];
  const rows = results.flatMap(([load, samples]) =>
    ([["os", "Kafka", "Runnel os"], ["fsync", "Kafka fsync", "Runnel fsync"]] as const).map(
      ([flush, kafka, runnel]) => {
        const [theirs, ours] = [samples[kafka], samples[runnel]];
        const ratio = median(ours.perSecond) / median(theirs.perSecond);
        const cpu = median(cpuFor(load, ours)) / median(cpuFor(load, theirs));
        return [
          `${load.name}, ${load.unit}`,
          flush,
          spread(theirs.perSecond),
          spread(ours.perSecond),
          `${ratio.toFixed(2)}×`,
          `${cpu.toFixed(2)}×`,
        ];
      },
    )
  );
  return markdown(header, rows, { texts: 2 });
}

/** CPU for the same work: a load that takes a given time does more of it the faster it is. */
function cpuFor(load: Load, { perSecond, cpuMs }: Sample): number[] {
  return load.isTimed ? cpuMs.map((ms, i) => ms / perSecond[i]) : cpuMs;
}

function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.round);
  return `${Math.round(median(values))} (${low}–${high})`;
}

const newSample = (): Sample => ({ perSecond: [], cpuMs: [] });

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size", "rounds"] });
  const size = parseSize(String(args.size ?? "full")), rounds = Number(args.rounds ?? 3);
  if (!(rounds >= 1 && rounds <= 100)) {
    throw new Error(`--rounds ${args.rounds}: needed is 1 to 100`);
  }
  const words: string[] = args._.map(String);
  const libs = await installKafka();
  const chosen = loads(libs).filter(({ name }) =>
    words.length === 0 || words.some((word) => name.includes(word))
  );
  if (chosen.length === 0) throw new Error(`No load has "${words.join('" or "')}" in its name`);
  const brokers = await start(libs);
  const results: [Load, Samples][] = chosen.map((load) => [
    load,
    {
      "Kafka": newSample(),
      "Runnel os": newSample(),
      "Kafka fsync": newSample(),
      "Runnel fsync": newSample(),
    },
  ]);
  try {
    for (let round = 0; round < rounds; round++) {
      for (const [load, samples] of results) {
        const order = round % 2 === 0 ? SUBJECTS : SUBJECTS.toReversed();
        for (const name of order) await turn(brokers[name], load, size, samples[name]);
      }
    }
  } finally {
    for (const broker of Object.values(brokers)) await end(broker);
  }
  console.log(heading(`deno task bench:compare ${Deno.args.join(" ")}`.trim()));
  console.log(`Apache Kafka ${KAFKA_VERSION}, ${rounds} rounds\n`);
  console.log(compareTable(results));
}
