/** Proves that `runnel consume --group` leaves its group though its last commit is refused. */
import { assertEquals, assertRejects } from "@std/assert";
import { GroupReading } from "../../src/cli/consume/group_read.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { describeGroup } from "../../src/client/groups.ts";
import { Broker, Producer } from "../../src/mod.ts";

Deno.test("who reads in a group leaves it though its commit is refused", async () => {
  await using broker = await Broker.start();
  {
    await using producer = new Producer({
      bootstrap: broker.address,
      allowAutoTopicCreation: true,
    });
    await producer.send({ topic: "t", value: "v" });
  }
  const cluster = new Cluster({ bootstrap: broker.address });
  try {
    const errorCode = "GROUP_AUTHORIZATION_FAILED";
    broker.faults.next({ api: "OffsetCommit", errorCode, count: Infinity });
    const reading = new GroupReading(cluster, {
      group: "g",
      topics: ["t"],
      isFollowing: false,
      isolation: "readUncommitted",
      isStopped: () => false,
    });
    await assertRejects(
      async () => {
        for await (const _records of reading.batches());
      },
      KafkaError,
      errorCode,
    );
    assertEquals((await describeGroup(cluster, "g"))?.members, []);
  } finally {
    cluster.close();
  }
});
