/**
 * Proves that `runnel group describe` sees in a running broker whom a group waits for: members are driven request by
 * request, and each look is what the command prints from.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { findings } from "../../src/cli/group/findings.ts";
import { look } from "../../src/cli/group/look.ts";
import { Cluster } from "../../src/client/cluster.ts";
import type { Connection } from "../../src/client/connection.ts";
import { listGroups } from "../../src/client/groups.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { DescribeGroups } from "../../src/protocol/messages/describe_groups.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import { ShiftedClock } from "../../src/testing/shifted_clock.ts";
import { append } from "./calls.ts";
import { TestBroker } from "./harness.ts";

function join(connection: Connection, memberId: string) {
  return connection.request(JoinGroup, 3, {
    groupId: "g",
    sessionTimeoutMs: 6000,
    rebalanceTimeoutMs: 60_000,
    memberId,
    protocolType: "consumer",
    protocols: [{
      name: "range",
      metadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ["t"] }),
    }],
  });
}

/** A group of one member that has partition 0 of two and committed 1 of 3 records. */
async function groupOfOne(
  broker: TestBroker,
): Promise<{ connection: Connection; memberId: string }> {
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b", "c"], { partition: 0 });
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const { memberId, generationId } = await join(connection, "");
  const assignedPartitions = [{ topic: "t", partitions: [0] }];
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 0, { assignedPartitions });
  await connection.request(SyncGroup, 3, {
    groupId: "g",
    generationId,
    memberId,
    assignments: [{ memberId, assignment }],
  });
  await connection.request(OffsetCommit, 7, {
    groupId: "g",
    generationIdOrMemberEpoch: generationId,
    memberId,
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 1n }] }],
  });
  return { connection, memberId };
}

async function withGroup(
  body: (broker: TestBroker, cluster: Cluster, memberId: string) => Promise<void>,
  clock = new ShiftedClock(),
): Promise<void> {
  const groups = { initialRebalanceDelayMs: 0 };
  await using broker = await TestBroker.start({ groups }, { clock });
  const { memberId } = await groupOfOne(broker);
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  try {
    await body(broker, cluster, memberId);
  } finally {
    cluster.close();
  }
}

Deno.test("a group is listed, and partitions without owner or progress are told", async () => {
  await withGroup(async (_broker, cluster, memberId) => {
    assertEquals(await listGroups(cluster), [
      { groupId: "g", type: "classic", state: "Stable", protocolType: "consumer" },
    ]);
    const now = (await look(cluster, "g"))!;
    assertEquals(now.partitions, [
      { topic: "t", partition: 0, committed: 1, start: 0, end: 3, ownerId: memberId },
      { topic: "t", partition: 1, committed: null, start: 0, end: 0, ownerId: null },
    ]);
    assertEquals(findings(now, (await look(cluster, "g"))!, 100), [
      "t-0 makes no progress: still at 1, 2 behind, over 0.1 s.",
      "t-1 has no owner.",
    ]);
    assertEquals(await look(cluster, "nobody"), null);
  });
});

Deno.test("a member that does not join a rebalance, and beats no more, is named", async () => {
  const clock = new ShiftedClock();
  await withGroup(async (broker, cluster, memberId) => {
    const joining = join(await broker.connect(), "").catch(() => {}); // the broker ends before it is answered
    while ((await look(cluster, "g"))!.group.state !== "PreparingRebalance");
    clock.advance(3200);
    const now = (await look(cluster, "g"))!;
    const lines = findings(now, now, 0).join("\n");
    assertStringIncludes(lines, "A rebalance has been going on for 3.");
    assertStringIncludes(lines, `Has not joined the rebalance: ${memberId}`);
    assertStringIncludes(lines, `Has stopped beating: ${memberId}`);
    assertEquals(now.group.members.filter(({ awaited }) => awaited === null).length, 1);
    await broker.stop();
    await joining;
  }, clock);
});

Deno.test("a member of the consumer protocol is shown with its target, its silence and what it lacks", async () => {
  const clock = new ShiftedClock();
  await using broker = await TestBroker.start({}, { clock });
  await broker.createTopic("t", { partitions: 2 });
  const connection = await broker.connect();
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const { errorCode } = await connection.request(ConsumerGroupHeartbeat, 1, {
    groupId: "g",
    memberId: "m",
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  });
  assertEquals(errorCode, 0);
  clock.advance(300);
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  try {
    const { group, partitions } = (await look(cluster, "g"))!;
    assertEquals([group.type, group.members.length, partitions.length], ["consumer", 1, 2]);
    const [{ id, target, silentMs, sessionTimeoutMs }] = group.members;
    assertEquals([id, target?.length, sessionTimeoutMs], ["m", 2, 45_000]);
    assert(silentMs! >= 300 && silentMs! < 30_000, `silent for ${silentMs} ms`);
  } finally {
    cluster.close();
  }
});

Deno.test("nobody is sent the explanation who did not ask for it", async () => {
  await withGroup(async (broker) => {
    const connection = await broker.connect();
    const { groups: [group] } = await connection.request(DescribeGroups, 6, { groups: ["g"] });
    assertEquals([group.rebalancingMs, group.members[0].silentMs], [-1, -1]);
    assertEquals(group.members[0].sessionTimeoutMs, -1);
  });
});
