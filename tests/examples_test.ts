// Proves that every example does what it says: the programs against a broker, the word count
// over a failure in the middle, the outbox over sends that fail. The service's own tests stand beside it.
import { assertEquals, assertRejects } from "@std/assert";
import { countWords } from "../examples/word_count.ts";
import { work } from "../examples/group.ts";
import { OrderBook } from "../examples/outbox.ts";
import { Admin, Broker, Producer } from "../src/mod.ts";
import { Connection } from "../src/client/connection.ts";
import { fetchOne, recordsIn } from "./broker/calls.ts";

Deno.test("producer.ts says where its records went, and consumer.ts reads them", async () => {
  await using broker = await Broker.start();
  const sent = await run("producer.ts", broker.address, "greetings", "one", "two");
  assertEquals(sent, "one is greetings-0 at 0\ntwo is greetings-0 at 1\n");
  const read = await run("consumer.ts", broker.address, "greetings");
  assertEquals(read, "greetings-0 at 0: one\ngreetings-0 at 1: two\n");
});

Deno.test("word_count.ts counts each line once, also when it fails in the middle and begins again", async () => {
  await using broker = await Broker.start();
  const { address: bootstrap } = broker, options = { bootstrap, from: "lines", to: "counts" };
  {
    using admin = new Admin({ bootstrap });
    await admin.createTopics([{ name: "lines", partitions: 1 }, {
      name: "counts",
      partitions: 1,
      configs: { "cleanup.policy": "compact" },
    }]);
    await using producer = new Producer({ bootstrap });
    for (const value of ["The quick fox", "the lazy dog", "the end"]) {
      await producer.send({ topic: "lines", value });
    }
  }
  // A transaction cannot be committed: what it wrote is not seen, and its line is counted again.
  broker.faults.next({
    api: "EndTxn",
    errorCode: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  });
  await assertRejects(() => countWords(options));
  broker.faults.assertAllFired();
  const first = await countWords(options);
  assertEquals([first.get("the"), first.get("fox"), first.get("end")], [3, 1, 1]);
  assertEquals(await countWords(options), first); // there is nothing new
});

Deno.test("outbox.ts sends what was placed in its order, and again what was not acknowledged", async () => {
  await using broker = await Broker.start();
  await using producer = new Producer({
    bootstrap: broker.address,
    allowAutoTopicCreation: true,
  });
  const book = new OrderBook(":memory:");
  book.place("a", 1);
  book.place("b", 2);
  await assertRejects(async () => book.place("a", 3));
  assertEquals(book.waiting, 2);
  await book.relay(producer);
  book.place("c", 4);
  broker.faults.next({ api: "Produce", errorCode: "MESSAGE_TOO_LARGE" });
  await assertRejects(() => book.relay(producer));
  assertEquals(book.waiting, 1);
  await book.relay(producer);
  assertEquals(book.waiting, 0);
  book.close();
  const [host, port] = broker.address.split(":");
  const connection = await Connection.open({ host, port: Number(port) });
  const { records } = await fetchOne(connection, "orders", 0);
  connection.close();
  const text = new TextDecoder();
  assertEquals(
    recordsIn(records).map(({ key, headers: [id] }) => [text.decode(key!), text.decode(id.value!)]),
    [["a", "1"], ["b", "2"], ["c", "3"]],
  );
});

Deno.test("group.ts: two members share the partitions, and one goes on alone where the other left", async () => {
  const groups = { consumerMinHeartbeatIntervalMs: 100, consumerHeartbeatIntervalMs: 100 };
  await using broker = await Broker.start({ groups });
  const { address: bootstrap } = broker;
  {
    using admin = new Admin({ bootstrap });
    await admin.createTopics([{ name: "orders", partitions: 4 }]);
  }
  await using producer = new Producer({ bootstrap });
  const send = (from: number) =>
    Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        producer.send({ topic: "orders", partition: i % 4, value: `${from + i}` })),
    );
  const done: string[] = [], text = new TextDecoder();
  const member = () => {
    const stop = new AbortController(), held = new Set<number>();
    const options = { bootstrap, group: "workers", topic: "orders", signal: stop.signal };
    const onPartitions = (what: string, partitions: readonly number[]) => {
      for (const one of partitions) what === "assigned" ? held.add(one) : held.delete(one);
    };
    const ended = work(
      { ...options, onPartitions },
      ({ value }) => void done.push(text.decode(value!)),
    );
    return { held, stop: () => (stop.abort(), ended) };
  };
  const until = async (what: string, isSo: () => boolean) => {
    for (let tries = 0; !isSo(); tries++) {
      if (tries > 3000) throw new Error(`Not within 30 s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const first = member(), second = member();
  await until("both have two", () => first.held.size === 2 && second.held.size === 2);
  await send(0);
  await until("eight are done", () => done.length >= 8);
  await first.stop();
  await until("one has all", () => second.held.size === 4);
  await send(8);
  await until("sixteen are done", () => done.length >= 16);
  await second.stop();
  const numbers = done.map(Number).toSorted((a, b) => a - b);
  assertEquals(numbers, Array.from({ length: 16 }, (_, i) => i)); // each once
});

const ROOT = new URL("..", import.meta.url);

async function run(example: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: [
      "run",
      "--no-check",
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      `examples/${example}`,
      ...args,
    ],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder();
  assertEquals(success, true, text.decode(stderr));
  return text.decode(stdout);
}
