/** KeyedLoad: few keys, written and deleted over and over in a topic that is compacted all the time. */
import { Cluster } from "../../src/client/cluster.ts";
import type { ConsumerRecord } from "../../src/client/consumer.ts";
import { mayRetry } from "../../src/client/errors.ts";
import { Producer } from "../../src/client/producer.ts";
import { Random } from "../random.ts";
import { nameFor, nameOf, valueOf } from "./content.ts";
import { KeyLedger, type SeenVersion } from "./key_ledger.ts";
import { judged, type Load, type LoadContext, makeTopic, readTopic } from "./load.ts";
import { pause } from "./victim.ts";

const PARTITIONS = 4, KEYS = 100, MAX_OUTSTANDING = 200, QUIET_LIMIT_MS = 60_000;
const CONFIGS = {
  "cleanup.policy": "compact",
  "segment.bytes": "1048576",
  "segment.ms": "400",
  "min.cleanable.dirty.ratio": "0.01",
  "max.compaction.lag.ms": "500",
  "delete.retention.ms": "300",
  "file.delete.delay.ms": "500",
};

export class KeyedLoad implements Load {
  readonly ledger = new KeyLedger();
  readonly #context: LoadContext;
  readonly #cluster: Cluster;
  readonly #outstanding = new Set<Promise<void>>();
  isResting = false;
  #isOver = false;
  #running: Promise<void> | null = null;
  /** The fewest records that a whole log was found to have, for one sent. */
  #least = 1;

  constructor(context: LoadContext, readonly topic: string) {
    this.#context = context;
    this.#cluster = new Cluster({ bootstrap: context.bootstrap });
  }

  get acknowledged(): number {
    return this.ledger.acknowledged;
  }

  async begin(): Promise<void> {
    await makeTopic(this.#cluster, { topic: this.topic, partitions: PARTITIONS, configs: CONFIGS });
    this.#running = this.#run().catch((error) =>
      this.#context.complain(`${this.topic}: the load ended: ${error.message}`)
    );
  }

  /**
   * A reader that a compaction overtakes may see a value and not its tombstone. Nothing is sent meanwhile, so compaction
   * comes to its end: what is wrong counts when the same was read twice.
   */
  judge(): Promise<string[]> {
    return judged(this.topic, async () => {
      let complaints: string[] = [], before = "";
      for (const untilMs = performance.now() + QUIET_LIMIT_MS; performance.now() < untilMs;) {
        const mark = this.ledger.mark();
        const topic = { topic: this.topic, partitions: PARTITIONS };
        const seen = await readTopic(
          this.#context.bootstrap,
          topic,
          (record) => this.#version(record),
        );
        this.#least = Math.min(this.#least, seen.length / Math.max(1, this.ledger.sent));
        const wrong = seen.filter((one) => typeof one === "string");
        const right = seen.filter((one) => typeof one !== "string");
        complaints = [...wrong, ...this.ledger.complaints(right, mark)];
        if (complaints.length === 0) return [];
        const now = JSON.stringify(seen);
        if (now === before) return complaints;
        before = now;
        await pause(500);
      }
      return complaints;
    });
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#cluster.close();
  }

  summary(): string {
    const { sent, acknowledged } = this.ledger;
    const percent = (this.#least * 100).toFixed(1);
    return `${this.topic}: ${sent} sent, ${acknowledged} acknowledged, compacted to ${percent} %`;
  }

  #version({ key, value, headers, partition, offset }: ConsumerRecord): SeenVersion | string {
    const text = new TextDecoder();
    const name = text.decode(key ?? new Uint8Array(0)),
      version = Number(text.decode(headers[0]?.value ?? new Uint8Array(0)));
    const expected = nameFor(`${this.topic}.${name}`, version);
    const found = value === null ? expected : nameOf(value);
    if (found !== expected) return `${found} at ${partition}:${offset}, expected is ${expected}`;
    return { key: name, version, isTombstone: value === null };
  }

  async #run(): Promise<void> {
    const random = new Random(this.#context.seed);
    const producer = new Producer(this.#cluster, {
      acks: "all",
      idempotent: true,
      deliveryTimeoutMs: 120_000,
      maxBatchBytes: 8192,
    });
    for (let order = 0; !this.#isOver; order++) {
      while (this.isResting && !this.#isOver) await pause(20);
      // A few keys change all the time, others seldom: those are old values that must stay.
      const number = random.oneIn(20) ? random.below(KEYS) : random.below(12);
      const isTombstone = random.oneIn(5);
      const bytes = random.oneIn(300) ? 300_000 + random.below(600_000) : 40 + random.below(2000);
      this.#send(producer, { number, isTombstone, bytes });
      if (order % 10 === 9) await pause(5);
      while (this.#outstanding.size >= MAX_OUTSTANDING) await pause(2);
    }
    await producer.close();
    await Promise.all(this.#outstanding);
  }

  #send(
    producer: Producer,
    { number, isTombstone, bytes }: { number: number; isTombstone: boolean; bytes: number },
  ): void {
    const { topic } = this, key = `k${number}`;
    const version = this.ledger.send(key, { isTombstone });
    const sent = producer.send({
      topic,
      partition: number % PARTITIONS,
      key,
      value: isTombstone ? null : valueOf(`${topic}.${key}`, version, bytes),
      headers: [{ key: "version", value: String(version) }],
    }).then(
      () => this.ledger.acknowledge(key, version),
      (error) => {
        if (mayRetry(error)) return;
        this.#context.complain(`${topic} ${key}:${version} was refused: ${error.message}`);
      },
    ).finally(() => this.#outstanding.delete(sent));
    this.#outstanding.add(sent);
  }
}
