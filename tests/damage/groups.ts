/** What groups are asked while the directory is made. */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { encodeVersioned } from "../../src/protocol/log_record.ts";
import { ConsumerGroupDescribe } from "../../src/protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../src/protocol/messages/consumer_protocol.ts";
import { JoinGroup } from "../../src/protocol/messages/join_group.ts";
import { LeaveGroup } from "../../src/protocol/messages/leave_group.ts";
import { OffsetCommit } from "../../src/protocol/messages/offset_commit.ts";
import { SyncGroup } from "../../src/protocol/messages/sync_group.ts";
import { EARLIEST, listOffset } from "../broker/calls.ts";
import { pause } from "../broker/harness.ts";
import { type GroupName, memberOf, PARTITIONS } from "./contents.ts";

/** Waits until partitions answer: a broker may open them after it has begun to serve. */
export async function allServe(connection: Connection): Promise<void> {
  for (const [topic, partition] of PARTITIONS) {
    for (let tries = 0; tries < 200; tries++) {
      const { errorCode } = await listOffset(connection, topic, EARLIEST, { partition });
      if (errorCode !== 6) break;
      await pause(10);
    }
  }
}

export async function joinConsumerGroup(connection: Connection, groupId: string): Promise<void> {
  const answer = await untilLoaded(() =>
    connection.request(ConsumerGroupHeartbeat, 1, {
      groupId,
      memberId: memberOf(groupId),
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["plain"],
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: [],
    })
  );
  assertEquals([answer.errorCode, answer.errorMessage], [0, null]);
}

export async function joinAndLeave(connection: Connection, groupId: string): Promise<void> {
  const joined = await untilLoaded(() =>
    connection.request(JoinGroup, 3, {
      groupId,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{
        name: "range",
        metadata: encodeVersioned(ConsumerProtocolSubscription, 0, { topics: ["plain"] }),
      }],
    })
  );
  const { memberId, generationId } = joined;
  const assignedPartitions = [{ topic: "plain", partitions: [0, 1] }];
  const assignment = encodeVersioned(ConsumerProtocolAssignment, 0, { assignedPartitions });
  const assignments = [{ memberId, assignment }];
  const synced = await connection.request(SyncGroup, 3, {
    groupId,
    generationId,
    memberId,
    assignments,
  });
  assertEquals(synced.errorCode, 0);
  const left = await connection.request(LeaveGroup, 1, { groupId, memberId });
  assertEquals(left.errorCode, 0);
}

/** Commits an offset, for partitions that are there. */
export async function commit(
  connection: Connection,
  { id, protocol }: GroupName,
  step: number,
): Promise<void> {
  const isMember = protocol === "consumer";
  const memberEpoch = isMember ? await memberEpochOf(connection, id) : -1;
  const { topics } = await untilLoaded(async () => {
    const answer = await connection.request(OffsetCommit, 9, {
      groupId: id,
      generationIdOrMemberEpoch: memberEpoch,
      memberId: isMember ? memberOf(id) : "",
      topics: [{
        name: "plain",
        partitions: [0, 1].map((partitionIndex) => ({
          partitionIndex,
          committedOffset: BigInt(100 * step + partitionIndex),
          committedMetadata: `${id} at ${step}`,
        })),
      }],
    });
    return { ...answer, errorCode: answer.topics[0].partitions[0].errorCode };
  });
  for (const { errorCode } of topics[0].partitions) assertEquals(errorCode, 0, `commit of ${id}`);
}

export async function memberEpochOf(connection: Connection, groupId: string): Promise<number> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const group = await untilLoaded(async () =>
    (await connection.request(ConsumerGroupDescribe, 1, request)).groups[0]
  );
  return group.members[0].memberEpoch;
}

export async function untilLoaded<T extends { readonly errorCode: number }>(
  ask: () => Promise<T>,
): Promise<T> {
  for (let tries = 0;; tries++) {
    const answer = await ask();
    if (![14, 15, 16].includes(answer.errorCode) || tries === 200) return answer;
    await pause(10);
  }
}
