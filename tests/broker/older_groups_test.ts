/**
 * Proves that a directory of Runnel 0.1, which kept groups whose id has a negative hash in another partition than Kafka,
 * is answered from as before: groups of both protocols, with their offsets, at the first start and after it.
 */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { counterpartOf, earlierPartition } from "../../src/groups/misplaced.ts";
import { coordinatorPartition } from "../../src/protocol/coordinator_partition.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { ListGroups } from "../../src/protocol/messages/list_groups.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { OffsetFetch } from "../../src/protocol/messages/offset_fetch.ts";
import { TestBroker, withDirectory } from "./harness.ts";

const PARTITIONS = 50;
const IDS = Array.from({ length: 400 }, (_, i) => `billing-${i * 31}-group`);
/** Runnel 0.1 kept these elsewhere. */
const MOVED = IDS.filter((id) =>
  earlierPartition(id, PARTITIONS) !== coordinatorPartition(id, PARTITIONS)
);
const CONSUMERS = MOVED.slice(0, 2), SIMPLE = MOVED.slice(2);

async function commitAll(connection: Connection): Promise<void> {
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["any"] });
  for (const [i, groupId] of SIMPLE.entries()) {
    const partitions = [{ partitionIndex: 0, committedOffset: BigInt(i), committedMetadata: "m" }];
    const { topics } = await connection.request(OffsetCommit, 9, {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [{ name: "t", partitions }],
    });
    assertEquals(topics[0].partitions[0].errorCode, 0);
  }
  for (const groupId of CONSUMERS) {
    const { errorCode } = await connection.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    assertEquals(errorCode, 0);
  }
}

/** What is answered of all groups, once none is on its way any more. */
async function offsets(connection: Connection): Promise<bigint[]> {
  for (;;) {
    const { groups } = await connection.request(OffsetFetch, 8, {
      groups: SIMPLE.map((groupId) => ({ groupId, topics: null })),
      requireStable: false,
    });
    const codes = new Set(groups.map(({ errorCode }) => errorCode));
    if (codes.has(14)) await new Promise((resolve) => setTimeout(resolve, 10));
    else {
      assertEquals([...codes], [0]);
      return groups.map(({ topics }) => topics[0]?.partitions[0].committedOffset ?? -1n);
    }
  }
}

/** Puts the logs where Runnel 0.1 had these groups: each pair of partitions changes places. */
async function asOlder(path: string): Promise<void> {
  const folder = (index: number) => `${path}/__consumer_offsets-${index}`;
  for (let index = 0; index < PARTITIONS; index++) {
    const other = counterpartOf(index, PARTITIONS);
    if (other <= index) continue;
    await Deno.rename(folder(index), `${path}/between`);
    await Deno.rename(folder(other), folder(index));
    await Deno.rename(`${path}/between`, folder(other));
  }
  // What was remembered of each log is another's now.
  for (const name of ["recovery-point-offset-checkpoint", "runnel-inventory"]) {
    await Deno.remove(`${path}/${name}`).catch(() => {});
  }
}

Deno.test("a directory of Runnel 0.1 gives every group its offsets and members, and keeps them where Kafka looks", async () => {
  await withDirectory(async (path) => {
    const settings = { path, groups: { offsetsPartitions: PARTITIONS } };
    {
      await using broker = await TestBroker.start(settings);
      await broker.createTopic("t");
      await commitAll(await broker.connect());
    }
    await asOlder(path);
    for (const run of ["first", "second"]) {
      await using broker = await TestBroker.start(settings);
      const connection = await broker.connect();
      assertEquals(await offsets(connection), SIMPLE.map((_, i) => BigInt(i)), `${run} start`);
      const { groups } = await connection.request(ConsumerGroupDescribe, 1, {
        groupIds: CONSUMERS,
      });
      const described = groups.map((group) => [group.groupState, group.members.length]);
      assertEquals(described, [["Stable", 1], ["Stable", 1]], `${run} start`);
      const listed = await connection.request(ListGroups, 4, { statesFilter: [] });
      assertEquals(listed.groups.length, MOVED.length, `${run} start`);
    }
  });
});
