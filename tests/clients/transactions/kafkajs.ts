/**
 * Copies with kafkajs: kafkajs.ts INPUT OUTPUT GROUP TRANSACTIONAL_ID. Each transaction has some records of one partition,
 * to the same partition, and the group's offset; every fifth is aborted. What cannot go on ends with 1 and is started
 * again. kafkajs does not ask for stable offsets: its producer begins first, which waits for what its last life left.
 */
import kafkajs from "kafkajs";
import { broker } from "../checks.ts";

const [input, output, groupId, transactionalId] = Deno.args;
const kafka = new kafkajs.Kafka({
  brokers: [broker().address],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { retries: 100, initialRetryTime: 100, maxRetryTime: 1000 },
});
const producer = kafka.producer({
  transactionalId,
  idempotent: true,
  maxInFlightRequests: 1,
  transactionTimeout: 10_000,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
});
const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 1000 });
let count = 0;

function giveUp(error: unknown): never {
  console.error(error);
  Deno.exit(1);
}

await producer.connect().catch(giveUp);
await consumer.connect();
consumer.on(consumer.events.CRASH, ({ payload }) => giveUp(payload.error));
await consumer.subscribe({ topics: [input], fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    for (let at = 0; at < batch.messages.length;) {
      const some = batch.messages.slice(at, at + 50);
      try {
        const transaction = await producer.transaction();
        await transaction.send({
          topic: output,
          messages: some.map(({ value }) => ({ value, partition: batch.partition })),
        });
        const offset = `${BigInt(some.at(-1)!.offset) + 1n}`;
        await transaction.sendOffsets({
          consumerGroupId: groupId,
          topics: [{ topic: input, partitions: [{ partition: batch.partition, offset }] }],
        });
        if (++count % 5 === 0) {
          await transaction.abort();
          continue; // the same records once more
        }
        await transaction.commit();
      } catch (error) {
        giveUp(error);
      }
      resolveOffset(some.at(-1)!.offset);
      at += some.length;
      await heartbeat();
    }
  },
});
Deno.addSignalListener("SIGTERM", async () => {
  await consumer.disconnect();
  await producer.disconnect();
  Deno.exit(0);
});
