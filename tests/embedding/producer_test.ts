/** Proves what a producer's callers may say: where records go, and when they do not want to wait any more. */
import { assertEquals, assertRejects } from "@std/assert";
import {
  Admin,
  Broker,
  Cluster,
  Consumer,
  KafkaError,
  Producer,
  TransactionalProducer,
} from "../../src/mod.ts";

Deno.test("a partitioner says where records go, and may leave it to the default", async () => {
  await using broker = await Broker.start();
  const cluster = new Cluster({ bootstrap: broker.address });
  await new Admin(cluster).createTopics([{ name: "t", partitions: 4 }]);
  await using plain = new Producer(cluster);
  const byDefault = (await plain.send({ topic: "t", key: "k" })).partition;
  await using producer = new Producer(cluster, {
    partitioner: (topic, { value }, partitionCount) => {
      const text = new TextDecoder().decode(value!);
      if (text === "wrong") throw new Error("no place");
      if (text === "beyond") return partitionCount;
      return topic === "t" && text !== "any" ? Number(text) % partitionCount : undefined;
    },
  });
  const sent = await Promise.all(
    ["0", "1", "6", "any"].map((value) => producer.send({ topic: "t", key: "k", value })),
  );
  assertEquals(sent.map(({ partition }) => partition), [0, 1, 2, byDefault]);
  assertEquals((await producer.send({ topic: "t", partition: 3, value: "0" })).partition, 3);
  await assertRejects(() => producer.send({ topic: "t", value: "wrong" }), Error, "no place");
  await assertRejects(() => producer.send({ topic: "t", value: "beyond" }), Error, "Partition 4");
  assertEquals((await producer.send({ topic: "t", value: "2" })).partition, 2);
  cluster.close();
});

Deno.test("calls end with their signal's reason, also where nobody answers", async () => {
  const cluster = new Cluster({ bootstrap: "nobody:9092", dial: () => new Promise(() => {}) });
  const producer = new Producer(cluster, { bufferBytes: 1, deliveryTimeoutMs: 100 });
  const copier = new TransactionalProducer(cluster, { transactionalId: "x", callTimeoutMs: 100 });
  const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    send: (signal) => producer.send({ topic: "t", value: "x" }, { signal }),
    room: (signal) => producer.room({ signal }),
    flush: (signal) => producer.flush({ signal }),
    close: (signal) => producer.close({ signal }),
    init: (signal) => copier.init({ signal }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error(`no more ${name}`)), 5);
    await assertRejects(() => call(controller.signal), Error, `no more ${name}`);
  }
  const aborted = AbortSignal.abort(new Error("before"));
  await using other = new Producer({ bootstrap: "nobody:9092" });
  await assertRejects(() => other.send({ topic: "t" }, { signal: aborted }), Error, "before");
  cluster.close();
});

Deno.test("who sends may use the bytes again at once, also of the first record of a topic", async () => {
  await using broker = await Broker.start();
  const cluster = { bootstrap: broker.address, allowAutoTopicCreation: true };
  await using producer = new Producer(cluster);
  const bytes = new Uint8Array(1), sent: Promise<unknown>[] = [];
  for (const letter of "abc") {
    bytes[0] = letter.charCodeAt(0);
    const headers = [{ key: "h", value: bytes }];
    sent.push(producer.send({ topic: "t", key: bytes, value: bytes, headers }));
  }
  await Promise.all(sent);
  using consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: "t", partition: 0 }]);
  const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!);
  assertEquals(
    (await consumer.poll(5000)).map(({ key, value, headers: [header] }) =>
      text(key) + text(value) + text(header.value)
    ),
    ["aaa", "bbb", "ccc"],
  );
});

Deno.test("a receiver that throws keeps nobody else from hearing", async () => {
  await using broker = await Broker.start();
  const thrown: string[] = [], heard: number[] = [];
  const note = (event: ErrorEvent) => {
    event.preventDefault();
    thrown.push(event.error.message);
  };
  globalThis.addEventListener("error", note);
  const producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
  const receiver = {
    delivered: (mark: number) => {
      heard.push(mark);
      if (mark < 2) throw new Error(`not ${mark}`);
    },
    failed: () => {},
  };
  for (const mark of [0, 1, 2]) producer.post({ topic: "t", value: "x" }, receiver, mark);
  await producer.close();
  globalThis.removeEventListener("error", note);
  assertEquals([heard, thrown], [[0, 1, 2], ["not 0", "not 1"]]);
});

Deno.test("a record is not retried beyond its time while there is no producer id", async () => {
  await using broker = await Broker.start();
  await using producer = new Producer(
    { bootstrap: broker.address, allowAutoTopicCreation: true },
    { deliveryTimeoutMs: 200 },
  );
  const errorCode = "COORDINATOR_LOAD_IN_PROGRESS";
  broker.faults.next({ api: "InitProducerId", errorCode, count: Infinity });
  const signal = AbortSignal.timeout(5000);
  await assertRejects(() => producer.send({ topic: "t" }, { signal }), KafkaError, errorCode);
});
