/**
 * Proves what a consumer promises as a member of a group, in both protocols, over real sockets against a broker in this
 * process: who gets what, what listeners hear, where reading goes on, and how calls end. With RUNNEL_BOOTSTRAP it runs
 * against that broker instead, which may be Kafka and loses the topics t, u and tu.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Admin,
  Broker,
  type BrokerOptions,
  Cluster,
  Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  KafkaError,
  Producer,
  type RebalanceListener,
  SubscriptionPattern,
  WakeupError,
} from "../../src/mod.ts";

const PROTOCOLS: Readonly<Record<string, ConsumerOptions>> = {
  "eager": { groupProtocol: "classic", partitionAssignors: ["range"], heartbeatIntervalMs: 100 },
  "cooperative": {
    groupProtocol: "classic",
    partitionAssignors: ["cooperative-sticky"],
    heartbeatIntervalMs: 100,
  },
  "consumer": { groupProtocol: "consumer" },
};

/** Groups that notice everything soon. */
const QUICK: BrokerOptions = {
  groups: {
    initialRebalanceDelayMs: 0,
    consumerMinHeartbeatIntervalMs: 50,
    consumerHeartbeatIntervalMs: 50,
    consumerAssignmentIntervalMs: 0,
  },
};

/** A broker with topic t of four partitions. */
async function withGroup(
  protocol: string,
  use: (world: World) => Promise<void>,
): Promise<void> {
  const bootstrap = Deno.env.get("RUNNEL_BOOTSTRAP");
  await using broker = bootstrap === undefined ? await Broker.start(QUICK) : null;
  const cluster = new Cluster({
    bootstrap: bootstrap ?? broker!.address,
    metadataMaxAgeMs: 300,
  });
  const world = new World(cluster, PROTOCOLS[protocol]);
  try {
    if (bootstrap !== undefined) await world.clear();
    await world.admin.createTopics([{ name: "t", partitions: 4 }]);
    await use(world);
  } finally {
    for (const consumer of world.consumers) await consumer.close();
    await world.producer.close();
    cluster.close();
  }
}

class World {
  readonly admin: Admin;
  readonly producer: Producer;
  readonly consumers: Consumer[] = [];
  readonly #group = `g-${crypto.randomUUID()}`;

  constructor(readonly cluster: Cluster, readonly options: ConsumerOptions) {
    this.admin = new Admin(cluster);
    this.producer = new Producer(cluster);
  }

  /** Removes what a test before has left. */
  async clear(): Promise<void> {
    const names = (await this.admin.listTopics()).map(({ name }) => name);
    const left = names.filter((name) => ["t", "u", "tu"].includes(name));
    if (left.length > 0) await this.admin.deleteTopics(left);
  }

  consumer(options: ConsumerOptions = {}): Consumer {
    const consumer = new Consumer(this.cluster, {
      groupId: this.#group,
      autoOffsetReset: "earliest",
      fetchMaxWaitMs: 50,
      ...this.options,
      ...options,
    });
    this.consumers.push(consumer);
    return consumer;
  }

  async produce(count: number, topic = "t"): Promise<void> {
    await Promise.all(
      Array.from(
        { length: count },
        (_, i) => this.producer.send({ topic, partition: i % 4, value: `${i}` }),
      ),
    );
  }
}

/** Polls all of them in turns until it is so. */
async function until(consumers: readonly Consumer[], isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!isSo()) {
    assert(performance.now() < deadlineMs, `never so: ${consumers.map(shown).join(" | ")}`);
    for (const consumer of consumers) await consumer.poll(20);
  }
}

/** So many records, with the time that takes. */
async function read(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [], deadlineMs = performance.now() + 20_000;
  while (records.length < count) {
    assert(performance.now() < deadlineMs, `${records.length} of ${count} came`);
    records.push(...await consumer.poll(50));
  }
  return records;
}

/** What poll() throws, when it does. */
async function failureOf(consumer: Consumer): Promise<Error & { kafkaName?: string }> {
  const deadlineMs = performance.now() + 20_000;
  return await assertRejects(async () => {
    while (performance.now() < deadlineMs) await consumer.poll(50);
  }, Error);
}

const shown = (consumer: Consumer) =>
  consumer.assignment().map(({ topic, partition }) => `${topic}-${partition}`).sort().join();

const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes!);

function each(name: string, use: (world: World) => Promise<void>): void {
  for (const protocol of Object.keys(PROTOCOLS)) {
    Deno.test(`${name} (${protocol})`, () => withGroup(protocol, use));
  }
}

