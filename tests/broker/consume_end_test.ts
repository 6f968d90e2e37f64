/** Proves how reading for a group ends where its last commit is refused. */
import { assertEquals, assertRejects } from "@std/assert";
import { GroupReading } from "../../src/cli/consume/group_read.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { Broker, Producer } from "../../src/mod.ts";

Deno.test("a member whose last commit is refused leaves its group all the same, and says why", async () => {
  await using broker = await Broker.start();
  const cluster = new Cluster({ bootstrap: broker.address }), admin = new Admin(cluster);
  await admin.createTopics([{ name: "t", partitions: 1 }]);
  {
    await using producer = new Producer(cluster);
    await producer.send({ topic: "t", value: "a" });
  }
  const reading = new GroupReading(cluster, {
    group: "g",
    topics: ["t"],
    isFollowing: false,
    isolation: "readUncommitted",
    isStopped: () => false,
  });
  broker.faults.next({ api: "OffsetCommit", errorCode: "GROUP_AUTHORIZATION_FAILED" });
  await assertRejects(
    async () => {
      for await (const records of reading.batches()) {
        for (const record of records) reading.note(record);
        reading.printed();
      }
    },
    KafkaError,
    "GROUP_AUTHORIZATION_FAILED",
  );
  broker.faults.assertAllFired();
  assertEquals((await admin.describeGroup("g"))?.members, []);
  cluster.close();
});
