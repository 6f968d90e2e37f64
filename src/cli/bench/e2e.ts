/**
 * `runnel bench e2e`: how long records take from a producer to a consumer, at a rate. Both are in this process, so there
 * is one clock. The consumer reads from where the topic ends, and knows what is its own.
 */
import { Consumer } from "../../client/consumer.ts";
import { listOffsets } from "../../client/list_offsets.ts";
import { Producer } from "../../client/producer.ts";
import { clientErrorLine } from "../client_error_line.ts";
import type { Call } from "../call.ts";
import type { Run } from "../command.ts";
import type { Connected } from "../connected.ts";
import type { Interrupt } from "../interrupt.ts";
import { Progress } from "../progress.ts";
import { type BenchTopic, onTopicOf } from "./bench_topic.ts";
import { Histogram } from "./histogram.ts";
import { type Limits, limitsOf, shareDone } from "./limits.ts";
import { Load } from "./load.ts";
import { MARK_BYTES, Marks } from "./marked.ts";
import { payloads } from "./payload.ts";
import { printRates, printTimes, timesJson } from "./result.ts";
import { type Sending, sendingOf } from "./sending.ts";

export const benchE2e: Run = (call) => onTopicOf(call, planOf, run);

interface Plan {
  readonly limits: Limits;
  readonly sending: Sending;
  readonly lingerMs: number;
}

async function run(
  { another, out }: Connected,
  topic: BenchTopic,
  { limits, sending, lingerMs }: Plan,
  interrupt: Interrupt,
): Promise<number> {
  const cluster = another();
  using _closing = { [Symbol.dispose]: () => cluster.close() };
  const arrivals = new Arrivals(payloads(sending.payload, sending.size), topic.name);
  const load = new Load({
    limits,
    size: sending.size,
    next: (fromMs) => arrivals.next(fromMs),
    mayMore: () => arrivals.outstanding < MOST_OUTSTANDING,
    onCounting: () => arrivals.begin(),
  });
  let cutting: ReturnType<typeof setTimeout> | undefined;
  interrupt.called = () => {
    load.stop();
    cutting = setTimeout(() => cluster.close(), STOP_MS);
  };
  using _cutting = { [Symbol.dispose]: () => clearTimeout(cutting) };
  using consumer = new Consumer(cluster, { autoOffsetReset: "none" });
  await seekToEnds(consumer, cluster, topic);
  const reading = readAll(consumer, arrivals, () => load.stop());
  {
    using _ = new Progress({
      share: () => shareDone(limits, load),
      told: (sinceMs) => load.tally.told(sinceMs),
    });
    await load.run([new Producer(cluster, { ...sending.producer, lingerMs })]);
    await arrivals.rest(interrupt);
  }
  arrivals.isEnded = true;
  const failure = load.failure ?? await reading;
  const { tally } = load, { times, outstanding: lost, strangers } = arrivals;
  const { name, partitions } = topic, { size } = sending, { acks, compression } = sending.producer;
  printRates(out, tally, {
    about: { bench: "e2e", topic: name, partitions, size, acks, compression, rate: limits.rate },
    more: {
      failed: load.failed,
      lost,
      strangers,
      acknowledgedMs: timesJson(tally.times),
      consumedMs: timesJson(times),
    },
  });
  if (!out.isJson) {
    out.line();
    printTimes(out, [["acknowledged", tally.times], ["consumed", times]]);
  }
  if (failure !== null) {
    console.error(`runnel: ${clientErrorLine(failure)}; ${load.failed} records failed`);
    return interrupt.isAsked ? INTERRUPTED : 1;
  }
  if (interrupt.isAsked) return INTERRUPTED;
  if (lost === 0) return 0;
  console.error(`runnel: ${lost} records were sent and did not arrive, for ${REST_MS / 1000} s`);
  return 1;
}

async function seekToEnds(
  consumer: Consumer,
  cluster: Parameters<typeof listOffsets>[0],
  { name, partitions }: BenchTopic,
): Promise<void> {
  const asked = Array.from({ length: partitions }, (_, partition) => ({
    topic: name,
    partition,
    at: "latest" as const,
  }));
  consumer.assign(asked);
  for (const { partition, offset } of await listOffsets(cluster, asked)) {
    consumer.seek({ topic: name, partition }, offset);
  }
}

/** Resolves when it is over, with what ended it before that. */
async function readAll(
  consumer: Consumer,
  arrivals: Arrivals,
  onFailed: () => void,
): Promise<Error | null> {
  try {
    while (!arrivals.isEnded) {
      for (const { value } of await consumer.poll(POLL_MS)) arrivals.arrived(value);
    }
    return null;
  } catch (error) {
    arrivals.isEnded = true;
    onFailed();
    return error as Error;
  }
}

/** Records on their way from the producer to the consumer. */
class Arrivals {
  times = new Histogram();
  /** Records that others have sent meanwhile. */
  strangers = 0;
  isEnded = false;
  readonly #values: readonly Uint8Array[];
  readonly #topic: string;
  readonly #marks = new Marks();
  /** From when each counts, by number. */
  readonly #onTheirWay = new Map<number, number>();
  #number = 0;
  /** The first that counts. */
  #first = 0;
  #lastMs = 0;

  constructor(values: readonly Uint8Array[], topic: string) {
    this.#values = values;
    this.#topic = topic;
  }

  get outstanding(): number {
    return this.#onTheirWay.size;
  }

  next(fromMs: number): { readonly topic: string; readonly value: Uint8Array } {
    const number = this.#number++;
    this.#onTheirWay.set(number, fromMs);
    const value = this.#marks.marked(this.#values[number % this.#values.length], number);
    return { topic: this.#topic, value };
  }

  arrived(value: Uint8Array | null): void {
    const number = this.#marks.numberOf(value), nowMs = performance.now();
    const fromMs = number === null ? undefined : this.#onTheirWay.get(number);
    if (number === null) this.strangers++;
    if (number === null || fromMs === undefined) return; // one that came twice counts once
    this.#onTheirWay.delete(number);
    this.#lastMs = nowMs;
    if (number >= this.#first) this.times.add(nowMs - fromMs);
  }

  /** Those sent so far do not count. */
  begin(): void {
    this.#first = this.#number;
    this.times = new Histogram();
  }

  /** Resolves when all have arrived, or nothing came for too long. */
  async rest(interrupt: Interrupt): Promise<void> {
    this.#lastMs = performance.now();
    const wasAsked = interrupt.isAsked;
    while (this.outstanding > 0 && performance.now() - this.#lastMs < REST_MS) {
      if (this.isEnded || interrupt.isAsked && !wasAsked) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function planOf(call: Call): Plan {
  return {
    limits: limitsOf(call, { defaultForMs: 10_000, defaultRate: 1000 }),
    sending: sendingOf(call, { minSize: MARK_BYTES }),
    lingerMs: call.durationMs("--linger") ?? 0,
  };
}

const MOST_OUTSTANDING = 100_000;
const POLL_MS = 100;
const REST_MS = 10_000;
/** How long what is on its way may take behind Ctrl-C. */
const STOP_MS = 3000;
const INTERRUPTED = 130;
