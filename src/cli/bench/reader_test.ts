/** Proves that a reader counts every record once, whatever a broker answers, by reading from a scripted one. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { joined } from "../../protocol/codec.ts";
import { decodeRequest, encodeResponse } from "../../protocol/frame.ts";
import { ApiVersions } from "../../protocol/messages/api_versions.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../../testing/scripted_socket.ts";
import { Cluster } from "../../client/cluster.ts";
import { Reader } from "./reader.ts";

/** Topic "t" with two partitions of ten records each, of which an answer has one batch of two. */
class TwoPartitions {
  readonly asked: string[] = [];
  metadata = 0;

  /** By number of the fetch: the code of a partition in its answer. Above `gapFrom` there are no records. */
  constructor(
    readonly faults: ReadonlyMap<number, readonly [partition: number, code: number]> = new Map(),
    readonly gapFrom = 10,
  ) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer({ apiKey, apiVersion, correlationId, frame, bodyAt }: Asked): Uint8Array {
    if (apiKey === ApiVersions.key) {
      return versionsAnswer({ apiVersion, correlationId }, [[1, 12], [3, 9], [18, 4]]);
    }
    if (apiKey === Metadata.key) {
      this.metadata++;
      return joined(encodeResponse(Metadata, apiVersion, correlationId, {
        brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
        topics: [{ name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
      }));
    }
    const { topics: [{ partitions }] } = decodeRequest(Fetch, apiVersion, frame, bodyAt);
    const fault = this.faults.get(this.asked.length);
    this.asked.push(partitions.map((one) => `${one.partition}@${one.fetchOffset}`).join(" "));
    return joined(encodeResponse(Fetch, apiVersion, correlationId, {
      responses: [{
        topic: "t",
        partitions: partitions.map(({ partition, fetchOffset }) => {
          const errorCode = fault?.[0] === partition ? fault[1] : 0;
          const records = errorCode === 0 ? this.#batchAt(fetchOffset) : null;
          return { partitionIndex: partition, errorCode, highWatermark: 10, records };
        }),
      }],
    }));
  }

  #batchAt(offset: number): Uint8Array | null {
    if (offset >= this.gapFrom) return null;
    const value = new Uint8Array(5), baseOffset = offset - offset % 2; // whole batches come
    const records = [{ timestampMs: 1, value }, { timestampMs: 1, value, key: value }];
    return buildBatch({ records, baseOffset });
  }
}

async function read(broker: TwoPartitions, from = 0) {
  const cluster = new Cluster({ bootstrap: "broker:9092", dial: broker.dial, retryBackoffMs: 1 });
  const found = { records: 0, bytes: 0, fetches: 0 };
  const planned = [0, 1].map((partition) => ({ topic: "t", partition, from, until: 10 }));
  const sizes = {
    maxBytes: 1000,
    maxPartitionBytes: 1000,
    minBytes: 1,
    maxWaitMs: 1,
    checkCrcs: true,
  };
  const reader = new Reader(cluster, planned, {
    sizes,
    isOver: () => false,
    onFetched: ({ records, bytes }) => {
      found.records += records;
      found.bytes += bytes;
      found.fetches++;
    },
  });
  try {
    await reader.run();
  } finally {
    cluster.close();
  }
  return found;
}

Deno.test("every record is counted once, and none before the position it began at", async () => {
  const broker = new TwoPartitions();
  assertEquals(await read(broker), { records: 20, bytes: 150, fetches: 5 });
  assertEquals(broker.asked.slice(0, 2), ["0@0 1@0", "1@2 0@2"]);
  assertEquals(await read(new TwoPartitions(), 3), { records: 14, bytes: 110, fetches: 4 });
});

Deno.test("what came beside a partition that failed is counted, and nothing twice", async () => {
  for (const code of [6, 5, 9, 74]) { // each goes away by itself
    for (const at of [0, 1, 3]) {
      for (const partition of [0, 1]) {
        const broker = new TwoPartitions(new Map([[at, [partition, code]]]));
        const { records, bytes } = await read(broker);
        assertEquals([records, bytes], [20, 150], `code ${code} of ${partition} in fetch ${at}`);
      }
    }
  }
});

Deno.test("a partition that ends in a gap has an end, and an error for good is one", async () => {
  assertEquals((await read(new TwoPartitions(new Map(), 6))).records, 12);
  const error = await assertRejects(() => read(new TwoPartitions(new Map([[2, [1, 29]]]))), Error);
  assertStringIncludes(error.message, "fetch of t-1: TOPIC_AUTHORIZATION_FAILED");
});
