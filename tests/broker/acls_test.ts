/**
 * ACLs over the wire: in force at once on connections that are open, kept over a restart and in snapshots, told and removed
 * as they were made.
 */
import { assertEquals } from "@std/assert";
import { randomUuid, ZERO_UUID } from "../../src/bytes/uuid.ts";
import { configureLog } from "../../src/log.ts";
import { CreateAcls } from "../../src/protocol/messages/create_acls.ts";
import { DeleteAcls } from "../../src/protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../../src/protocol/messages/describe_acls.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { Metadata } from "../../src/protocol/messages/metadata.ts";
import { ListOffsets } from "../../src/protocol/messages/list_offsets.ts";
import { buildBatch } from "../../src/protocol/records/build.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { asUsers } from "../../src/testing/as_users.ts";
import { Asker } from "../transcripts/acls/asker.ts";
import { type Settings, TestBroker } from "./harness.ts";

const ON = { authorization: { mode: "on", superUsers: ["User:admin"] } } as const;
const READ = 3, WRITE = 4, DESCRIBE = 8, TOPIC = 2, GROUP = 3;

interface Rule {
  readonly resourceType?: number;
  readonly resourceName?: string;
  readonly resourcePatternType?: number;
  readonly operation?: number;
  readonly permissionType?: number;
  readonly principal?: string;
}

async function allow(admin: Asker, rule: Rule): Promise<void> {
  const { results } = await admin.ask(CreateAcls as unknown as Api, 3, {
    creations: [{ ...OF_ALICE_ON_T, ...rule }],
  });
  assertEquals(results, [{ errorCode: 0, errorMessage: null }]);
}

const OF_ALICE = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: "User:alice",
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};

async function removeAll(admin: Asker): Promise<number> {
  const { filterResults } = await admin.ask(DeleteAcls as unknown as Api, 3, {
    filters: [OF_ALICE, OF_ALICE],
  });
  assertEquals(filterResults[1].matchingAcls, []); // each is told by the first filter that finds it
  return filterResults[0].matchingAcls.length;
}

async function startOf(asker: Asker): Promise<number> {
  const { topics } = await asker.ask(ListOffsets as unknown as Api, 7, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{
      name: "t",
      partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2 }],
    }],
  });
  return topics[0].partitions[0].errorCode;
}

const OF_ALICE_ON_T = {
  resourceType: TOPIC,
  resourceName: "t",
  resourcePatternType: 3,
  principal: "User:alice",
  host: "*",
  operation: READ,
  permissionType: 3,
};

/** One topic, an administrator, and alice, who may do nothing yet. */
async function people(
  { path, ...settings }: Settings["authorization"] & { readonly path?: string } = {},
) {
  const authorization = { ...ON.authorization, ...settings };
  const broker = await TestBroker.start({ path, authorization }, { around: asUsers });
  const address = `127.0.0.1:${broker.port}`;
  const admin = await Asker.open(address, "admin"), alice = await Asker.open(address, "alice");
  return {
    broker,
    admin,
    alice,
    async [Symbol.asyncDispose]() {
      admin.close();
      alice.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function createTopic(admin: Asker, name = "t"): Promise<void> {
  const { CreateTopics } = await import("../../src/protocol/messages/create_topics.ts");
  await admin.ask(CreateTopics as unknown as Api, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1 }],
  });
}

Deno.test("an ACL counts at the next request of a connection that is open, made or removed", async () => {
  await using world = await people();
  const { admin, alice } = world;
  await createTopic(admin);
  assertEquals(await startOf(alice), 29);
  await allow(admin, { operation: READ });
  assertEquals(await startOf(alice), 0); // READ implies DESCRIBE
  await allow(admin, { operation: DESCRIBE, permissionType: 2 });
  assertEquals(await startOf(alice), 29); // a deny wins
  assertEquals(await removeAll(admin), 2);
  assertEquals(await startOf(alice), 29);
});

Deno.test("a fetch session sees a removed ACL at its next fetch", async () => {
  await using world = await people();
  const { admin, alice } = world;
  await createTopic(admin);
  await allow(admin, { operation: READ });
  const fetch = (session: object, topics: unknown[]) =>
    alice.ask(Fetch as unknown as Api, 12, {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1000,
      isolationLevel: 0,
      topics,
      ...session,
    });
  const { sessionId } = await fetch({ sessionId: 0, sessionEpoch: 0 }, [{
    topic: "t",
    partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
  }]);
  const quiet = await fetch({ sessionId, sessionEpoch: 1 }, []);
  assertEquals([quiet.errorCode, quiet.responses], [0, []]);
  await removeAll(admin);
  const refused = await fetch({ sessionId, sessionEpoch: 2 }, []);
  assertEquals(refused.responses[0].partitions[0].errorCode, 29);
});