each("members share the partitions, and who is left has them all", async (world) => {
  const a = world.consumer(), b = world.consumer();
  a.subscribe("t");
  await until([a], () => a.assignment().length === 4);
  b.subscribe(["t"]);
  await until([a, b], () => a.assignment().length === 2 && b.assignment().length === 2);
  assertEquals(new Set([...shown(a).split(","), ...shown(b).split(",")]).size, 4);
  await b.close();
  await until([a], () => a.assignment().length === 4);
});

each("the next member goes on where the last one has committed", async (world) => {
  await world.produce(40);
  const a = world.consumer();
  a.subscribe("t");
  await read(a, 40);
  await a.close(); // commits by itself
  await world.produce(4);
  const b = world.consumer();
  b.subscribe("t");
  assertEquals((await read(b, 4)).map(({ value }) => text(value)).sort(), ["0", "1", "2", "3"]);
  assertEquals(await b.poll(100), []);
});

each("a loop over records commits what it came back from, and no more", async (world) => {
  await world.produce(8);
  const a = world.consumer({ maxPollRecords: 3 });
  a.subscribe("t");
  const seen: string[] = [];
  for await (const record of a) {
    seen.push(`${record.partition}-${record.offset}`);
    if (seen.length === 5) break;
  }
  await a.close();
  const b = world.consumer();
  b.subscribe("t");
  const rest = (await read(b, 4)).map(({ partition, offset }) => `${partition}-${offset}`);
  assertEquals(rest.length, 4);
  assert(rest.includes(seen[4]), "what the loop was left with comes again");
  assertEquals(new Set([...seen, ...rest]).size, 8);
});

