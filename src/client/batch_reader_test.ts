/**
 * Proves what a reader of batches makes of an answer without any: nothing is there, or a broker that keeps older records
 * in another tier (KIP-405) did not get them in time. By a scripted broker.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { joined } from "../protocol/codec.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import { ListOffsets } from "../protocol/messages/list_offsets.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { BatchReader } from "./batch_reader.ts";
import { Cluster } from "./cluster.ts";

const TOPIC_ID = "000000000000000000000w" as Uuid, END = 9;

/** The log of "t" ends at 9; from `localStart` on it is on the broker itself. Its record at 0 comes behind `empty` answers. */
class OneBroker {
  fetches = 0;
  readonly timestamps: bigint[] = [];

  constructor(readonly of: { empty: number; localStart: number; listOffsetsVersion?: number }) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer({ apiKey, apiVersion, correlationId, frame, bodyAt }: Asked): Uint8Array {
    const { empty, localStart, listOffsetsVersion = 8 } = this.of;
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [
          [1, 13],
          [2, listOffsetsVersion],
          [3, 12],
          [18, 4],
        ]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
          topics: [{
            name: "t",
            topicId: TOPIC_ID,
            partitions: [{ partitionIndex: 0, leaderId: 0 }],
          }],
        }));
      case ListOffsets.key: {
        const { topics: [{ partitions: [{ timestamp }] }] } = decodeRequest(
          ListOffsets,
          apiVersion,
          frame,
          bodyAt,
        );
        this.timestamps.push(timestamp);
        const offset = timestamp === -4n ? localStart : 0;
        return joined(encodeResponse(ListOffsets, apiVersion, correlationId, {
          topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset }] }],
        }));
      }
      default: {
        const records = ++this.fetches > empty
          ? buildBatch({ records: [{ timestampMs: 1, value: new Uint8Array([1]) }] })
          : null;
        return joined(encodeResponse(Fetch, apiVersion, correlationId, {
          responses: [{
            topicId: TOPIC_ID,
            partitions: [{ partitionIndex: 0, lastStableOffset: END, records }],
          }],
        }));
      }
    }
  }
}

async function read(broker: OneBroker, offset: number) {
  const cluster = new Cluster({ bootstrap: "broker:9092", dial: broker.dial, retryBackoffMs: 1 });
  try {
    using reader = new BatchReader(cluster);
    return await reader.fetch({ topic: "t", topicId: TOPIC_ID, partition: 0 }, offset);
  } finally {
    cluster.close();
  }
}

Deno.test("an answer without batches of what is in another tier is none: it is asked for again", async () => {
  const broker = new OneBroker({ empty: 2, localStart: 5 });
  const { records } = await read(broker, 0);
  assertEquals(records && batch.recordCount(records), 1);
  assertEquals(broker.fetches, 3);
});

Deno.test("where a log that is on the broker has no batch any more there is none", async () => {
  const broker = new OneBroker({ empty: 1, localStart: 5 });
  const { records, lastStableOffset } = await read(broker, 5);
  assertEquals([records?.length ?? 0, lastStableOffset, broker.fetches], [0, END, 1]);
});

Deno.test("a broker that knows of no other tier is asked where its log begins", async () => {
  const broker = new OneBroker({ empty: 1, localStart: 5, listOffsetsVersion: 7 });
  await read(broker, 3);
  assertEquals([broker.fetches, broker.timestamps], [1, [-2n]]);
});

Deno.test("at the end of a log nothing more is asked", async () => {
  const broker = new OneBroker({ empty: 1, localStart: 5 });
  await read(broker, END);
  assertEquals([broker.fetches, broker.timestamps], [1, []]);
});
