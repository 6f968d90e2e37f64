// Proves that a program can hold a broker in its own process: the example of mod.ts, options, and a clean end.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  Admin,
  Broker,
  type BrokerOptions,
  ConfigError,
  Consumer,
  Producer,
  TransactionalProducer,
  TransactionError,
} from "../src/mod.ts";

Deno.test("a broker in the process serves a producer and a consumer", async () => {
  await using broker = await Broker.start();
  await using producer = new Producer({ bootstrap: broker.address, allowAutoTopicCreation: true });
  await producer.send({ topic: "greetings", value: "hello" });
  using consumer = new Consumer({ bootstrap: broker.address }, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: "greetings", partition: 0 }]);
  const [record] = await consumer.poll(5000);
  assertEquals([record.offset, new TextDecoder().decode(record.value!)], [0, "hello"]);
});

Deno.test("transactions are there too, and a producer that was fenced says so", async () => {
  await using broker = await Broker.start();
  const cluster = { bootstrap: broker.address, allowAutoTopicCreation: true };
  await using producer = new TransactionalProducer(cluster, { transactionalId: "copier" });
  await producer.init();
  producer.begin();
  producer.send({ topic: "greetings", value: "hello" });
  await producer.sendOffsets("readers", [{ topic: "greetings", partition: 0, offset: 1 }]);
  await producer.commit();
  await using next = new TransactionalProducer(cluster, { transactionalId: "copier" });
  await next.init();
  producer.begin();
  producer.sendOffsets("readers", [{ topic: "greetings", partition: 0, offset: 2 }]);
  const error = await assertRejects(() => producer.commit(), TransactionError);
  assertEquals(error.kind, "fenced");
});

Deno.test("an option that does not exist is refused by its name", async () => {
  const wrong = { kafkaPorts: 1 } as Record<string, unknown>;
  await assertRejects(() => Broker.start(wrong), TypeError, "kafkaPorts");
});

Deno.test("an unknown option of a group is refused by its name, with the one that was meant", async () => {
  const wrong = { storage: { pth: "x" }, log: { levle: "warn" } } as Record<string, unknown>;
  await assertRejects(() => Broker.start(wrong), TypeError, "storage.pth");
  const group = { storage: "./data" } as Record<string, unknown>;
  await assertRejects(() => Broker.start(group), TypeError, "storage");
});

Deno.test("what the executable refuses is refused in a program too, before anything listens", async () => {
  const refused: [BrokerOptions, ...string[]][] = [
    [{ listenAddresses: ["0.0.0.0"] }, "0.0.0.0", "insecure"],
    [{ listenAddresses: ["127.0.0.1", "192.0.2.7"] }, "192.0.2.7", "insecure"],
    [{ auth: { enabled: true } }, "auth.mechanism has PLAIN", "no user of it"],
    [{ kafkaPort: 9092, httpPort: 9092 }, "9092", "two ports"],
    [{ storage: { flush: "interval" } }, "flush_interval_ms"],
    [{ kafkaPort: 65536 }, "kafkaPort", "65536", "0 to 65535"],
    [{ kafkaPort: 1.5 }, "kafkaPort", "1.5"],
    [{ nodeId: "1" as unknown as number }, "nodeId", '"1"', "a whole number"],
    [{ listenAddresses: [] }, "listenAddresses"],
    [{ listenAddresses: ["http://x"] }, "http://x"],
    [{ storage: { path: "" } }, "storage.path", '""'],
    [{ storage: { flush: "never" as "os" } }, "storage.flush", "never", "fsync, os, interval"],
    [{ log: { level: "loud" as "info" } }, "log.level", "loud"],
    [{ auth: { plainPassword: 12345678 as unknown as string } }, "auth.plainPassword", "(hidden)"],
    [{ topic: { "retention.ms": -2 } }, "topic.retention.ms", "-2", "at least -1"],
    [
      { topic: { "min.compaction.lag.ms": 9, "max.compaction.lag.ms": 5 } },
      "min.compaction.lag.ms",
      "contradict",
    ],
  ];
  for (const [options, ...says] of refused) {
    const error = await assertRejects(async () => {
      const broker = await Broker.start(options);
      await broker.stop();
    }, ConfigError);
    for (const words of says) assertStringIncludes(error.message, words);
  }
});

Deno.test("topic defaults given to a broker in the process are what it tells and does", async () => {
  await using broker = await Broker.start({
    topic: { "retention.ms": 5000, "cleanup.policy": ["compact"] },
    insecure: undefined,
  });
  const admin = new Admin({ bootstrap: broker.address });
  try {
    await admin.createTopics([{ name: "t" }]);
    const configs = await admin.describeConfigs({ type: "topic", name: "t" });
    const valueOf = (name: string) => configs.find((config) => config.name === name)?.value;
    assertEquals([valueOf("retention.ms"), valueOf("cleanup.policy")], ["5000", "compact"]);
  } finally {
    admin.close();
  }
});

Deno.test("an address of IPv6 is in brackets, as clients and browsers need it", async () => {
  const isThere = await Deno.connect({ hostname: "::1", port: 1 }).then(
    () => true,
    (error) => error instanceof Deno.errors.ConnectionRefused,
  );
  if (!isThere) return; // a machine without IPv6
  await using broker = await Broker.start({ listenAddresses: ["::1"] });
  assertEquals(broker.address.slice(0, 6), "[::1]:");
  const admin = new Admin({ bootstrap: broker.address });
  try {
    await admin.createTopics([{ name: "t" }]);
    const [answer, configs] = await Promise.all([
      fetch(`http://${broker.httpAddress}/healthz`),
      admin.describeConfigs({ type: "broker", name: "0" }),
    ]);
    await answer.body?.cancel();
    assertEquals(answer.status, 200);
    const listeners = configs.find(({ name }) => name === "listeners")?.value;
    assertEquals(listeners, "PLAINTEXT://[::1]:0"); // as it was asked for
  } finally {
    admin.close();
  }
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