each(
  "listeners hear of what comes and goes, within poll(), and rebalances wait for them",
  async (world) => {
    const heard: string[] = [];
    let isPolling = false;
    const listener = (name: string): RebalanceListener => ({
      onPartitionsAssigned: (partitions) => {
        if (partitions.length > 0) heard.push(`${name}+${partitions.length}`);
        assert(isPolling);
      },
      onPartitionsRevoked: async (partitions) => {
        assert(isPolling);
        await new Promise((resolve) => setTimeout(resolve, 30));
        heard.push(`${name}-${partitions.length}`);
      },
    });
    const poll = async (consumer: Consumer) => {
      isPolling = true;
      await consumer.poll(20);
      isPolling = false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const a = world.consumer(), b = world.consumer();
    a.subscribe("t", listener("a"));
    while (a.assignment().length < 4) await poll(a);
    b.subscribe("t", listener("b"));
    while (a.assignment().length !== 2 || b.assignment().length !== 2) {
      await poll(a);
      await poll(b);
    }
    isPolling = true; // close() is as good
    await b.close();
    const isEager = world.options.partitionAssignors?.[0] === "range";
    assertEquals(
      heard.filter((one) => one.startsWith("a")).slice(0, 3),
      isEager ? ["a+4", "a-4", "a+2"] : ["a+4", "a-2"],
    );
    assertEquals(heard.filter((one) => one.startsWith("b")), ["b+2", "b-2"]);
    assert(heard.indexOf("b+2") > heard.findIndex((one) => one.startsWith("a-")));
  },
);

each("offsets are committed by position, by record, by hand, and asked for", async (world) => {
  const a = world.consumer({ enableAutoCommit: false }), t0 = { topic: "t", partition: 0 };
  a.subscribe("t");
  await until([a], () => a.assignment().length === 4);
  assertEquals(await a.committed([t0]), [null]);
  await world.produce(20);
  await read(a, 20);
  await a.commit();
  assertEquals((await a.committed()).map((one) => one?.offset), [5, 5, 5, 5]);
  await a.seekToBeginning();
  const records = (await read(a, 20)).filter(({ partition }) => partition === 0);
  await a.commit(records.slice(0, 2));
  assertEquals((await a.committed([t0]))[0]?.offset, 2);
  await a.commit([{ ...t0, offset: 4, metadata: "so far" }]);
  assertEquals(await a.committed([t0]), [{
    ...t0,
    offset: 4,
    leaderEpoch: -1,
    metadata: "so far",
  }]);
  const done = Promise.withResolvers<unknown>();
  a.commitAsync([{ ...t0, offset: 1 }], (error) => done.resolve(error));
  assertEquals(await done.promise, null);
  assertEquals((await a.committed([t0]))[0]?.offset, 1);
  await assertRejects(() => a.commit([{ ...t0, offset: -1 }]), Error, "-1");
});

each(
  "who is put out hears that its partitions are lost, cannot commit, and joins anew",
  async (world) => {
    await world.produce(8);
    const heard: string[] = [];
    const a = world.consumer({ enableAutoCommit: false, maxPollIntervalMs: 600 });
    a.subscribe("t", {
      onPartitionsLost: (partitions) => void heard.push(`lost ${partitions.length}`),
      onPartitionsRevoked: (partitions) => void heard.push(`revoked ${partitions.length}`),
    });
    await read(a, 8);
    const b = world.consumer();
    b.subscribe("t");
    // a does not poll any more: it leaves by itself, and b has everything.
    await until([b], () => b.assignment().length === 4);
    const error = await assertRejects(() => a.commit(), KafkaError);
    assert(
      ["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_MEMBER_EPOCH"].includes(error.kafkaName),
    );
    await until([a, b], () => a.assignment().length === 2 && b.assignment().length === 2);
    assertEquals(heard[0], "lost 4");
  },
);

each("a listener may commit what goes when the consumer is closed", async (world) => {
  await world.produce(8);
  const a = world.consumer({ enableAutoCommit: false });
  a.subscribe("t", { onPartitionsRevoked: () => a.commit() });
  await read(a, 8);
  await a.close();
  const b = world.consumer(), all = [0, 1, 2, 3].map((partition) => ({ topic: "t", partition }));
  assertEquals((await b.committed(all)).map((one) => one?.offset), [2, 2, 2, 2]);
  await assertRejects(() => a.commit(), Error, "closed");
});

each("a static member that is back has what it had, without a rebalance", async (world) => {
  const a = world.consumer({ groupInstanceId: "one" }), b = world.consumer();
  a.subscribe("t");
  let rebalances = 0;
  b.subscribe("t", { onPartitionsRevoked: () => void rebalances++ });
  await until([a, b], () => a.assignment().length === 2 && b.assignment().length === 2);
  const had = shown(a), before = rebalances;
  await a.close();
  const again = world.consumer({ groupInstanceId: "one" });
  again.subscribe("t");
  await until([again, b], () => again.assignment().length === 2);
  assertEquals([shown(again), rebalances], [had, before]);
});

each("a RegExp follows topics that come, and partitions that do", async (world) => {
  const a = world.consumer();
  a.subscribe(/^[tu]$/);
  await until([a], () => a.assignment().length === 4);
  await world.admin.createTopics([{ name: "u", partitions: 2 }, { name: "tu" }]);
  await until([a], () => a.assignment().length === 6);
  await world.admin.createPartitions("t", 5);
  await until([a], () => a.assignment().length === 7);
  assertEquals(a.subscription(), ["t", "u"]);
});

each(
  "another subscription takes the place of the first, and unsubscribe() leaves",
  async (world) => {
    await world.admin.createTopics([{ name: "u", partitions: 2 }]);
    const a = world.consumer(), b = world.consumer();
    a.subscribe("t");
    await until([a], () => shown(a) === "t-0,t-1,t-2,t-3");
    a.subscribe("u");
    await until([a], () => shown(a) === "u-0,u-1");
    assertThrows(() => a.assign([{ topic: "t", partition: 0 }]), Error, "subscribes");
    await a.unsubscribe();
    assertEquals(a.assignment(), []);
    b.subscribe("u");
    await until([b], () => shown(b) === "u-0,u-1");
    a.assign([{ topic: "t", partition: 0 }]);
    assertThrows(() => a.subscribe("t"), Error, "by hand");
  },
);

each("a deleted topic goes, and the others are read on", async (world) => {
  await world.admin.createTopics([{ name: "u", partitions: 1 }]);
  const a = world.consumer();
  a.subscribe(["t", "u"]);
  await until([a], () => a.assignment().length === 5);
  await world.admin.deleteTopics(["u"]);
  await until([a], () => shown(a) === "t-0,t-1,t-2,t-3");
  await world.produce(4);
  await read(a, 4);
});

each("wakeup() and an aborted signal end a wait, and nothing is lost by it", async (world) => {
  const a = world.consumer();
  a.subscribe("t");
  await until([a], () => a.assignment().length === 4);
  setTimeout(() => a.wakeup(), 30);
  await assertRejects(() => a.poll(60_000), WakeupError);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 30);
  await assertRejects(() => a.poll(60_000, controller), Error, "enough");
  await assertRejects(
    () => a.commit([{ topic: "t", partition: 0, offset: 0 }], controller),
    Error,
    "enough",
  );
  await assertRejects(() => a.committed(undefined, controller), Error, "enough");
  await assertRejects(() => a.seekToEnd(undefined, controller), Error, "enough");
  await world.produce(4);
  await read(a, 4);
});

