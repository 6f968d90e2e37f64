/**
 * Proves that a consumer comes out of its group whatever its listener does and however often it is asked to: nothing is
 * told twice, nothing waits for ever, and what is subscribed to next is not lost.
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Admin,
  Broker,
  Consumer,
  type ConsumerOptions,
  type RebalanceListener,
} from "../../src/mod.ts";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

for (const groupProtocol of ["classic", "consumer"] as const) {
  Deno.test(`close() of a ${groupProtocol} member ends though its listener does not come back`, async () => {
    await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
    let release = () => {};
    const consumer = await member(broker, { groupProtocol }, {
      onPartitionsRevoked: () => new Promise<void>((resolve) => release = resolve),
    });
    await assertRejects(
      () => consumer.close({ timeoutMs: 100 }),
      Error,
      "onPartitionsRevoked in 100",
    );
    release();
  });

  Deno.test(`close() of a ${groupProtocol} member ends though nobody answers that it leaves`, async () => {
    await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
    const consumer = await member(broker, { groupProtocol }, {});
    const api = groupProtocol === "classic" ? "LeaveGroup" : "ConsumerGroupHeartbeat";
    broker.faults.next({ api, delayMs: 60_000, count: Infinity });
    const beganMs = performance.now();
    await consumer.close({ timeoutMs: 200 });
    assert(performance.now() - beganMs < 5000, `${performance.now() - beganMs} ms`);
  });

  Deno.test(`a poll of a ${groupProtocol} member ends with its signal while a listener is busy, and the next waits on`, async () => {
    await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
    const { promise: isBusy, resolve: busy } = Promise.withResolvers<void>();
    let release = () => {}, told = 0;
    await using consumer = await member(broker, { groupProtocol }, {
      onPartitionsAssigned: () => {
        told++;
        busy();
        return new Promise<void>((resolve) => release = resolve);
      },
    }, false);
    const ending = new AbortController();
    isBusy.then(() => ending.abort(new Error("no more")));
    await assertRejects(() => consumer.poll(60_000, { signal: ending.signal }), Error, "no more");
    const next = consumer.poll(100);
    assertEquals(await Promise.race([next, pause(300).then(() => "waits")]), "waits");
    release();
    await next;
    assertEquals([told, consumer.assignment().length], [1, 1]);
  });

  Deno.test(`a ${groupProtocol} member that is asked to leave three times tells its listener once`, async () => {
    await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
    let told = 0;
    const consumer = await member(broker, { groupProtocol }, {
      onPartitionsRevoked: async () => {
        told++;
        await pause(20);
      },
    });
    await Promise.all([consumer.unsubscribe(), consumer.unsubscribe(), consumer.close()]);
    assertEquals(told, 1);
  });

  Deno.test(`what a ${groupProtocol} member subscribes to before it has left is refused, and not forgotten`, async () => {
    await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
    await using consumer = await member(broker, { groupProtocol }, {});
    const left = consumer.unsubscribe();
    assertThrows(() => consumer.subscribe("t"), Error, "unsubscribe() is not over yet");
    await left;
    consumer.subscribe("t");
    while (consumer.assignment().length === 0) await consumer.poll(100);
  });
}

Deno.test("a poll that waits longer than maxPollIntervalMs is a poll still", async () => {
  await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
  let lost = 0;
  const times = { maxPollIntervalMs: 500, heartbeatIntervalMs: 50 };
  await using consumer = await member(broker, times, { onPartitionsLost: () => void lost++ });
  await consumer.poll(2000);
  assertEquals(lost, 0);
});

Deno.test("what a callback of commitAsync() rejects with the next poll throws", async () => {
  await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
  await using consumer = await member(broker, {}, {});
  consumer.commitAsync([{ topic: "t", partition: 0, offset: 0 }], async () => {
    await pause(1);
    throw new Error("not mine");
  });
  await assertRejects(() => consumer.poll(5000), Error, "not mine");
});

/** A member that subscribes to a topic, and has its one partition if it is to. */
async function member(
  broker: Broker,
  options: ConsumerOptions,
  listener: RebalanceListener,
  isAssigned = true,
): Promise<Consumer> {
  using admin = new Admin({ bootstrap: broker.address });
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  const consumer = new Consumer({ bootstrap: broker.address }, { groupId: "g", ...options });
  consumer.subscribe("t", listener);
  while (isAssigned && consumer.assignment().length === 0) await consumer.poll(100);
  return consumer;
}
