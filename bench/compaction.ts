/**
 * Compaction: what produce requests see of it. The same load twice: while nothing is to be compacted, and while the
 * cleaner works through a topic of many updates to few keys.
 *
 * min.compaction.lag.ms holds the cleaner back until the topic is filled. In full size start the broker so that it looks
 * often: RUNNEL_COMPACTION_BACKOFF_MS=100 deno task bench compaction
 */
import { Admin } from "../src/client/admin.ts";
import { Cluster } from "../src/client/cluster.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { LoadConnection } from "./load.ts";
import { runProduce } from "./produce.ts";
import { checkProduced, produceRequest } from "./topics.ts";
import type { Bench, Size, Target } from "./types.ts";

export const compaction: Bench = {
  name: "compaction",
  flush: ["fsync"],
  async run(target, size) {
    const load = { connections: 4, inFlight: 1, records: 16, valueBytes: 1024 };
    const idle = await runProduce(target, size, load);
    const cluster = new Cluster({ bootstrap: target.address });
    const admin = new Admin(cluster);
    const topic = `bench-${crypto.randomUUID()}`;
    try {
      await admin.createTopics([{ name: topic, partitions: 1, configs: configs(size) }]);
      await cluster.retry(() => cluster.leader(topic, 0), { topic });
      await fill(target, topic, size);
      const busy = await runProduce(target, size, load);
      await admin.deleteTopics([topic]);
      return [
        { ...idle, load: `${idle.load}, nothing to compact` },
        { ...busy, load: `${busy.load}, compacting` },
      ];
    } finally {
      cluster.close();
    }
  },
};

const LAG_MS = { smoke: 1, full: 30_000 };
const BACKLOG_BYTES = { smoke: 4 << 20, full: 2 ** 31 };
const KEYS = 100_000;
const BATCHES = 64;
const RECORDS = 500;
const VALUE_BYTES = 1024;

function configs(size: Size): Record<string, string> {
  return {
    "cleanup.policy": "compact",
    "segment.bytes": String(BACKLOG_BYTES[size] / 4),
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": String(LAG_MS[size]),
  };
}

/** Fills the topic, and returns as soon as it may be compacted. */
async function fill(target: Target, topic: string, size: Size): Promise<void> {
  const dueMs = performance.now() + LAG_MS[size];
  const value = crypto.getRandomValues(new Uint8Array(VALUE_BYTES));
  const requests = Array.from(
    { length: BATCHES },
    () => produceRequest(topic, 0, batchOfUpdates(value)),
  );
  const connection = await LoadConnection.open(target.address);
  for (let written = 0, i = 0; written < BACKLOG_BYTES[size]; i++) {
    const request = requests[i % BATCHES];
    checkProduced(await connection.exchange(request));
    written += request.length;
  }
  connection.close();
  const leftMs = dueMs - performance.now();
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
}

function batchOfUpdates(value: Uint8Array): Uint8Array {
  const timestampMs = Date.now();
  return buildBatch({
    records: Array.from({ length: RECORDS }, () => ({
      timestampMs,
      key: encoder.encode(`key-${Math.floor(Math.random() * KEYS)}`),
      value,
    })),
  });
}

const encoder = new TextEncoder();