each("what a listener throws is thrown by poll(), and the rebalance goes on", async (world) => {
  const a = world.consumer();
  a.subscribe("t", {
    onPartitionsAssigned: (partitions) => {
      if (partitions.length > 0) throw new Error("not mine");
    },
  });
  await assertRejects(
    async () => {
      while (true) await a.poll(50);
    },
    Error,
    "not mine",
  );
  assertEquals(a.assignment().length, 4);
});

Deno.test("a pattern that the broker matches follows topics that come", () =>
  withGroup("consumer", async (world) => {
    const a = world.consumer();
    a.subscribe(new SubscriptionPattern("[tu]"));
    await until([a], () => a.assignment().length === 4);
    await world.produce(4);
    await read(a, 4);
    const wrong = world.consumer({ groupId: `h-${crypto.randomUUID()}` });
    wrong.subscribe(new SubscriptionPattern("("));
    assertEquals((await failureOf(wrong)).kafkaName, "INVALID_REGULAR_EXPRESSION");
    assertThrows(
      () => world.consumer({ groupProtocol: "classic" }).subscribe(new SubscriptionPattern("t")),
      TypeError,
      "RegExp",
    );
  }));

Deno.test("who takes a static member's place fences it for good", () =>
  withGroup("eager", async (world) => {
    const a = world.consumer({ groupInstanceId: "one" }),
      b = world.consumer({ groupInstanceId: "one" });
    a.subscribe("t");
    await until([a], () => a.assignment().length === 4);
    b.subscribe("t");
    await until([b], () => b.assignment().length === 4);
    for (let i = 0; i < 2; i++) {
      assertEquals((await failureOf(a)).kafkaName, "FENCED_INSTANCE_ID");
    }
  }));

Deno.test("partitions assigned by hand begin where the group has committed", () =>
  withGroup("eager", async (world) => {
    await world.produce(8);
    const a = world.consumer(),
      t0 = { topic: "t", partition: 0 },
      t1 = { topic: "t", partition: 1 };
    a.assign([t0, t1]);
    await a.commit([{ ...t0, offset: 1 }]);
    const records = await read(a, 3);
    assertEquals(records.map(({ partition, offset }) => `${partition}-${offset}`).sort(), [
      "0-1",
      "1-0",
      "1-1",
    ]);
    a.pause([t0]);
    assertEquals(a.paused(), [t0]);
    await world.produce(8);
    assertEquals((await read(a, 2)).map(({ partition }) => partition), [1, 1]);
    a.resume([t0]);
    assertEquals((await read(a, 2)).map(({ partition }) => partition), [0, 0]);
    assertEquals([a.position(t0), a.currentLag(t0)], [4, 0]);
    await a.seekToEnd([t0]);
    assertEquals([await a.beginningOffsets([t0]), await a.endOffsets([t0])], [[0], [4]]);
    assertEquals((await a.offsetsForTimes([{ ...t0, timestampMs: 0 }]))[0].offset, 0);
    assertEquals((await a.partitionsFor("t")).length, 4);
  }));

Deno.test("without a group there is nothing to subscribe with or to commit to", () =>
  withGroup("eager", async (world) => {
    const a = world.consumer({ groupId: undefined });
    assertThrows(() => a.subscribe("t"), Error, "groupId");
    await assertRejects(() => a.commit(), Error, "groupId");
    for (
      const wrong of [
        { groupId: "" },
        { groupProtocol: "new" as "classic" },
        { maxPollIntervalMs: 0 },
        { sessionTimeoutMs: 50 },
        { partitionAssignors: [] },
        { maxPollRecords: 0 },
      ]
    ) {
      assertThrows(() => world.consumer({ ...world.options, ...wrong }), TypeError);
    }
    const reset = world.consumer({
      groupId: `h-${crypto.randomUUID()}`,
      autoOffsetReset: { byDurationMs: 60_000 },
    });
    await world.producer.send({ topic: "t", partition: 0, value: "old", timestampMs: 1 });
    await world.producer.send({ topic: "t", partition: 0, value: "new" });
    reset.assign([{ topic: "t", partition: 0 }]);
    const [record] = await reset.poll(5000);
    assertEquals(text(record.value), "new");
  }));