Deno.test("a fetch that waits is given nothing that was written after its ACL was removed", async () => {
  await using world = await people();
  const { broker, admin, alice } = world;
  await createTopic(admin);
  await allow(admin, { operation: READ });
  const waiting = alice.ask(Fetch as unknown as Api, 12, {
    replicaId: -1,
    maxWaitMs: 30_000,
    minBytes: 1,
    maxBytes: 1000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{
      topic: "t",
      partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
    }],
  });
  await broker.arrived(Fetch, 1);
  await removeAll(admin);
  const { responses } = await admin.ask(Produce as unknown as Api, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{
      name: "t",
      partitionData: [{
        index: 0,
        records: buildBatch({ records: [{ timestampMs: Date.now(), value: new Uint8Array(10) }] }),
      }],
    }],
  });
  assertEquals(responses[0].partitionResponses[0].errorCode, 0);
  const [{ partitions: [partition] }] = (await waiting).responses;
  assertEquals([partition.errorCode, partition.records?.length ?? 0], [29, 0]);
});

Deno.test("there may be no more ACLs than the option says, and what is there stays and can be removed", async () => {
  await using world = await people({ maxAcls: 3 });
  const { admin } = world;
  const make = async (...resourceNames: string[]) => {
    const { results } = await admin.ask(CreateAcls as unknown as Api, 3, {
      creations: resourceNames.map((resourceName) => ({ ...OF_ALICE_ON_T, resourceName })),
    });
    return results.map(({ errorCode }: { errorCode: number }) => errorCode);
  };
  assertEquals(await make("a", "b", "a"), [0, 0, 0]);
  assertEquals(await make("b", "x".repeat(2000), "c", "d", "a"), [0, 44, 0, 44, 0]);
  assertEquals(await removeAll(admin), 3);
  assertEquals(await make("x".repeat(2000), "d"), [0, 44]);
});

Deno.test("the log says when ACLs leave nobody who may change them", async () => {
  const said: string[] = [];
  const settings = { level: "warn", format: "text", maxClientEvents: 10 } as const;
  configureLog(settings, (line) => said.push(line));
  try {
    await using world = await people({ superUsers: [], allowEveryoneIfNoAclFound: true });
    const { admin, alice } = world;
    const onCluster = { resourceType: 4, resourceName: "kafka-cluster", operation: 7 };
    await allow(admin, onCluster);
    await allow(alice, { ...onCluster, principal: "User:bob" });
    const locked = () => said.filter((line) => line.includes("nobody_may_change_acls")).length;
    await allow(alice, { ...onCluster, permissionType: 2 });
    assertEquals(locked(), 0); // bob still may
    const bob = await Asker.open(`127.0.0.1:${world.broker.port}`, "bob");
    await allow(bob, { ...onCluster, principal: "User:bob", permissionType: 2 });
    bob.close();
    assertEquals(locked(), 1);
  } finally {
    configureLog({ ...settings, level: "error" }, () => {});
  }
});

Deno.test("a request may search all ACLs a thousand times, and remove any number that it names in full", async () => {
  await using world = await people();
  const { admin } = world;
  const names = Array.from({ length: 1500 }, (_, i) => `t${i}`);
  await admin.ask(CreateAcls as unknown as Api, 3, {
    creations: names.map((resourceName) => ({ ...OF_ALICE_ON_T, resourceName })),
  });
  const remove = async (filter: object, count: number) => {
    const { filterResults } = await admin.ask(DeleteAcls as unknown as Api, 3, {
      filters: names.slice(0, count).map((resourceNameFilter) => ({
        resourceTypeFilter: TOPIC,
        patternTypeFilter: 3,
        principalFilter: "User:alice",
        hostFilter: "*",
        operation: READ,
        permissionType: 3,
        resourceNameFilter,
        ...filter,
      })),
    });
    return filterResults.map((
      { errorCode, matchingAcls }: { errorCode: number; matchingAcls: unknown[] },
    ) => [errorCode, matchingAcls.length].join(" "));
  };
  const counted = (list: string[]) =>
    [...new Set(list)].map((one) => [one, list.filter((x) => x === one).length]);
  assertEquals(counted(await remove({ hostFilter: null, permissionType: 2 }, 1001)), [
    ["0 0", 1000],
    ["44 0", 1],
  ]);
  assertEquals(counted(await remove({ hostFilter: "10.0.0.1" }, 1500)), [["0 0", 1500]]);
  assertEquals(counted(await remove({}, 1500)), [["0 1", 1500]]);
});

