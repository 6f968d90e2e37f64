/**
 * Proves that what ended a membership does not follow a consumer that has left its group: it can be assigned partitions by
 * hand, and reads them.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Admin, Broker, Cluster, Consumer, KafkaError, Producer } from "../../src/mod.ts";

const KINDS = [
  ["consumer", "ConsumerGroupHeartbeat", "GROUP_AUTHORIZATION_FAILED"],
  ["consumer", "ConsumerGroupHeartbeat", "UNRELEASED_INSTANCE_ID"],
  ["classic", "JoinGroup", "GROUP_AUTHORIZATION_FAILED"],
  ["classic", "JoinGroup", "FENCED_INSTANCE_ID"],
] as const;

for (const [groupProtocol, api, errorCode] of KINDS) {
  Deno.test(`who unsubscribes from a ${groupProtocol} group behind ${errorCode} reads by hand`, async () => {
    await using broker = await Broker.start();
    const cluster = new Cluster({ bootstrap: broker.address });
    using _ = { [Symbol.dispose]: () => cluster.close() };
    await new Admin(cluster).createTopics([{ name: "t", partitions: 1 }]);
    await using producer = new Producer(cluster);
    await producer.send({ topic: "t", value: "a" });
    const fault = broker.faults.next({ api, errorCode, count: Infinity });
    const isFinal = errorCode.endsWith("INSTANCE_ID");
    await using consumer = new Consumer(cluster, {
      groupId: "g",
      groupProtocol,
      groupInstanceId: isFinal ? "one" : undefined,
      autoOffsetReset: "earliest",
    });
    consumer.subscribe("t");
    await assertRejects(() => consumer.poll(5000), KafkaError, errorCode);
    // What may be mended is asked again; of a consumer group in the background, which the next poll would say.
    const isAskedAgain = groupProtocol === "consumer" && !isFinal;
    while (isAskedAgain && fault.fired < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await consumer.unsubscribe();
    consumer.assign([{ topic: "t", partition: 0 }]);
    if (isAskedAgain) await assertRejects(() => consumer.poll(5000), KafkaError, errorCode);
    assertEquals((await consumer.poll(5000)).length, 1);
  });
}
