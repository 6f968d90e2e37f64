/** Holds a transaction open, for pages that look at one: open_transaction.ts HOST:PORT ID TOPIC. Says so, and waits. */
import { TransactionalProducer } from "../../src/mod.ts";

const [bootstrap, transactionalId, topic] = Deno.args;
const producer = new TransactionalProducer({ bootstrap }, { transactionalId });
await producer.init();
producer.begin();
await producer.send({ topic, value: "not yet" });
console.log("open");
await new Promise((resolve) => setTimeout(resolve, 60_000));
