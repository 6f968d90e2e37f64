/**
 * `runnel bench produce`: how fast records go into a topic, and how long each takes until it is acknowledged.
 *
 * Each connection is a producer of its own. They share one pace, one count and one tally.
 */
import type { Cluster } from "../../client/cluster.ts";
import { Producer, type ProducerOptions } from "../../client/producer.ts";
import { clientErrorLine } from "../client_error_line.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import type { Connected } from "../connected.ts";
import type { Interrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";
import { Progress } from "../progress.ts";
import { type BenchTopic, onTopicOf } from "./bench_topic.ts";
import { type Limits, limitsOf, shareDone } from "./limits.ts";
import { Load } from "./load.ts";
import { payloads } from "./payload.ts";
import { printRates, printTimes, timesJson } from "./result.ts";
import { type Sending, sendingOf } from "./sending.ts";

export const benchProduce: Run = (call) => onTopicOf(call, planOf, run);

interface Plan {
  readonly limits: Limits;
  readonly sending: Sending;
  readonly producer: ProducerOptions;
  readonly connections: number;
}

async function run(
  { another, out }: Connected,
  topic: BenchTopic,
  { limits, sending, producer, connections }: Plan,
  interrupt: Interrupt,
): Promise<number> {
  const clusters = Array.from({ length: connections }, another);
  const records = payloads(sending.payload, sending.size)
    .map((value) => ({ topic: topic.name, value }));
  let at = 0;
  const next = () => records[at = at + 1 < records.length ? at + 1 : 0];
  const load = new Load({ limits, size: sending.size, next });
  let cutting: ReturnType<typeof setTimeout> | undefined;
  interrupt.called = () => {
    load.stop();
    cutting = setTimeout(() => clusters.forEach((cluster) => cluster.close()), STOP_MS);
  };
  try {
    const producers = await Promise.all(
      clusters.map((cluster) => opened(cluster, topic, producer)),
    );
    {
      using _ = new Progress({
        share: () => shareDone(limits, load),
        told: (sinceMs) => load.tally.told(sinceMs),
      });
      await load.run(producers);
    }
  } finally {
    clearTimeout(cutting);
    for (const cluster of clusters) cluster.close();
  }
  const { tally, failure } = load;
  print(out, { topic, sending, connections, load });
  if (failure === null) return interrupt.isAsked ? INTERRUPTED : 0;
  console.error(
    `runnel: ${clientErrorLine(failure)}; ${load.failed} records failed, ${tally.records} did not`,
  );
  return interrupt.isAsked ? INTERRUPTED : 1;
}

/** With its connections made, so that they are no part of the first records' time. */
async function opened(
  cluster: Cluster,
  { name, partitions }: BenchTopic,
  options: ProducerOptions,
): Promise<Producer> {
  for (let index = 0; index < partitions; index++) {
    await cluster.retry(() => cluster.leader(name, index), { topic: name });
  }
  return new Producer(cluster, options);
}

function print(
  out: Output,
  { topic, sending, connections, load }: {
    readonly topic: BenchTopic;
    readonly sending: Sending;
    readonly connections: number;
    readonly load: Load;
  },
): void {
  const { acks, compression, idempotent } = sending.producer;
  const about = {
    bench: "produce",
    topic: topic.name,
    partitions: topic.partitions,
    size: sending.size,
    payload: sending.payload,
    acks,
    idempotent,
    compression,
    connections,
  };
  const { tally } = load;
  printRates(out, tally, {
    about,
    more: { failed: load.failed, latencyMs: timesJson(tally.times) },
  });
  if (out.isJson) return;
  out.line();
  printTimes(out, [[acks === "none" ? "written" : "acknowledged", tally.times]]);
}

function planOf(call: Call): Plan {
  const sending = sendingOf(call);
  const connections = call.whole("--connections", { min: 1, max: 1000 }) ?? 1;
  const maxBatchBytes = call.whole("--batch-bytes", { min: 1, max: 1 << 30 }) ?? 128 << 10;
  const bufferBytes = call.whole("--buffer-bytes", { min: 1, max: 1 << 30 }) ??
    Math.max(
      Math.min(BUFFER_BYTES, Math.floor(ALL_BUFFERS_BYTES / connections)),
      2 * maxBatchBytes,
    );
  return {
    limits: limitsOf(call, { defaultForMs: 10_000 }),
    sending,
    producer: {
      ...sending.producer,
      bufferBytes,
      maxBatchBytes,
      lingerMs: call.durationMs("--linger") ?? 0,
      maxInFlight: inFlightOf(call, sending),
    },
    connections,
  };
}

function inFlightOf(call: Call, { producer: { idempotent } }: Sending): number {
  const max = idempotent ? MOST_IN_FLIGHT : 1000;
  const asked = call.whole("--in-flight", { min: 1 }) ?? MOST_IN_FLIGHT;
  if (asked <= max) return asked;
  throw call.misused(
    `--in-flight ${asked}: needs 1 to ${max}${idempotent ? ", more with --idempotent no" : ""}`,
  );
}

/** As Kafka's client has it, and the most that keep their order with idempotence. */
const MOST_IN_FLIGHT = 5;
const BUFFER_BYTES = 8 << 20, ALL_BUFFERS_BYTES = 256 << 20;
/** How long what is on its way may take behind Ctrl-C. */
const STOP_MS = 3000;
const INTERRUPTED = 130;
