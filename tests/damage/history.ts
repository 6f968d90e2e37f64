/**
 * History: what brokers are asked while the directory is made, step by step, and what they answered.
 */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { DeleteRecords } from "../../src/protocol/messages/delete_records.ts";
import { DeleteTopics } from "../../src/protocol/messages/delete_topics.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { IncrementalAlterConfigs } from "../../src/protocol/messages/incremental_alter_configs.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { append, batchOf, LATEST, listOffset, produce, readAll } from "../broker/calls.ts";
import { pause, type TestBroker, utf8 } from "../broker/harness.ts";
import { GROUPS, type Sent, type Variant } from "./contents.ts";
import { allServe, commit, joinAndLeave, joinConsumerGroup } from "./groups.ts";
import type { Tree } from "./tree.ts";

interface Producer {
  readonly id: number;
  sequence: number;
}

/** What is written, and what was answered. */
export class History {
  readonly #producers: Producer[] = [];
  readonly #sent: Sent[] = [];
  #lastProducerId = -1;
  #step = 0;

  variant(name: Variant["name"], tree: Tree): Variant {
    const sent = this.#producers.flatMap(({ id }) =>
      this.#sent.filter(({ records }) => batch.producerId(records) === id).slice(-5).reverse()
    );
    return { name, tree, sent, lastProducerId: this.#lastProducerId };
  }

  async begin(broker: TestBroker): Promise<void> {
    const small = { "internal.segment.bytes": "420", "index.interval.bytes": "100" };
    const kept = { "retention.ms": "-1" };
    await broker.createTopic("plain", { partitions: 2, configs: { ...small, ...kept } });
    const compact = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
    await broker.createTopic("compacted", { configs: { ...small, ...compact } });
    await broker.createTopic("written", { partitions: 2, configs: kept });
    await broker.createTopic("again", { configs: kept });
    const connection = await broker.connect();
    await this.#configure(connection);
    for (let i = 0; i < 2; i++) {
      this.#producers.push({ id: await this.#newId(connection), sequence: 0 });
    }
    await connection.request(FindCoordinator, 4, {
      keyType: 0,
      coordinatorKeys: GROUPS.map(({ id }) => id),
    });
    for (const { id, protocol } of GROUPS) {
      if (protocol === "consumer") await joinConsumerGroup(connection, id);
      else if (id.startsWith("left")) await joinAndLeave(connection, id);
    }
    await append(connection, "again", ["of the topic before", "and another", "and another"]);
    await this.goOn(broker);
  }

  /** Every partition and group gets something more. */
  async goOn(broker: TestBroker): Promise<void> {
    const step = ++this.#step;
    const connection = await broker.connect();
    await allServe(connection);
    for (let i = 0; i < 3; i++) {
      for (const partition of [0, 1]) {
        const values = Array.from({ length: 1 + i % 2 }, (_, j) => `${step}.${i}.${j}`);
        const batch = { records: this.#records(values) };
        if (i < 2 || partition === 0) {
          await append(connection, "plain", values, { partition, batch });
        }
      }
      const keys = [`k${i}`, `k${(step + i) % 5}`, `only-${step}-${i}`];
      const records = keys.map((key, j) => ({
        timestampMs: Date.now(),
        key: utf8(key),
        value: j === 1 && i === 1 ? null : utf8(`${key} at ${step}`),
      }));
      await append(connection, "compacted", [], { batch: { records } });
      for (const producer of this.#producers) {
        await this.#send(connection, producer, `${step}.${i}`);
      }
    }
    if (step > 1) await append(connection, "written", [`${step}`], { partition: 1 });
    await append(connection, "again", [`${step}`]);
    await this.#newId(connection);
    for (const group of GROUPS) await commit(connection, group, step);
  }

  /** Waits until the cleaner has been there. */
  async compacted(broker: TestBroker): Promise<void> {
    const connection = await broker.connect();
    for (;;) {
      const values = await readAll(connection, "compacted");
      const { offset } = await listOffset(connection, "compacted", LATEST);
      if (values.length < offset) break;
      await pause(20);
    }
  }

  /** A topic is deleted and made again; records are deleted. */
  async end(broker: TestBroker): Promise<void> {
    const connection = await broker.connect();
    await allServe(connection);
    await connection.request(DeleteTopics, 6, { topics: [{ name: "again" }], timeoutMs: 30_000 });
    await broker.createTopic("again", {
      configs: { "retention.ms": "-1", "max.message.bytes": "5000" },
    });
    const { topics } = await connection.request(DeleteRecords, 2, {
      topics: [{ name: "plain", partitions: [{ partitionIndex: 1, offset: 5 }] }],
      timeoutMs: 30_000,
    });
    assertEquals(topics[0].partitions[0].errorCode, 0);
    await this.goOn(broker);
  }

  async #configure(connection: Connection): Promise<void> {
    const set = (name: string, value: string) => ({ name, configOperation: 0, value });
    const { responses } = await connection.request(IncrementalAlterConfigs, 1, {
      resources: [
        { resourceType: 2, resourceName: "written", configs: [set("max.message.bytes", "4000")] },
        {
          resourceType: 4,
          resourceName: "",
          configs: [set("message.timestamp.type", "CreateTime")],
        },
        {
          resourceType: 32,
          resourceName: "member-a",
          configs: [set("consumer.session.timeout.ms", "50000")],
        },
      ],
      validateOnly: false,
    });
    for (const { errorCode, errorMessage } of responses) {
      assertEquals([errorCode, errorMessage], [0, null]);
    }
  }

  async #newId(connection: Connection): Promise<number> {
    const request = { transactionalId: null, transactionTimeoutMs: 0 };
    const { producerId } = await connection.request(InitProducerId, 4, request);
    assert(producerId > this.#lastProducerId, `producer id ${producerId} given again`);
    return this.#lastProducerId = producerId;
  }

  async #send(connection: Connection, producer: Producer, value: string): Promise<void> {
    const { id: producerId, sequence: baseSequence } = producer;
    const records = batchOf([value], { producerId, producerEpoch: 0, baseSequence });
    const call = { topic: "written", partition: 0, records };
    const { errorCode, baseOffset } = await produce(connection, call);
    assertEquals(errorCode, 0);
    producer.sequence++;
    this.#sent.push({ ...call, offset: baseOffset });
  }

  /** Times rise, but for one in three. */
  #records(values: readonly string[]) {
    return values.map((value, i) => ({
      timestampMs: Date.now() - (i === 1 ? 1000 : 0),
      key: utf8(`key of ${value}`),
      value: utf8(value),
    }));
  }
}
