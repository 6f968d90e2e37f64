/**
 * Reads everything that is in a topic now, from the beginning.
 *
 *     deno run --allow-net --allow-env examples/consumer.ts 127.0.0.1:9092 greetings
 */
import process from "node:process";
import { Admin, Consumer } from "runnel";

const [bootstrap = "127.0.0.1:9092", topic = "greetings"] = process.argv.slice(2);
const text = new TextDecoder();
const admin = new Admin({ bootstrap });
const consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
try {
  const { partitions } = await admin.describeTopic(topic);
  const all = partitions.map((_, partition) => ({ topic, partition }));
  const ends = await admin.listOffsets(all.map((one) => ({ ...one, at: "latest" })));
  consumer.assign(all);
  const isRead = () => ends.every((end) => consumer.hasReached(end, end.offset));
  while (!isRead()) {
    for (const { partition, offset, value } of await consumer.poll(1000)) {
      console.log(
        `${topic}-${partition} at ${offset}: ${value === null ? "" : text.decode(value)}`,
      );
    }
  }
} finally {
  consumer.close();
  admin.close();
}
