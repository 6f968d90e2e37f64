/** Proves that a topic of a copy is prepared though something of it failed before, or was done by one that is dead. */
import { assertEquals, assertRejects } from "@std/assert";
import { Ledger } from "../../src/cli/copy/ledger.ts";
import { MemoryShare } from "../../src/cli/copy/memory_share.ts";
import { Preparation } from "../../src/cli/copy/prepared.ts";
import { makeTopic, type NamedTopic, recipeOf } from "../../src/cli/copy/topics.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { Broker } from "../../src/mod.ts";

const COUNT = 2;

/** A source with a topic, a target whose requests may fail, and a preparation between them. */
async function withPreparation(
  body: (
    preparation: Preparation,
    named: NamedTopic,
    sides: { broker: Broker; source: Cluster; target: Cluster },
  ) => Promise<void>,
): Promise<void> {
  await using from = await Broker.start();
  await using broker = await Broker.start();
  const source = new Cluster({ bootstrap: from.address });
  const target = new Cluster({ bootstrap: broker.address });
  try {
    await new Admin(source).createTopics([{ name: "t", partitions: COUNT }]);
    const named = { source: await new Admin(source).describeTopic("t"), target: "t" };
    await using ledger = await Ledger.open(target, "c");
    const memory = new MemoryShare(1 << 20);
    const preparation = new Preparation({
      tools: { source, target, ledger, memory, isStopped: () => false },
      kept: await ledger.read(),
      isAppending: false,
      replicas: null,
      compression: null,
      tell() {},
    });
    await body(preparation, named, { broker, source, target });
    broker.faults.assertAllFired();
  } finally {
    source.close();
    target.close();
  }
}

Deno.test("a producer id that could not be had is asked for again", () =>
  withPreparation(async (preparation, named, { broker }) => {
    broker.faults.next({ api: "InitProducerId", errorCode: "CLUSTER_AUTHORIZATION_FAILED" });
    await assertRejects(() => preparation.prepared(named), KafkaError, "CLUSTER_AUTHORIZATION");
    assertEquals((await preparation.prepared(named)).partitions.length, COUNT);
  }));

Deno.test("a topic that a dead copy's last request makes in between is this copy's", () =>
  withPreparation(async (preparation, named, { broker, source, target }) => {
    const recipe = await recipeOf(source, "t");
    await makeTopic(target, named, { recipe, replicas: null, tell() {} });
    broker.faults.next({ api: "Metadata", topic: "t", errorCode: "UNKNOWN_TOPIC_OR_PARTITION" });
    const { partitions, recipe: made } = await preparation.prepared(named);
    assertEquals([partitions.length, made], [COUNT, recipe]);
  }));

Deno.test("partitions that were added, and whose answer was lost, are there", () =>
  withPreparation(async (preparation, named, { broker, source }) => {
    const prepared = await preparation.prepared(named);
    await new Admin(source).createPartitions("t", COUNT + 1);
    broker.faults.next({ api: "CreatePartitions", disconnect: "after" });
    await preparation.grown(prepared, await new Admin(source).describeTopic("t"));
    assertEquals(prepared.partitions.length, COUNT + 1);
  }));
