// Proves, in Node and Bun, of the npm package what docs/testing.md says of it: faults and the clock, large records in every
// codec, a stop with clients connected, words for what needs Deno, and that brokers leave nothing. Run by walk.ts.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { Admin, Broker, Cluster, ConfigError, Consumer, Producer } from "runnel";

const text = new TextDecoder();

async function used(broker, { compression = "none", value = "x" } = {}) {
  const cluster = { bootstrap: broker.address, allowAutoTopicCreation: true };
  const producer = new Producer(cluster, { compression });
  const { offset } = await producer.send({ topic: "t", value });
  const consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
  consumer.assign([{ topic: "t", partition: 0 }]);
  consumer.seek({ topic: "t", partition: 0 }, offset);
  const [record] = await consumer.poll(5000);
  assert.equal(text.decode(record.value), value);
  return async () => {
    await consumer.close();
    await producer.close();
  };
}

/** The client by TLS, to who has a certificate of the authority that it was given, and to no one else. */
async function overTls(broker) {
  const pem = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
  const port = Number(broker.address.split(":")[1]);
  const server = tls.createServer({ cert: pem("server.pem"), key: pem("server.key") }, (socket) => {
    const inside = net.connect(port, "127.0.0.1");
    socket.pipe(inside).pipe(socket);
    for (const [one, other] of [[socket, inside], [inside, socket]]) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  server.on("tlsClientError", () => {});
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bootstrap = `127.0.0.1:${server.address().port}`;
  const trusting = (ca) => ({ bootstrap, tls: { caCerts: [pem(ca)] } });
  // Metadata leads from there to the broker's own listener, which has no TLS: the first answer alone is by TLS.
  const cluster = new Cluster(trusting("ca.pem"));
  assert.equal((await new Admin(cluster).describeCluster()).nodes.length, 1);
  cluster.close();
  const stranger = new Producer(trusting("other.pem"), { deliveryTimeoutMs: 1000 });
  await assert.rejects(() => stranger.send({ topic: "t", value: "x" }));
  await stranger.close().catch(() => {});
  await new Promise((resolve) => server.close(resolve));
}

{
  const broker = await Broker.start();
  const value = "large ".repeat(150_000); // many reads and writes of the socket
  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"]) {
    await (await used(broker, { compression, value }))();
  }
  broker.faults.next({ api: "Produce", topic: "t", errorCode: "NOT_LEADER_OR_FOLLOWER" });
  broker.faults.next({ api: "Produce", disconnect: "after" });
  await (await used(broker))();
  broker.faults.assertAllFired();

  const admin = new Admin({ bootstrap: broker.address });
  await admin.createTopics([{
    name: "old",
    partitions: 1,
    configs: { "retention.ms": "3600000" },
  }]);
  const producer = new Producer({ bootstrap: broker.address });
  await producer.send({ topic: "old", value: "x" });
  await broker.clock.advance(2 * 3_600_000);
  admin.close();
  const again = new Admin({ bootstrap: broker.address });
  const [{ offset }] = await again.listOffsets([{ topic: "old", partition: 0, at: "earliest" }]);
  assert.equal(offset, 1);
  again.close();
  await producer.close();

  for (const groupProtocol of ["classic", "consumer"]) {
    const member = new Consumer({ bootstrap: broker.address }, {
      groupId: groupProtocol,
      groupProtocol,
      autoOffsetReset: "earliest",
    });
    member.subscribe("t");
    for (let count = 0; count === 0;) count = (await member.poll(1000)).length;
    await member.commit();
    await member.close();
  }

  await overTls(broker);

  const raw = net.connect(Number(broker.address.split(":")[1]), "127.0.0.1");
  const ended = new Promise((resolve) => raw.once("close", resolve));
  raw.on("error", () => {});
  raw.resume();
  raw.write("GET / HTTP/1.1\r\n\r\n"); // no Kafka: the broker ends it
  await ended;
  const response = await fetch(`http://${broker.httpAddress}/metrics`);
  assert.match(await response.text(), /runnel_/);
  const end = await used(broker);
  const beganMs = performance.now();
  await broker.stop();
  assert.ok(performance.now() - beganMs < 1000);
  await end();
}

await assert.rejects(() => Broker.start({ storage: { path: "./data" } }), /needs Deno/);
await assert.rejects(() => Broker.start({ storage: { flush: "interval" } }), ConfigError);
{
  const first = await Broker.start();
  const kafkaPort = Number(first.address.split(":")[1]);
  await assert.rejects(() => Broker.start({ kafkaPort }), { name: "AddrInUse" });
  await first.stop();
}

const round = async (count) => {
  for (let i = 0; i < count; i++) {
    const broker = await Broker.start();
    await (await used(broker))();
    await broker.stop();
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  globalThis.gc?.();
  const descriptors = process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0;
  return { descriptors, heap: process.memoryUsage().heapUsed };
};
await round(10);
const before = await round(10), after = await round(100);
assert.equal(after.descriptors, before.descriptors);
const perBroker = (after.heap - before.heap) / 100;
if (globalThis.gc) assert.ok(perBroker < 20_000, `${perBroker} bytes a broker are left`);
console.log(`in_node passed: ${Math.round(perBroker)} bytes a broker are left`);
