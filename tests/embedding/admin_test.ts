/** Proves what an Admin does to a cluster and sees of it, and that its calls end when their signal says so. */
import { assertEquals, assertRejects } from "@std/assert";
import { Admin, Broker, Consumer, KafkaError, Producer } from "../../src/mod.ts";

Deno.test("groups are listed, described, moved, and deleted", async () => {
  await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
  const cluster = { bootstrap: broker.address };
  using admin = new Admin(cluster);
  await admin.createTopics([{ name: "t", partitions: 2 }]);
  const consumer = new Consumer(cluster, { groupId: "g", enableAutoCommit: false });
  consumer.subscribe("t");
  while (consumer.assignment().length < 2) await consumer.poll(50);
  await consumer.commit([{ topic: "t", partition: 0, offset: 3 }]);
  assertEquals((await admin.listGroups()).map(({ groupId }) => groupId), ["g"]);
  const group = await admin.describeGroup("g");
  assertEquals([group?.state, group?.members[0].partitions.length], ["Stable", 2]);
  const error = await assertRejects(() => admin.deleteGroup("g"), KafkaError);
  assertEquals(error.kafkaName, "NON_EMPTY_GROUP");
  await consumer.close();
  await admin.alterGroupOffsets("g", [{ topic: "t", partition: 1, offset: 7n }]);
  assertEquals(await admin.listGroupOffsets("g"), [
    { topic: "t", partition: 0, offset: 3n },
    { topic: "t", partition: 1, offset: 7n },
  ]);
  await admin.deleteGroupOffsets("g", [{ topic: "t", partition: 1 }]);
  assertEquals((await admin.listGroupOffsets("g")).length, 1);
  await admin.deleteGroup("g");
  assertEquals(await admin.describeGroup("g"), null);
});

Deno.test("ACLs, quotas and users are made, seen and taken away", async () => {
  await using broker = await Broker.start({
    authorization: { mode: "on", superUsers: ["User:ANONYMOUS"] },
  });
  using admin = new Admin({ bootstrap: broker.address });
  const acl = { resource: "topic", name: "t", principal: "User:a", operation: "read" } as const;
  await admin.createAcls([acl, { ...acl, operation: "write", pattern: "prefixed" }]);
  const whole = { ...acl, pattern: "literal", host: "*", permission: "allow" } as const;
  assertEquals(await admin.describeAcls({ operation: "read" }), [whole]);
  assertEquals((await admin.describeAcls()).length, 2);
  assertEquals(await admin.deleteAcls([{ pattern: "literal" }]), [whole]);
  assertEquals((await admin.describeAcls({ principal: "User:a" })).length, 1);
  await admin.alterQuota({ user: "a", clientId: null }, { producer_byte_rate: 5e6 });
  await admin.alterQuota({ user: "b" }, { consumer_byte_rate: 1e6 });
  assertEquals(await admin.describeQuotas({ user: "a" }), [{
    entity: { user: "a", clientId: null },
    values: { producer_byte_rate: 5e6 },
  }]);
  await admin.alterQuota({ user: "b" }, { consumer_byte_rate: null });
  assertEquals((await admin.describeQuotas()).length, 1);
  await admin.setPassword("a", "secret", { iterations: 4096 });
  assertEquals([...await admin.describeUsers()], [
    ["a", [{ mechanism: "SCRAM-SHA-512", iterations: 4096 }]],
  ]);
  await admin.deleteUser("a");
  assertEquals((await admin.describeUsers()).size, 0);
  const error = await assertRejects(() => admin.deleteUser("a"), KafkaError);
  assertEquals(error.kafkaName, "RESOURCE_NOT_FOUND");
});

Deno.test("replicas have their size, and transactions are there", async () => {
  await using broker = await Broker.start();
  const cluster = { bootstrap: broker.address };
  using admin = new Admin(cluster);
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  {
    await using producer = new Producer(cluster);
    await producer.send({ topic: "t", value: "x" });
  }
  const [size] = await admin.describeLogDirs();
  assertEquals([size.topic, size.bytes > 0], ["t", true]);
  assertEquals(await admin.listTransactions(), []);
  assertEquals(await admin.describeTransaction("none"), null);
});

Deno.test("every call ends with its signal's reason, also where nobody answers", async () => {
  const dial = () => new Promise<never>(() => {});
  using admin = new Admin({ bootstrap: "nobody:9092", dial });
  const topic = { type: "topic", name: "t" } as const, t0 = { topic: "t", partition: 0 };
  const calls: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    createTopics: (signal) => admin.createTopics([{ name: "t" }], { signal }),
    deleteTopics: (signal) => admin.deleteTopics(["t"], { signal }),
    createPartitions: (signal) => admin.createPartitions("t", 2, { signal }),
    listTopics: (signal) => admin.listTopics({ signal }),
    describeTopic: (signal) => admin.describeTopic("t", { signal }),
    describeCluster: (signal) => admin.describeCluster({ signal }),
    listOffsets: (signal) => admin.listOffsets([{ ...t0, at: "latest" }], { signal }),
    deleteRecords: (signal) => admin.deleteRecords({ ...t0, offset: 1 }, { signal }),
    describeConfigs: (signal) => admin.describeConfigs(topic, null, { signal }),
    alterConfigs: (signal) => admin.alterConfigs(topic, {}, { signal }),
    listGroups: (signal) => admin.listGroups({ signal }),
    describeGroup: (signal) => admin.describeGroup("g", { signal }),
    listGroupOffsets: (signal) => admin.listGroupOffsets("g", { signal }),
    alterGroupOffsets: (signal) => admin.alterGroupOffsets("g", [], { signal }),
    deleteGroupOffsets: (signal) => admin.deleteGroupOffsets("g", [t0], { signal }),
    deleteGroup: (signal) => admin.deleteGroup("g", { signal }),
    listTransactions: (signal) => admin.listTransactions({}, { signal }),
    describeTransaction: (signal) => admin.describeTransaction("x", { signal }),
    fenceProducer: (signal) => admin.fenceProducer("x", { signal }),
    describeLogDirs: (signal) => admin.describeLogDirs({ signal }),
    createAcls: (signal) => admin.createAcls([], { signal }),
    describeAcls: (signal) => admin.describeAcls({}, { signal }),
    deleteAcls: (signal) => admin.deleteAcls([], { signal }),
    describeQuotas: (signal) => admin.describeQuotas({}, { signal }),
    alterQuota: (signal) => admin.alterQuota({}, {}, { signal }),
    describeUsers: (signal) => admin.describeUsers({ signal }),
    setPassword: (signal) => admin.setPassword("a", "b", { iterations: 4096 }, { signal }),
    deleteUser: (signal) => admin.deleteUser("a", undefined, { signal }),
  };
  const methods = Object.getOwnPropertyNames(Admin.prototype);
  assertEquals(
    methods.filter((name) => name !== "constructor" && name !== "close").sort(),
    Object.keys(calls).sort(),
  );
  for (const [name, call] of Object.entries(calls)) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error(`no more ${name}`)), 5);
    await assertRejects(() => call(controller.signal), Error, `no more ${name}`);
  }
});
