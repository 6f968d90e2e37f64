/** A kafkajs consumer: kafkajs.ts TOPIC GROUP. Prints each value, commits by itself, leaves its group on SIGTERM. */
import kafkajs from "kafkajs";
import { broker } from "../checks.ts";

const [topic, groupId] = Deno.args;
const kafka = new kafkajs.Kafka({
  brokers: [broker().address],
  logLevel: kafkajs.logLevel.NOTHING,
  // The broker goes away and returns in this suite.
  retry: { retries: 100, initialRetryTime: 200, maxRetryTime: 1000 },
});
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 1000 });
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({
  autoCommitInterval: 500,
  eachMessage: ({ message }) => {
    console.log(String(message.value));
    return Promise.resolve();
  },
});
Deno.addSignalListener("SIGTERM", async () => {
  await consumer.disconnect();
  Deno.exit(0);
});
