/** Proves that an Admin tells at once that a topic is not there, as Kafka's does, and does not wait for one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { TestBroker } from "./harness.ts";

Deno.test("a topic that is not there is told at once, whatever is asked of it", async () => {
  await using broker = await TestBroker.start();
  using admin = new Admin({ bootstrap: `127.0.0.1:${broker.port}` });
  const resource = { type: "topic", name: "missing" } as const;
  const asked: (() => Promise<unknown>)[] = [
    () => admin.deleteTopics(["missing"]),
    () => admin.createPartitions("missing", 3),
    () => admin.describeConfigs(resource),
    () => admin.alterConfigs(resource, { "retention.ms": "1" }),
  ];
  for (const ask of asked) {
    const beganMs = performance.now();
    const { kafkaName } = await assertRejects(ask, KafkaError);
    assertEquals(kafkaName, "UNKNOWN_TOPIC_OR_PARTITION");
    assert(performance.now() - beganMs < 10_000, `${ask} takes ${performance.now() - beganMs} ms`);
  }
});

Deno.test("topics that are none, as JavaScript may give them, are refused in words", async () => {
  using admin = new Admin({ bootstrap: "127.0.0.1:1" });
  for (const topics of ["orders", ["orders"], { name: "orders" }, [null]]) {
    const create = () => admin.createTopics(topics as unknown as { name: string }[]);
    await assertRejects(create, TypeError, "needed is a list of { name, partitions, configs }");
  }
});
