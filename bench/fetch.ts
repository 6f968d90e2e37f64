/**
 * Fetch: connections that read 1 MiB at a time, each its own partition from beginning to end and round again. The data
 * was written just before, so it is in the page cache.
 */
import { type Bench, durations, type Result, type Target } from "./types.ts";
import { Histogram } from "./histogram.ts";
import { encoded, LoadConnection, Phases } from "./load.ts";
import { batchOf, checkProduced, FETCH_VERSION, produceRequest, withTopic } from "./topics.ts";
import { Fetch } from "../src/protocol/messages/fetch.ts";
import { decodeResponse } from "../src/protocol/frame.ts";
import * as batch from "../src/protocol/records/batch.ts";
import { readInt64, writeInt64 } from "../src/bytes/int64.ts";

export const fetch: Bench = {
  name: "fetch",
  flush: ["os"],
  async run(target, size) {
    const mibs = size === "smoke" ? 2 : 64;
    const results: Result[] = [];
    for (const connections of size === "smoke" ? [2] : [1, 4]) {
      results.push(
        await withTopic(target, connections, async (topic) => {
          await Promise.all(
            Array.from({ length: connections }, (_, i) => fill(target, topic, i, mibs)),
          );
          return await read(target, topic, connections, durations(size));
        }),
      );
    }
    return results;
  },
};

const RECORDS = 64, VALUE_BYTES = 1024;

/** Writes batches of 64 records of 1 KiB. */
async function fill(target: Target, topic: string, partition: number, mibs: number): Promise<void> {
  const loader = await LoadConnection.open(target.address, target.caCert);
  const request = produceRequest(topic, partition, batchOf(RECORDS, VALUE_BYTES));
  for (let i = 0; i < mibs * 16; i++) checkProduced(await loader.exchange(request));
  loader.close();
}

async function read(
  target: Target,
  topic: string,
  connections: number,
  { warmUpMs, measureMs }: { warmUpMs: number; measureMs: number },
): Promise<Result> {
  const phases = new Phases(warmUpMs, measureMs);
  const latency = new Histogram();
  let bytes = 0;
  await Promise.all(Array.from({ length: connections }, async (_, partition) => {
    const loader = await LoadConnection.open(target.address, target.caCert);
    const { request, offsetAt } = fetchRequest(topic, partition, { maxWaitMs: 0 });
    let offset = 0;
    while (!phases.isOver) {
      writeInt64(request, offsetAt, offset);
      const sentMs = performance.now();
      const records = fetchedBytes(await loader.exchange(request));
      if (phases.isMeasuring) latency.add(performance.now() - sentMs);
      let count = 0, next = 0;
      for (const at of batch.batches(records)) {
        count += batch.recordCount(records, at);
        next = batch.lastOffset(records, at) + 1;
      }
      if (count === 0 && offset === 0) {
        throw new Error(`Fetch found nothing in ${topic}-${partition}`);
      }
      offset = next; // 0 again behind the end
      if (phases.isMeasuring) bytes += count * VALUE_BYTES;
    }
    loader.close();
  }));
  return {
    load: `${connections} conn × 1 in flight × 1 MiB`,
    requests: latency.count,
    bytes,
    seconds: phases.seconds,
    latency,
  };
}

/** A fetch of one partition, and where in it the offset is, to be written anew for each. Shared with e2e.ts. */
export function fetchRequest(
  topic: string,
  partition: number,
  { maxWaitMs }: { maxWaitMs: number },
): { request: Uint8Array; offsetAt: number } {
  const request = encoded(Fetch, FETCH_VERSION, {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1 << 20,
    topics: [{
      topic,
      partitions: [{ partition, fetchOffset: OFFSET_MARK, partitionMaxBytes: 1 << 20 }],
    }],
  });
  let offsetAt = 0;
  while (readInt64(request, offsetAt) !== OFFSET_MARK) offsetAt++;
  return { request, offsetAt };
}

/** The only partition's records. */
export function fetchedBytes(answer: Uint8Array): Uint8Array {
  const { errorCode, records } =
    decodeResponse(Fetch, FETCH_VERSION, answer).body.responses[0].partitions[0];
  if (errorCode !== 0) throw new Error(`Fetch was answered with ${errorCode}`);
  return records ?? new Uint8Array();
}

const OFFSET_MARK = 0x5a5a5a5a5a5a;
