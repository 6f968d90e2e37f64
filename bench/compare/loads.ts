/**
 * Loads for the comparison: this project's own, far lighter than any broker, and Kafka's performance tools.
 */
import { fetch } from "../fetch.ts";
import { runProduce } from "../produce.ts";
import { withTopic } from "../topics.ts";
import { runTransactions } from "../transactions.ts";
import type { Result, Size, Target } from "../types.ts";
import { tool } from "./kafka.ts";

export interface Load {
  readonly name: string;
  /** What is counted, a second: more is better. */
  readonly unit: string;
  /** Whether it takes a given time, and not a given amount of work. */
  readonly isTimed: boolean;
  /** How many of those a second. */
  run(target: Target, size: Size): Promise<number>;
}

export function loads(libs: string): Load[] {
  return [
    {
      name: "4 connections × 5 in flight × 16 KiB",
      unit: "MB/s",
      isTimed: true,
      run: async (target, size) =>
        megabytes(
          await runProduce(target, size, {
            connections: 4,
            inFlight: 5,
            records: 16,
            valueBytes: 1024,
          }),
        ),
    },
    {
      name: "50 connections × one record of 100 B",
      unit: "requests/s",
      isTimed: true,
      run: async (target, size) => {
        const load = { connections: 50, inFlight: 1, records: 1, valueBytes: 100 };
        const { requests, seconds } = await runProduce(target, size, load);
        return requests / seconds;
      },
    },
    {
      name: "4 connections fetch 1 MiB",
      unit: "MB/s",
      isTimed: true,
      run: async (target, size) => megabytes((await fetch.run(target, size)).at(-1)!),
    },
    ...[false, true].flatMap((withOffsets) => [
      oneRecordTransactions(
        withOffsets,
        "transactions/s",
        ({ requests, seconds }) => requests / seconds,
      ),
      // As a rate too, so that more is better: 1000 is a p50 of 1 ms.
      oneRecordTransactions(
        withOffsets,
        "transactions/s at p50",
        ({ latency }) => 1000 / latency.percentile(50),
      ),
    ]),
    javaProducer(libs, "Java producer, 1 KiB", { records: 100_000, bytes: 1024 }),
    javaProducer(libs, "Java producer, 100 B", { records: 500_000, bytes: 100 }),
    javaConsumer(libs),
  ];
}

function oneRecordTransactions(
  withOffsets: boolean,
  unit: string,
  perSecond: (whole: Result) => number,
): Load {
  return {
    name: `transactions of one record${withOffsets ? " and offsets" : ""}`,
    unit,
    isTimed: true,
    run: async (target, size) =>
      perSecond((await runTransactions(target, size, { producers: 1, withOffsets })).whole),
  };
}

const megabytes = (result: Result) => result.bytes / result.seconds / 1e6;

function javaProducer(
  libs: string,
  name: string,
  { records, bytes }: { records: number; bytes: number },
): Load {
  return {
    name,
    unit: "records/s",
    isTimed: false,
    run: (target, size) =>
      withTopic(target, 1, (topic) =>
        produceByTool(libs, target, topic, {
          records: size === "smoke" ? records / 100 : records,
          bytes,
        })),
  };
}

/** What was written just before, from the start: the start of the JVM and joining the group are left out. */
function javaConsumer(libs: string): Load {
  return {
    name: "Java consumer, 1 KiB",
    unit: "records/s",
    isTimed: false,
    run: (target, size) =>
      withTopic(target, 1, async (topic) => {
        const records = size === "smoke" ? 1000 : 200_000;
        await produceByTool(libs, target, topic, { records, bytes: 1024 });
        const printed = await tool(libs, "org.apache.kafka.tools.ConsumerPerformance", [
          "--bootstrap-server",
          target.address,
          "--topic",
          topic,
          "--num-records",
          String(records),
        ]);
        return consumedPerSecond(printed);
      }),
  };
}

async function produceByTool(
  libs: string,
  target: Target,
  topic: string,
  { records, bytes }: { records: number; bytes: number },
): Promise<number> {
  const printed = await tool(libs, "org.apache.kafka.tools.ProducerPerformance", [
    "--bootstrap-server",
    target.address,
    "--topic",
    topic,
    "--num-records",
    String(records),
    "--record-size",
    String(bytes),
    "--throughput",
    "-1",
    "--command-property",
    "acks=all",
  ]);
  return producedPerSecond(printed);
}

/** "500000 records sent, 308261.4 records/sec (29.40 MB/sec), …" in the last line. */
export function producedPerSecond(printed: string): number {
  const match = /records sent, ([\d.]+) records\/sec/.exec(printed.trim().split("\n").at(-1)!);
  if (match === null) throw new Error(`kafka-producer-perf-test printed no rate: ${printed}`);
  return Number(match[1]);
}

/** fetch.nMsg.sec is the last of the columns: start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, MB/s, records/s. */
export function consumedPerSecond(printed: string): number {
  const rate = Number(printed.trim().split("\n").at(-1)!.split(",").at(-1));
  if (!(rate > 0)) throw new Error(`kafka-consumer-perf-test printed no rate: ${printed}`);
  return rate;
}
