/**
 * Reads everything that is in a topic now, from the beginning.
 *
 *     deno run --allow-net --allow-env examples/consumer.ts 127.0.0.1:9092 greetings
 */
import process from "node:process";
import { Consumer } from "runnel";

const [bootstrap = "127.0.0.1:9092", topic = "greetings"] = process.argv.slice(2);
const text = new TextDecoder();
const consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
try {
  const partitions = await consumer.partitionsFor(topic);
  const all = partitions.map((_, partition) => ({ topic, partition }));
  consumer.assign(all);
  const ends = await consumer.endOffsets(all);
  while (!all.every((one, i) => consumer.hasReached(one, ends[i]))) {
    for (const { partition, offset, value } of await consumer.poll(1000)) {
      console.log(
        `${topic}-${partition} at ${offset}: ${value === null ? "" : text.decode(value)}`,
      );
    }
  }
} finally {
  await consumer.close();
}
