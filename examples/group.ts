/**
 * A member of a group: start several, and they share the partitions of a topic; stop one, and the others have its part.
 * Each record is worked on by one of them, and by another one again only where that one fell over in the middle.
 *
 *     deno run --allow-net --allow-env examples/group.ts 127.0.0.1:9092 workers orders
 */
import process from "node:process";
import { Consumer, type ConsumerRecord } from "runnel";

export interface WorkOptions {
  readonly bootstrap: string;
  readonly group: string;
  readonly topic: string;
  /** Ends the work in order: what was worked on is committed, and the others have the partitions at once. */
  readonly signal: AbortSignal;
  /** Told of the partitions that came or go. */
  readonly onPartitions?: (what: "assigned" | "revoked", partitions: readonly number[]) => void;
}

/** Works on records until the signal. Rejects with what `handle` threw: that record is not committed. */
export async function work(
  { bootstrap, group, topic, signal, onPartitions = () => {} }: WorkOptions,
  handle: (record: ConsumerRecord) => Promise<void> | void,
): Promise<void> {
  const consumer = new Consumer({ bootstrap }, {
    groupId: group,
    groupProtocol: "consumer", // the broker divides the partitions (KIP-848)
    autoOffsetReset: "earliest",
    enableAutoCommit: false,
  });
  try {
    consumer.subscribe(topic, {
      onPartitionsAssigned: (came) => onPartitions("assigned", came.map((one) => one.partition)),
      onPartitionsRevoked: (go) => onPartitions("revoked", go.map((one) => one.partition)),
    });
    while (!signal.aborted) {
      const records = await consumer.poll(500);
      for (const record of records) await handle(record);
      if (records.length > 0) await consumer.commit();
    }
  } finally {
    await consumer.close();
  }
}

if (process.argv[1]?.endsWith("group.ts")) {
  const [bootstrap = "127.0.0.1:9092", group = "workers", topic = "orders"] = process.argv.slice(2);
  const stop = new AbortController(), text = new TextDecoder();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  const onPartitions = (what: string, partitions: readonly number[]) =>
    console.log(`${what}: ${partitions.join(", ")}`);
  await work({ bootstrap, group, topic, signal: stop.signal, onPartitions }, (record) => {
    const { partition, offset, value } = record;
    console.log(`${topic}-${partition} at ${offset}: ${value === null ? "" : text.decode(value)}`);
  });
}
