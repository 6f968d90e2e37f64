/**
 * Proves that a call whose signal was aborted before asks nothing of the broker, that a wait without end is one, and that
 * a client which is closed leaves no socket, whatever the broker at the other end does.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Admin,
  Broker,
  Cluster,
  ConnectionError,
  Consumer,
  Producer,
  TransactionalProducer,
} from "../../src/mod.ts";

const before = { signal: AbortSignal.abort(new Error("before")) };

Deno.test("a call that was aborted before asks for nothing", async () => {
  await using broker = await Broker.start();
  const cluster = new Cluster({ bootstrap: broker.address });
  using _ = { [Symbol.dispose]: () => cluster.close() };
  const admin = new Admin(cluster), at = { topic: "t", partition: 0 };
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  await using consumer = new Consumer(cluster, { groupId: "g", enableAutoCommit: false });
  consumer.assign([at]);
  await using copier = new TransactionalProducer(cluster, { transactionalId: "x" });
  await using other = new TransactionalProducer(cluster, { transactionalId: "x" });
  const isRefused = (call: () => Promise<unknown>) => assertRejects(call, Error, "before");
  await isRefused(() => consumer.commit([{ ...at, offset: 7 }], before));
  await copier.init();
  await isRefused(() => other.init(before));
  await isRefused(() => admin.fenceProducer("x", before));
  copier.begin();
  await isRefused(() => copier.send({ topic: "t", value: "never" }, before));
  await isRefused(() => copier.sendOffsets("g", [{ ...at, offset: 7 }], before));
  const sent = await copier.send({ topic: "t", value: "first" }); // it is fenced by nobody
  await isRefused(() => copier.abort(before));
  await copier.commit();
  assertEquals(sent.offset, 0);
  assertEquals(await consumer.committed(), [null]);
});

Deno.test("a call takes no longer than it is given, also where no answer comes", async () => {
  await using broker = await Broker.start();
  const cluster = new Cluster({ bootstrap: broker.address });
  using _ = { [Symbol.dispose]: () => cluster.close() };
  await new Admin(cluster).listTopics();
  broker.faults.next({ api: "Metadata", delayMs: 60_000 });
  const asked = () => new Admin(cluster).listTopics({ timeoutMs: 100 });
  await assertRejects(asked, ConnectionError, "No answer within 100 ms");
});

Deno.test("a time of 0 is one try, which is answered, or fails for what is wrong", async () => {
  await using broker = await Broker.start();
  const cluster = new Cluster({ bootstrap: broker.address });
  using _ = { [Symbol.dispose]: () => cluster.close() };
  const admin = new Admin(cluster), once = { timeoutMs: 0 };
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  assertEquals((await admin.describeTopic("t", once)).name, "t");
  assertEquals((await admin.describeLogDirs(once)).map(({ topic }) => topic), ["t"]);
  const copier = new TransactionalProducer(cluster, { transactionalId: "x" });
  await copier.init();
  await copier.close();
  const calls = {
    ListTransactions: () => admin.listTransactions({}, once),
    DescribeTransactions: () => admin.describeTransaction("x", once),
    DescribeLogDirs: () => admin.describeLogDirs(once),
  };
  for (const [api, call] of Object.entries(calls)) {
    assert(await call() !== null, api);
    broker.faults.next({ api, disconnect: true });
    await assertRejects(call, ConnectionError);
  }
  broker.faults.assertAllFired();
});

Deno.test("Infinity is a wait without end", async () => {
  await using broker = await Broker.start();
  const times = { callTimeoutMs: Infinity, requestTimeoutMs: Infinity, connectTimeoutMs: Infinity };
  const cluster = new Cluster({ bootstrap: broker.address, ...times });
  using _ = { [Symbol.dispose]: () => cluster.close() };
  await using consumer = new Consumer(cluster, { groupId: "g" });
  consumer.assign([{ topic: "t", partition: 0 }]);
  broker.faults.next({ api: "OffsetCommit", delayMs: 700 });
  let timers = 0;
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof real>) => {
    timers++;
    return real(...args);
  }, real);
  try {
    await new Admin(cluster).createTopics([{ name: "t", partitions: 1 }]);
    await consumer.commit([{ topic: "t", partition: 0, offset: 0 }]);
  } finally {
    globalThis.setTimeout = real;
  }
  broker.faults.assertAllFired();
  assert(timers < 30, `${timers} timers`); // none that goes off at once, again and again
});

Deno.test("a client that is closed while a broker says nothing leaves no socket", async () => {
  await using silent = new Silent();
  const consumer = new Consumer({ bootstrap: silent.address });
  consumer.assign([{ topic: "t", partition: 0 }]);
  assertEquals(await consumer.poll(100), []);
  await consumer.close();
  assertEquals(await silent.ended(), 1);
});

Deno.test("a handshake that fails leaves no socket", async () => {
  await using silent = new Silent(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await using producer = new Producer({ bootstrap: silent.address, tls: {} }, {
    deliveryTimeoutMs: 1000,
  });
  await assertRejects(() => producer.send({ topic: "t", value: "x" }), ConnectionError);
  assert(silent.accepted > 0);
  assertEquals(await silent.ended(), silent.accepted);
});

/** Takes connections, says at most one thing, and notes which were closed. */
class Silent implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #held: Deno.Conn[] = [];
  readonly #ends: Promise<void>[] = [];
  readonly #accepting: Promise<void>;

  constructor(said = new Uint8Array(0)) {
    this.#accepting = this.#accept(said);
  }

  get address(): string {
    const { hostname, port } = this.#listener.addr as Deno.NetAddr;
    return `${hostname}:${port}`;
  }

  get accepted(): number {
    return this.#held.length;
  }

  /** How many were closed by the other side, once all were or after ten seconds. */
  async ended(): Promise<number> {
    let ended = 0;
    for (const end of this.#ends) end.then(() => ended++);
    for (let i = 0; i < 1000 && ended < this.#held.length; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const conn of this.#held) conn.close();
    await Promise.all(this.#ends);
  }

  async #accept(said: Uint8Array): Promise<void> {
    for await (const conn of this.#listener) {
      this.#held.push(conn);
      this.#ends.push(untilEnd(conn));
      if (said.length > 0) await conn.write(said).catch(() => {});
    }
  }
}

async function untilEnd(conn: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(4096);
  try {
    while (await conn.read(bytes) !== null);
  } catch {
    // as good as an end
  }
}
