/** Copies: two brokers for tests of `runnel copy`, and what lies in them. */
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../src/client/consumer.ts";
import { type Isolation, listOffsets } from "../../src/client/list_offsets.ts";
import { Producer } from "../../src/client/producer.ts";
import { typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

/** A source and a target. */
export class Two implements AsyncDisposable {
  readonly source: Cluster;
  readonly target: Cluster;

  private constructor(readonly from: TestBroker, readonly to: TestBroker) {
    this.source = new Cluster({ bootstrap: `127.0.0.1:${from.port}` });
    this.target = new Cluster({ bootstrap: `127.0.0.1:${to.port}` });
  }

  static async start(): Promise<Two> {
    return new Two(await TestBroker.start(), await TestBroker.start());
  }

  get flags(): string[] {
    return ["--from", `127.0.0.1:${this.from.port}`, "--to", `127.0.0.1:${this.to.port}`];
  }

  copy(...args: string[]) {
    return typed("copy", ...args, ...this.flags);
  }

  async send(topic: string, values: readonly (string | null)[], partition = 0): Promise<void> {
    await using producer = new Producer(this.source);
    for (const [n, value] of values.entries()) {
      await producer.send({ topic, partition, key: `k${n}`, value, timestampMs: 1e12 + n });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.source.close();
    this.target.close();
    await this.from[Symbol.asyncDispose]();
    await this.to[Symbol.asyncDispose]();
  }
}

export async function recordsOf(
  cluster: Cluster,
  topic: string,
  { partition = 0, offset = 0, isolation = "readUncommitted" }: {
    partition?: number;
    offset?: number;
    isolation?: Isolation;
  } = {},
): Promise<ConsumerRecord[]> {
  using consumer = new Consumer(cluster, { autoOffsetReset: "earliest", isolation });
  const one = { topic, partition }, records: ConsumerRecord[] = [];
  const [{ offset: end }] = await listOffsets(cluster, [{ ...one, at: "latest" }], { isolation });
  consumer.assign([one]);
  consumer.seek(one, offset);
  while (!consumer.hasReached(one, end)) records.push(...await consumer.poll(100));
  return records;
}

export const contentOf = (records: readonly ConsumerRecord[]) =>
  records.map(({ timestampMs, key, value, headers }) => ({ timestampMs, key, value, headers }));

export const valuesOf = (records: readonly ConsumerRecord[]) =>
  records.map(({ value }) => value === null ? null : new TextDecoder().decode(value));

/** The records are of 2001. */
export const KEPT = { "retention.ms": "-1" };