Deno.test("ACLs are there after a restart, out of the log and out of a snapshot, each once", async () => {
  const path = await Deno.makeTempDir();
  try {
    {
      await using world = await people({ path });
      await createTopic(world.admin);
      await allow(world.admin, { operation: READ });
      await allow(world.admin, { operation: READ }); // there already
      await allow(world.admin, { resourceName: "gone", operation: WRITE });
      await world.admin.ask(DeleteAcls as unknown as Api, 3, {
        filters: [{ ...OF_ALICE, resourceNameFilter: "gone" }],
      });
    }
    for (const metadataSnapshotBytes of [1, undefined]) {
      await using broker = await TestBroker.start({ ...ON, path, metadataSnapshotBytes }, {
        around: asUsers,
      });
      const address = `127.0.0.1:${broker.port}`;
      const admin = await Asker.open(address, "admin"), alice = await Asker.open(address, "alice");
      assertEquals(await startOf(alice), 0);
      const { resources } = await admin.ask(DescribeAcls as unknown as Api, 3, OF_ALICE);
      assertEquals(resources, [{
        resourceType: TOPIC,
        resourceName: "t",
        patternType: 3,
        acls: [{ principal: "User:alice", host: "*", operation: READ, permissionType: 3 }],
      }]);
      admin.close();
      alice.close();
    }
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("a producer id needs WRITE on some topic that no deny dominates", async () => {
  await using world = await people();
  const { admin, alice } = world;
  const init = async () => {
    const asked = { transactionalId: null, transactionTimeoutMs: 1000, producerId: -1 };
    const answer = await alice.ask(InitProducerId as unknown as Api, 4, {
      ...asked,
      producerEpoch: -1,
    });
    return answer.errorCode;
  };
  assertEquals(await init(), 31);
  await allow(admin, { operation: WRITE, resourceName: "orders-1" });
  assertEquals(await init(), 0);
  await allow(admin, {
    operation: WRITE,
    resourceName: "orders-",
    resourcePatternType: 4,
    permissionType: 2,
  });
  assertEquals(await init(), 31);
});

Deno.test("a pattern that a member subscribes by matches only topics that it may describe", async () => {
  await using world = await people();
  const { admin, alice } = world;
  for (const name of ["seen-1", "hidden-1"]) await createTopic(admin, name);
  await allow(admin, { resourceType: GROUP, resourceName: "g", operation: READ });
  await allow(admin, { resourceName: "seen-", resourcePatternType: 4, operation: READ });
  const beat = (memberEpoch: number) =>
    alice.ask(ConsumerGroupHeartbeat as unknown as Api, 1, {
      groupId: "g",
      memberId: "m",
      memberEpoch,
      rebalanceTimeoutMs: 10_000,
      ...(memberEpoch === 0 && { subscribedTopicRegex: ".*-1", topicPartitions: [] }),
    });
  const { FindCoordinator } = await import("../../src/protocol/messages/find_coordinator.ts");
  await admin.ask(FindCoordinator as unknown as Api, 3, { keyType: 0, key: "g" });
  let answer = await beat(0);
  for (let i = 0; i < 300 && answer.errorCode !== 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = await beat(0);
  }
  assertEquals(answer.errorCode, 0);
  assertEquals(answer.assignment.topicPartitions.length, 1);
});

Deno.test("who says to be a broker and is none is not told which topic ids there are", async () => {
  await using world = await people();
  const { admin, alice } = world;
  await createTopic(admin);
  const asked = { topics: [{ name: "t", topicId: ZERO_UUID }], allowAutoTopicCreation: false };
  const { topics: [{ topicId }] } = await admin.ask(Metadata as unknown as Api, 12, asked);
  for (const id of [topicId, randomUuid()]) {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
    const { responses } = await alice.ask(Fetch as unknown as Api, 17, {
      replicaState: { replicaId: 0, replicaEpoch: -1 },
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topicId: id, partitions }],
      forgottenTopicsData: [],
    });
    assertEquals([id, responses[0].partitions[0].errorCode], [id, 29]);
  }
});
