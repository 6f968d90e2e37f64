/**
 * Sends records with keys and says where each went.
 *
 *     deno run --allow-net --allow-env examples/producer.ts 127.0.0.1:9092 greetings one two three
 */
import process from "node:process";
import { Producer } from "runnel";

const [bootstrap = "127.0.0.1:9092", topic = "greetings", ...values] = process.argv.slice(2);
const producer = new Producer({ bootstrap, allowAutoTopicCreation: true });
try {
  // None waits for the one before: what has the same key keeps its order all the same.
  const sent = values.map((value) => producer.send({ topic, key: value[0], value }));
  for (const [i, { partition, offset }] of (await Promise.all(sent)).entries()) {
    console.log(`${values[i]} is ${topic}-${partition} at ${offset}`);
  }
} finally {
  await producer.close();
}
