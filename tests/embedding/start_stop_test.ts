// Proves that brokers can be started and stopped again and again in one process, several at once, quickly, and that
// nothing of them is left: no port, timer or socket (the sanitizers of every test here see to that), descriptor or heap.
import v8 from "node:v8";
import vm from "node:vm";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../src/client/connection.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import {
  Admin,
  Broker,
  type BrokerOptions,
  ConnectionError,
  Consumer,
  Producer,
} from "../../src/mod.ts";

Deno.test("a warm broker starts within 10 ms and stops within 10 ms, where the machine lets it", async () => {
  const starts: number[] = [], stops: number[] = [];
  for (let i = 0; i < 50; i++) {
    const beganMs = performance.now();
    const broker = await Broker.start();
    const startedMs = performance.now();
    await broker.stop();
    if (i < 10) continue; // cold
    starts.push(startedMs - beganMs);
    stops.push(performance.now() - startedMs);
  }
  const [start, stop] = [quick(starts), quick(stops)];
  assert(start < 10 && stop < 10, `start ${start} ms, stop ${stop} ms`);
});

Deno.test("a broker that was used, and whose clients are still there, stops within 10 ms too", async () => {
  const stops: number[] = [];
  for (let i = 0; i < 25; i++) {
    const broker = await Broker.start();
    await using use = await used(broker);
    const beganMs = performance.now();
    await broker.stop();
    if (i >= 5) stops.push(performance.now() - beganMs);
    use.end();
  }
  assert(quick(stops) < 10, `${stops.map(Math.round)} ms`);
});

Deno.test("who waits for a group, to join it or for its leader's word, holds up no stop", async () => {
  for (const initialRebalanceDelayMs of [60_000, 10]) {
    const broker = await Broker.start({ groups: { initialRebalanceDelayMs } });
    const [host, port] = broker.address.split(":");
    const open = () => Connection.open({ host, port: Number(port) });
    const connections = await Promise.all([open(), open()]);
    await connections[0].request(FindCoordinator, 3, { keyType: 0, key: "g" });
    const joins = connections.map((connection) =>
      connection.request(JoinGroup, 3, {
        groupId: "g",
        sessionTimeoutMs: 60_000,
        rebalanceTimeoutMs: 60_000,
        memberId: "",
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: new Uint8Array(0) }],
      })
    );
    let waits: Promise<unknown> = Promise.all(joins);
    if (initialRebalanceDelayMs === 10) {
      const joined = await Promise.all(joins);
      const led = joined.findIndex(({ leader, memberId }) => leader !== memberId);
      const { memberId, generationId } = joined[led];
      waits = connections[led].request(SyncGroup, 1, { groupId: "g", generationId, memberId });
    }
    const refused = assertRejects(() => waits, ConnectionError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const beganMs = performance.now();
    await broker.stop();
    // Answers in flight are given three seconds.
    assert(performance.now() - beganMs < 2800, `${performance.now() - beganMs} ms`);
    await refused;
    for (const connection of connections) connection.close();
  }
});

Deno.test("several brokers at once have ports and topics of their own", async () => {
  const brokers = await Promise.all(Array.from({ length: 8 }, () => Broker.start()));
  const addresses = brokers.flatMap(({ address, httpAddress }) => [address, httpAddress]);
  assertEquals(new Set(addresses).size, 16);
  await Promise.all(brokers.map(async (broker, i) => {
    using admin = new Admin({ bootstrap: broker.address });
    await admin.createTopics([{ name: `t${i}`, partitions: 1 }]);
    assertEquals((await admin.listTopics()).map(({ name }) => name), [`t${i}`]);
  }));
  await Promise.all(brokers.map((broker) => broker.stop()));
  for (const address of addresses) {
    const [hostname, port] = address!.split(":");
    await assertRejects(() => Deno.connect({ hostname, port: Number(port) }));
  }
});

Deno.test("stop() may be called again, and by await using too", async () => {
  await using broker = await Broker.start();
  await Promise.all([broker.stop(), broker.stop()]);
  await broker.stop();
});

Deno.test("the ports of a broker that could not start are given back", async () => {
  await using first = await Broker.start();
  const kafkaPort = Number(first.address.split(":")[1]);
  await assertRejects(() => Broker.start({ kafkaPort }), Deno.errors.AddrInUse);
});

Deno.test("what are no options, or options that there are none of, are refused in words", async () => {
  const start = (options: unknown) => () => Broker.start(options as BrokerOptions);
  for (const [options, what] of [[null, "null"], [[], "a list"], ["memory://", "memory://"]]) {
    await assertRejects(start(options), TypeError, `The options are ${what}, needed is an object`);
  }
  await assertRejects(start({ kafkaPorts: 0 }), TypeError, "did you mean kafkaPort?");
  await assertRejects(
    start({ storage: "x" }),
    TypeError,
    "The option storage is x, needs an object",
  );
});

Deno.test("a hundred brokers, each used, leave no descriptor and no heap", async () => {
  const round = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const broker = await Broker.start();
      {
        await using _use = await used(broker);
      }
      await broker.stop();
    }
    await new Promise((resolve) => setTimeout(resolve, 50)); // closed sockets go with the next turns
    collect();
    const { heapUsed, external } = Deno.memoryUsage();
    return { heap: heapUsed, external, descriptors: descriptors() };
  };
  await round(20); // what is compiled and kept once
  const before = await round(10), after = await round(100);
  // On a busy machine the system closes the last ones later.
  for (let i = 0; i < 100 && descriptors() !== before.descriptors; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assertEquals(descriptors(), before.descriptors);
  const perBroker = (after.heap - before.heap + after.external - before.external) / 100;
  assert(perBroker < MAX_LEFT_BYTES, `${Math.round(perBroker)} bytes a broker are left`);
});

/** Below what a broker takes by far: of one that is left, one topic's log alone has 300 kB. */
const MAX_LEFT_BYTES = 20_000;

/** A producer that wrote and a consumer that read, connected until they are disposed of. */
async function used(broker: Broker): Promise<AsyncDisposable & { end(): void }> {
  const cluster = { bootstrap: broker.address, allowAutoTopicCreation: true };
  const producer = new Producer(cluster),
    consumer = new Consumer(cluster, {
      autoOffsetReset: "earliest",
    });
  await producer.send({ topic: "t", value: "x" });
  consumer.assign([{ topic: "t", partition: 0 }]);
  assertEquals((await consumer.poll(5000)).length, 1);
  const end = () => consumer[Symbol.dispose]();
  return {
    end,
    async [Symbol.asyncDispose]() {
      end();
      await producer[Symbol.asyncDispose]();
    },
  };
}

/** The fifth quickest: other tests have the machine as well, and what a broker waits for by itself is in every one. */
function quick(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[4];
}

function descriptors(): number | null {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return null; // no Linux
  }
}

/** V8's own collection, which is asked for without a flag of the command line. */
function collect(): void {
  v8.setFlagsFromString("--expose-gc");
  vm.runInNewContext("gc")();
}
