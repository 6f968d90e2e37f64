/** What is asked of groups: their members, offsets and descriptions. */
import { ConsumerGroupDescribe } from "../../../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../../../src/protocol/messages/consumer_group_heartbeat.ts";
import { DeleteGroups } from "../../../../src/protocol/messages/delete_groups.ts";
import { DescribeGroups } from "../../../../src/protocol/messages/describe_groups.ts";
import { FindCoordinator } from "../../../../src/protocol/messages/find_coordinator.ts";
import { Heartbeat } from "../../../../src/protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../../../src/protocol/messages/join_group.ts";
import { LeaveGroup } from "../../../../src/protocol/messages/leave_group.ts";
import { ListGroups } from "../../../../src/protocol/messages/list_groups.ts";
import { OffsetCommit } from "../../../../src/protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../../../../src/protocol/messages/offset_delete.ts";
import { OffsetFetch } from "../../../../src/protocol/messages/offset_fetch.ts";
import { SyncGroup } from "../../../../src/protocol/messages/sync_group.ts";
import { type Asking, READ, DELETE, DESCRIBE, topic, group, txn, OFFSETS } from "./question.ts";

export function groupQuestions({ ask }: Asking): void {
  ask("offsets committed", OffsetCommit, 8, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: OFFSETS,
  }, [group(READ), topic(READ), topic(READ, "none")]);
  ask("offsets of a group", OffsetFetch, 7, {
    groupId: "g",
    topics: ["shown", "none"].map((name) => ({ name, partitionIndexes: [0] })),
  }, [group(DESCRIBE), topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("offsets of groups", OffsetFetch, 9, {
    groups: [
      { groupId: "g", topics: [{ name: "shown", partitionIndexes: [0] }] },
      { groupId: "h", topics: null },
    ],
  }, [group(DESCRIBE), group(DESCRIBE, "h"), topic(DESCRIBE)]);
  ask("offsets of a group in the first version", OffsetFetch, 1, {
    groupId: "g",
    topics: [{ name: "shown", partitionIndexes: [0] }],
  }, [group(DESCRIBE), topic(DESCRIBE)]);
  ask("offsets deleted", OffsetDelete, 0, {
    groupId: "g",
    topics: ["shown", "none"].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
  }, [group(DELETE), topic(READ), topic(READ, "none")]);
  ask("a group's coordinator", FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g", "h"] }, [
    group(DESCRIBE),
    group(DESCRIBE, "h"),
  ]);
  ask("an id's coordinator", FindCoordinator, 3, { keyType: 1, key: "x" }, [txn(DESCRIBE)]);
  ask("a member joins", JoinGroup, 9, {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "nobody",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
  }, [group(READ)]);
  ask("a member's beat", Heartbeat, 4, { groupId: "g", generationId: 1, memberId: "nobody" }, [
    group(READ),
  ]);
  ask("a member leaves", LeaveGroup, 5, {
    groupId: "g",
    members: [{ memberId: "nobody", groupInstanceId: null }],
  }, [group(READ)]);
  ask("a member asks for its partitions", SyncGroup, 5, {
    groupId: "g",
    generationId: 1,
    memberId: "nobody",
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  }, [group(READ)]);
  ask("a member's beat in the new protocol", ConsumerGroupHeartbeat, 0, {
    groupId: "k",
    memberId: "nobody",
    memberEpoch: 5,
    subscribedTopicNames: ["shown", "none"],
  }, [group(READ, "k"), topic(DESCRIBE), topic(DESCRIBE, "none")]);
  ask("groups described", DescribeGroups, 6, {
    groups: ["g", "h"],
    includeAuthorizedOperations: true,
  }, [group(DESCRIBE), group(DESCRIBE, "h"), group(DELETE)]);
  ask("groups of the new protocol described", ConsumerGroupDescribe, 0, {
    groupIds: ["k"],
    includeAuthorizedOperations: true,
  }, [group(DESCRIBE, "k")]);
  ask("a group of the new protocol that has a member described", ConsumerGroupDescribe, 0, {
    groupIds: ["busy"],
  }, [group(DESCRIBE, "busy"), topic(DESCRIBE, "other")]);
  ask("groups deleted", DeleteGroups, 2, { groupsNames: ["h", "i"] }, [
    group(DELETE, "h"),
    group(DELETE, "i"),
  ]);
  ask("groups listed", ListGroups, 4, { statesFilter: [] }, [group(DESCRIBE)]);
}
