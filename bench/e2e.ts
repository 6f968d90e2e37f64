/**
 * End to end: one record at a time, from the moment it is sent until it has arrived at a consumer that waits for it in
 * a long poll. The producer waits for arrival and acknowledgement before it sends the next.
 */
import { type Bench, durations, type Result } from "./types.ts";
import { fetchedBytes, fetchRequest } from "./fetch.ts";
import { Histogram } from "./histogram.ts";
import { LoadConnection, Phases } from "./load.ts";
import { batchOf, checkProduced, produceRequest, withTopic } from "./topics.ts";
import * as batch from "../src/protocol/records/batch.ts";
import { writeInt64 } from "../src/bytes/int64.ts";

export const e2e: Bench = {
  name: "e2e",
  flush: ["fsync", "os"],
  async run(target, size) {
    const { warmUpMs, measureMs } = durations(size);
    return await withTopic(target, 1, async (topic): Promise<Result[]> => {
      const producer = await LoadConnection.open(target.address);
      const consumer = await LoadConnection.open(target.address);
      const produce = produceRequest(topic, 0, batchOf(1, VALUE_BYTES));
      const { request, offsetAt } = fetchRequest(topic, 0, { maxWaitMs: 5000 });
      const arrival = new Histogram(), acknowledged = new Histogram();
      const phases = new Phases(warmUpMs, measureMs);
      let offset = 0;
      while (!phases.isOver) {
        writeInt64(request, offsetAt, offset);
        const arrives = consumer.exchange(request).then((answer) => {
          offset = endOf(fetchedBytes(answer));
          return performance.now();
        });
        await pause(1); // the long poll is to be waiting before the record comes
        const sentMs = performance.now();
        const isAcknowledged = producer.exchange(produce).then((answer) => {
          checkProduced(answer);
          return performance.now();
        });
        const [arrivedMs, ackedMs] = await Promise.all([arrives, isAcknowledged]);
        if (!phases.isMeasuring) continue;
        arrival.add(arrivedMs - sentMs);
        acknowledged.add(ackedMs - sentMs);
      }
      producer.close();
      consumer.close();
      const requests = arrival.count;
      const bytes = requests * VALUE_BYTES, seconds = phases.seconds;
      return [
        { load: "1 × 100 B, sent to arrival", requests, bytes, seconds, latency: arrival },
        { load: "1 × 100 B, sent to ack", requests, bytes, seconds, latency: acknowledged },
      ];
    });
  },
};

const VALUE_BYTES = 100;

function endOf(records: Uint8Array): number {
  let end = -1;
  for (const at of batch.batches(records)) end = batch.lastOffset(records, at) + 1;
  if (end < 0) throw new Error("The long poll ended without a record");
  return end;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
