/**
 * Proves that a producer keeps its word through whatever goes wrong at the broker: what it acknowledged is there once and
 * in order, also where batches before it fail for good while what became of it is not known.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Admin,
  Broker,
  Cluster,
  Consumer,
  type FaultRule,
  KafkaError,
  Producer,
} from "../../src/mod.ts";
import { SeededRandom } from "../../src/testing/seeded_random.ts";

Deno.test("a batch whose answer was lost is there once, though the one before it runs out of time", async () => {
  await using broker = await Broker.start();
  using cluster = await clusterOf(broker, 1);
  // Half a second lies between the ends of both: a machine that does other things as well ends one of them alone too.
  await using producer = new Producer(cluster.it, { deliveryTimeoutMs: 1500 });
  await producer.send({ topic: "t", value: "0" });
  // Both are carried out, and the connection ends before either is told so.
  broker.faults.next({ api: "Produce", delayMs: 900, disconnect: "after" });
  broker.faults.next({ api: "Produce", disconnect: "after" });
  const refusal = { api: "Produce", errorCode: "NOT_ENOUGH_REPLICAS", count: Infinity } as const;
  using refused = broker.faults.next(refusal);
  const first = producer.send({ topic: "t", value: "1" });
  await pause(500);
  const second = producer.send({ topic: "t", value: "2" });
  await assertRejects(() => first, KafkaError, "NOT_ENOUGH_REPLICAS");
  refused.remove();
  assertEquals((await second).offset, 2);
  await producer.send({ topic: "t", value: "3" });
  assertEquals(await valuesOf(cluster.it, 1), [["0", "1", "2", "3"]]);
});

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`through random faults everything acknowledged is there once and in order, seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    await using broker = await Broker.start();
    using cluster = await clusterOf(broker, 2);
    const producer = new Producer(cluster.it, {
      maxBatchBytes: random.pick([60, 200, 2000]),
      maxInFlight: random.pick([undefined, 2]),
    });
    const acknowledged: string[][] = [[], []], sent: Promise<unknown>[] = [];
    for (let i = 0; i < 120; i++) {
      if (random.oneIn(4)) broker.faults.next(faultBy(random));
      const record = { topic: "t", partition: i % 2, value: `${i}` };
      const noted = producer.send(record).then(({ partition }) => {
        acknowledged[partition].push(record.value);
      }, () => {});
      sent.push(noted);
      if (random.oneIn(3)) await pause(random.below(4));
    }
    await producer.close();
    await Promise.all(sent);
    await broker.faults.clear();
    const there = await valuesOf(cluster.it, 2);
    for (const [partition, values] of there.entries()) {
      assertEquals(values, values.toSorted((a, b) => Number(a) - Number(b)), "in order");
      assertEquals(new Set(values).size, values.length, "once");
      assert(acknowledged[partition].every((value) => values.includes(value)), "there");
    }
  });
}

const PASSING = [
  "NOT_LEADER_OR_FOLLOWER",
  "NOT_ENOUGH_REPLICAS",
  "REQUEST_TIMED_OUT",
  "KAFKA_STORAGE_ERROR",
] as const;
const LASTING = ["MESSAGE_TOO_LARGE", "INVALID_RECORD", "TOPIC_AUTHORIZATION_FAILED"] as const;

function faultBy(random: SeededRandom): FaultRule {
  const api = "Produce", topic = "t", partition = random.pick([undefined, 0, 1]);
  return random.pick<() => FaultRule>([
    () => ({ api, disconnect: random.pick([true, "after"]) }),
    () => ({ api, delayMs: 1 + random.below(20) }),
    () => ({ api, topic, partition, errorCode: random.pick(PASSING), count: 1 + random.below(3) }),
    () => ({ api, topic, partition, errorCode: random.pick(LASTING) }),
  ])();
}

async function clusterOf(broker: Broker, partitions: number) {
  const it = new Cluster({ bootstrap: broker.address, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
  await new Admin(it).createTopics([{ name: "t", partitions }]);
  return { it, [Symbol.dispose]: () => it.close() };
}

async function valuesOf(cluster: Cluster, partitions: number): Promise<string[][]> {
  using consumer = new Consumer(cluster, { autoOffsetReset: "earliest" });
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: "t", partition }));
  consumer.assign(all);
  const ends = await consumer.endOffsets(all), values: string[][] = all.map(() => []);
  while (!all.every((one, i) => consumer.hasReached(one, ends[i]))) {
    for (const { partition, value } of await consumer.poll(500)) {
      values[partition].push(new TextDecoder().decode(value!));
    }
  }
  return values;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
