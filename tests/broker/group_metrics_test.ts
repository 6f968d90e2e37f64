/** Proves that /metrics tells of a group what was committed and what happened to it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { append } from "./calls.ts";
import { TestBroker } from "./harness.ts";

Deno.test("a group's lag is what it has not committed, and its rebalance is counted", async () => {
  await using broker = await TestBroker.start({ groups: { initialRebalanceDelayMs: 0 } });
  await broker.createTopic("t", { partitions: 1 });
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b", "c", "d", "e"], { partition: 0 });
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const joined = await connection.request(JoinGroup, 3, {
    groupId: "g",
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  });
  const { memberId, generationId } = joined;
  assertEquals([joined.errorCode, generationId], [0, 1]);
  await connection.request(SyncGroup, 3, {
    groupId: "g",
    generationId,
    memberId,
    assignments: [{ memberId, assignment: new Uint8Array(4) }],
  });
  const committed = await connection.request(OffsetCommit, 7, {
    groupId: "g",
    generationIdOrMemberEpoch: generationId,
    memberId,
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 2n }] }],
  });
  assertEquals(committed.topics[0].partitions[0].errorCode, 0);
  const of = (name: string, labels = "") => broker.metric(name, labels);
  assertEquals(await of("group_lag", 'group="g",topic="t",partition="0"'), 3);
  assertEquals(await of("group_members", 'group="g"'), 1);
  assertEquals(await of("group_generation", 'group="g"'), 1);
  assertEquals(await of("group_state", 'group="g",type="classic",state="Stable"'), 1);
  assertEquals(await of("group_offset_commits_total"), 1);
  assertEquals(await of("group_rebalances_total"), 1);

  const text = await (await fetch(`http://${broker.httpAddress}/metrics`)).text();
  assertStringIncludes(text, "runnel_group_rebalance_duration_seconds_count 1\n");
  await append(connection, "t", ["f"], { partition: 0 });
  assertEquals(await of("group_lag", 'group="g"'), 4);
});
