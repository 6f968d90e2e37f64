/**
 * Proves that a reader whose partition was cut by an election goes on where the log was cut, and not behind records that it
 * has never seen: by a scripted broker with one partition that loses records and gets others.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { OffsetForLeaderEpoch } from "../protocol/messages/offset_for_leader_epoch.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Cluster } from "./cluster.ts";
import { Consumer, type ConsumerOptions } from "./consumer.ts";
import { KafkaError } from "./errors.ts";

/** The epochs of its records, one a batch. */
class ElectedBroker {
  epochs: number[] = [1, 1, 1, 1, 1];
  leaderEpoch = 1;
  /** What it knows of epochs that are over; undefined where it has forgotten. */
  knowsEpochs = true;
  validations = 0;

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  /** Another leader, with the first `kept` records and `added` of its own. */
  elect(kept: number, added: number): void {
    this.leaderEpoch++;
    const own = Array.from({ length: added }, () => this.leaderEpoch);
    this.epochs = [...this.epochs.slice(0, kept), ...own];
  }

  #answer({ apiKey, apiVersion, correlationId, frame, bodyAt }: Asked): Uint8Array | null {
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [[1, 12], [2, 7], [3, 9], [18, 4], [
          23,
          4,
        ]]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
          topics: [{
            name: "t",
            partitions: [{ partitionIndex: 0, leaderId: 0, leaderEpoch: this.leaderEpoch }],
          }],
        }));
      case ListOffsets.key:
        return joined(encodeResponse(ListOffsets, apiVersion, correlationId, {
          topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }],
        }));
      case OffsetForLeaderEpoch.key: {
        this.validations++;
        const { topics } = decodeRequest(OffsetForLeaderEpoch, apiVersion, frame, bodyAt);
        const { leaderEpoch } = topics[0].partitions[0];
        const endOffset = this.epochs.filter((epoch) => epoch <= leaderEpoch).length;
        return joined(encodeResponse(OffsetForLeaderEpoch, apiVersion, correlationId, {
          topics: [{
            topic: "t",
            partitions: [
              this.knowsEpochs ? { partition: 0, leaderEpoch, endOffset } : { partition: 0 },
            ],
          }],
        }));
      }
      default: {
        const { topics } = decodeRequest(Fetch, apiVersion, frame, bodyAt);
        const [{ fetchOffset, currentLeaderEpoch }] = topics[0].partitions;
        const isFenced = currentLeaderEpoch < this.leaderEpoch;
        return joined(encodeResponse(Fetch, apiVersion, correlationId, {
          responses: [{
            topic: "t",
            partitions: [{
              partitionIndex: 0,
              errorCode: isFenced ? ErrorCode.FENCED_LEADER_EPOCH : 0,
              highWatermark: this.epochs.length,
              records: isFenced || fetchOffset >= this.epochs.length
                ? null
                : this.#batch(fetchOffset),
            }],
          }],
        }));
      }
    }
  }

  #batch(offset: number): Uint8Array {
    const bytes = buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array([offset]) }] });
    batch.assign(bytes, 0, offset, this.epochs[offset]);
    return bytes;
  }
}

async function reading(
  options: ConsumerOptions,
  use: (consumer: Consumer, broker: ElectedBroker) => Promise<void>,
): Promise<void> {
  const broker = new ElectedBroker();
  const cluster = new Cluster({ bootstrap: "broker:9092", dial: broker.dial, retryBackoffMs: 5 });
  const consumer = new Consumer(cluster, { autoOffsetReset: "earliest", ...options });
  consumer.assign([{ topic: "t", partition: 0 }]);
  try {
    await use(consumer, broker);
  } finally {
    await consumer.close();
    cluster.close();
  }
}

async function offsets(consumer: Consumer, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < 200 && found.length < count; i++) {
    found.push(...(await consumer.poll(20)).map(({ offset }) => offset));
  }
  return found;
}

Deno.test("who has read beyond the cut goes on at the cut", async () => {
  await reading({}, async (consumer, broker) => {
    assertEquals(await offsets(consumer, 5), [0, 1, 2, 3, 4]);
    broker.elect(3, 4);
    assertEquals(await offsets(consumer, 4), [3, 4, 5, 6]);
    assertEquals(broker.validations, 1);
  });
});

Deno.test("who has read what the new leader has, too, goes on where it was, and asks once", async () => {
  await reading({}, async (consumer, broker) => {
    assertEquals(await offsets(consumer, 5), [0, 1, 2, 3, 4]);
    broker.elect(5, 2);
    assertEquals(await offsets(consumer, 2), [5, 6]);
    assertEquals(broker.validations, 1);
  });
});

Deno.test("where nothing is known of the epoch it begins where it is told to", async () => {
  await reading({}, async (consumer, broker) => {
    assertEquals(await offsets(consumer, 5), [0, 1, 2, 3, 4]);
    broker.knowsEpochs = false;
    broker.elect(1, 1);
    assertEquals(await offsets(consumer, 2), [0, 1]);
  });
});

Deno.test("with nowhere to begin poll() throws where the log was cut", async () => {
  await reading({ autoOffsetReset: "none" }, async (consumer, broker) => {
    consumer.seek({ topic: "t", partition: 0 }, 0);
    assertEquals(await offsets(consumer, 5), [0, 1, 2, 3, 4]);
    broker.elect(3, 4);
    await assertRejects(() => offsets(consumer, 1), KafkaError, "cut at 3");
  });
});
