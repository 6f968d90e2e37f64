// Proves that a program can hold a broker in its own process: the example of mod.ts, options, and a clean end.
import { assertEquals, assertRejects } from "@std/assert";
import { Broker, Consumer, Producer } from "../src/mod.ts";

Deno.test("a broker in the process serves a producer and a consumer", async () => {
  await using broker = await Broker.start();
  await using producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
  await producer.send({ topic: "greetings", value: "hello" });
  using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: "greetings", partition: 0 }]);
  const [record] = await consumer.poll(5000);
  assertEquals([record.offset, new TextDecoder().decode(record.value!)], [0, "hello"]);
});

Deno.test("an option that does not exist is refused by its name", async () => {
  const wrong = { kafkaPorts: 1 } as Record<string, unknown>;
  await assertRejects(() => Broker.start(wrong), TypeError, "kafkaPorts");
});

Deno.test("options of a group keep the others' defaults", async () => {
  const path = await Deno.makeTempDir();
  {
    await using broker = await Broker.start({ storage: { path } });
    await using producer = new Producer({
      bootstrap: broker.address,
      allowAutoTopicCreation: true,
    });
    assertEquals((await producer.send({ topic: "kept", value: "1" })).offset, 0);
  }
  {
    await using broker = await Broker.start({ storage: { path }, numPartitions: 3 });
    using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
    consumer.assign([{ topic: "kept", partition: 0 }]);
    assertEquals((await consumer.poll(5000)).length, 1);
  }
  await Deno.remove(path, { recursive: true });
});
