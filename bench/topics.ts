/** Topics for the benches, and batches to fill them with. */
import { Admin } from "../src/client/admin.ts";
import { Cluster } from "../src/client/cluster.ts";
import { buildBatch } from "../src/protocol/records/build.ts";
import { Produce } from "../src/protocol/messages/produce.ts";
import { decodeResponse } from "../src/protocol/frame.ts";
import type { Target } from "./types.ts";
import { encoded } from "./load.ts";

/** Topics by name keep requests valid over runs: the last version without ids. */
export const PRODUCE_VERSION = 9;
export const FETCH_VERSION = 12;

/** Makes a topic whose leaders are ready, hands its name to `use`, and deletes it. */
export async function withTopic<T>(
  target: Target,
  partitions: number,
  use: (name: string) => Promise<T>,
): Promise<T> {
  const { address: bootstrap, caCert } = target;
  const cluster = new Cluster({ bootstrap, tls: caCert ? { caCerts: [caCert] } : undefined });
  const admin = new Admin(cluster);
  const name = `bench-${crypto.randomUUID()}`;
  try {
    await admin.createTopics([{ name, partitions, replicationFactor: 1 }]);
    // Kafka names leaders before they serve: it answers 6 until then, which this retries.
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }));
    await admin.listOffsets(all.map((one) => ({ ...one, at: "earliest" })));
    const result = await use(name);
    await admin.deleteTopics([name]);
    return result;
  } finally {
    cluster.close();
  }
}

/** Makes a topic that stays. */
export async function makeTopic(target: Target, name: string, partitions: number): Promise<void> {
  const admin = new Admin({ bootstrap: target.address });
  try {
    await admin.createTopics([{ name, partitions, replicationFactor: 1 }]);
  } finally {
    admin.close();
  }
}

/** A batch of records with values of `valueBytes`, which do not compress. */
export function batchOf(records: number, valueBytes: number): Uint8Array {
  return buildBatch({
    records: Array.from({ length: records }, () => ({
      timestampMs: Date.now(),
      value: crypto.getRandomValues(new Uint8Array(valueBytes)),
    })),
  });
}

export function produceRequest(topic: string, partition: number, batch: Uint8Array): Uint8Array {
  return encoded(Produce, PRODUCE_VERSION, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records: batch }] }],
  });
}

/** Throws unless the answer to a produce request says that all went well. */
export function checkProduced(answer: Uint8Array): void {
  for (
    const { partitionResponses } of decodeResponse(Produce, PRODUCE_VERSION, answer).body.responses
  ) {
    for (const { errorCode, errorMessage } of partitionResponses) {
      if (errorCode !== 0) {
        throw new Error(`Produce was answered with ${errorCode}: ${errorMessage}`);
      }
    }
  }
}
