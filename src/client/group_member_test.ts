/**
 * Proves what a member tells its group and what it makes of the answers, by a scripted coordinator: joining, taking
 * partitions, being put out, a coordinator that moves, leaving.
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { joined } from "../protocol/codec.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { decodeRequest, encodeResponse } from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { ConsumerGroupHeartbeat } from "../protocol/messages/consumer_group_heartbeat.ts";
import { FindCoordinator } from "../protocol/messages/find_coordinator.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { OffsetCommit } from "../protocol/messages/offset_commit.ts";
import type { Decoded } from "../protocol/schema.ts";
import { type Asked, ScriptedSocket, versionsAnswer } from "../testing/scripted_socket.ts";
import { Cluster } from "./cluster.ts";
import { KafkaError } from "./errors.ts";
import { GroupMember, isPutOut } from "./group_member.ts";

const TOPIC_ID = "000000000000000000000w" as Uuid;

type Heartbeat = Decoded<typeof ConsumerGroupHeartbeat.request>;
type Reply = { errorCode?: number; memberEpoch?: number; partitions?: number[] };

class OneCoordinator {
  readonly heartbeats: Heartbeat[] = [];
  readonly commits: Decoded<typeof OffsetCommit.request>[] = [];
  searches = 0;
  commitError = 0;

  constructor(readonly replies: Reply[]) {}

  readonly dial = () => Promise.resolve(new ScriptedSocket((asked) => this.#answer(asked)));

  #answer({ apiKey, apiVersion, correlationId, frame, bodyAt }: Asked): Uint8Array | null {
    switch (apiKey) {
      case ApiVersions.key:
        return versionsAnswer({ apiVersion, correlationId }, [[3, 12], [8, 9], [10, 4], [18, 4], [
          68,
          1,
        ]]);
      case Metadata.key:
        return joined(encodeResponse(Metadata, apiVersion, correlationId, {
          brokers: [{ nodeId: 0, host: "broker", port: 9092 }],
          topics: [{
            name: "t",
            topicId: TOPIC_ID,
            partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, leaderId: 0 })),
          }],
        }));
      case FindCoordinator.key:
        this.searches++;
        return joined(encodeResponse(FindCoordinator, apiVersion, correlationId, {
          coordinators: [{ key: "g", nodeId: 0, host: "broker", port: 9092 }],
        }));
      case OffsetCommit.key:
        this.commits.push(decodeRequest(OffsetCommit, apiVersion, frame, bodyAt));
        return joined(encodeResponse(OffsetCommit, apiVersion, correlationId, {
          topics: [{
            name: "t",
            partitions: [{ partitionIndex: 0, errorCode: this.commitError }],
          }],
        }));
      default: {
        this.heartbeats.push(decodeRequest(ConsumerGroupHeartbeat, apiVersion, frame, bodyAt));
        const { errorCode = 0, memberEpoch = 1, partitions } = this.replies.shift() ?? {};
        return joined(encodeResponse(ConsumerGroupHeartbeat, apiVersion, correlationId, {
          errorCode,
          memberEpoch,
          heartbeatIntervalMs: 5000,
          assignment: partitions === undefined
            ? null
            : { topicPartitions: [{ topicId: TOPIC_ID, partitions }] },
        }));
      }
    }
  }
}

async function withMember(
  replies: Reply[],
  work: (member: GroupMember, coordinator: OneCoordinator) => Promise<void>,
): Promise<void> {
  const coordinator = new OneCoordinator(replies);
  const cluster = new Cluster({ bootstrap: "broker:9092", dial: coordinator.dial });
  try {
    await work(new GroupMember(cluster, { groupId: "g", topics: ["t"] }), coordinator);
  } finally {
    cluster.close();
  }
}

Deno.test("a member joins with everything, acknowledges what it takes, and then says only that it is there", async () => {
  await withMember(
    [{ partitions: [0, 1] }, {}, {}, { memberEpoch: -1 }],
    async (member, { heartbeats }) => {
      assertEquals([member.isDue, member.target], [true, null]);
      await member.heartbeat();
      const target = [{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }];
      assertEquals([member.isDue, member.target], [false, target]);
      await member.owns(target);
      await member.heartbeat();
      assertEquals(member.target, target); // the group said nothing new
      await member.leave();
      assertEquals(
        heartbeats.map(({ memberEpoch, subscribedTopicNames, topicPartitions }) => [
          memberEpoch,
          subscribedTopicNames,
          topicPartitions,
        ]),
        [
          [0, ["t"], []],
          [1, null, [{ topicId: TOPIC_ID, partitions: [0, 1] }]],
          [1, null, null],
          [-1, null, null],
        ],
      );
      assertEquals(new Set(heartbeats.map(({ memberId }) => memberId)).size, 1);
    },
  );
});

for (const errorCode of [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH]) {
  Deno.test(`a member that is put out (${errorCode}) has nothing, and joins anew`, async () => {
    const replies = [{ partitions: [0] }, { errorCode }, { memberEpoch: 7, partitions: [1] }];
    await withMember(replies, async (member, { heartbeats }) => {
      await member.heartbeat();
      await member.heartbeat();
      assertEquals([member.target, member.isDue], [null, true]);
      await member.heartbeat();
      assertEquals(member.target, [{ topic: "t", partition: 1 }]);
      assertEquals(heartbeats.map(({ memberEpoch }) => memberEpoch), [0, 1, 0]);
    });
  });
}

Deno.test("a coordinator that has moved is looked for again", async () => {
  const replies = [{ errorCode: ErrorCode.NOT_COORDINATOR }, { partitions: [0] }];
  await withMember(replies, async (member, coordinator) => {
    await member.heartbeat();
    assertEquals(member.target, [{ topic: "t", partition: 0 }]);
    assertEquals(coordinator.searches, 2);
  });
});

Deno.test("a commit bears the member's epoch, and one that is out of date is told", async () => {
  await withMember([{ memberEpoch: 4, partitions: [0] }], async (member, coordinator) => {
    await member.heartbeat();
    await member.commit([{ topic: "t", partition: 0, offset: 9 }]);
    const [{ generationIdOrMemberEpoch, topics }] = coordinator.commits;
    assertEquals([generationIdOrMemberEpoch, topics[0].partitions[0].committedOffset], [4, 9n]);
    coordinator.commitError = ErrorCode.STALE_MEMBER_EPOCH;
    const error = await assertRejects(
      () => member.commit([{ topic: "t", partition: 0, offset: 10 }]),
      KafkaError,
    );
    assertEquals(isPutOut(error), true);
  });
});

Deno.test("when an answer may have been lost everything is said again, so that the group says everything", async () => {
  const replies = [{ partitions: [0, 1] }, {}, { errorCode: ErrorCode.NOT_COORDINATOR }, {
    memberEpoch: 2,
    partitions: [0],
  }];
  await withMember(replies, async (member, { heartbeats }) => {
    await member.heartbeat();
    await member.owns([{ topic: "t", partition: 0 }, { topic: "t", partition: 1 }]);
    await assertRejects(() => member.heartbeat({ timeoutMs: 0 }), KafkaError);
    await member.heartbeat({ timeoutMs: 0 });
    assertEquals(member.target, [{ topic: "t", partition: 0 }]);
    assertEquals(
      heartbeats.map(({ rebalanceTimeoutMs, subscribedTopicNames, topicPartitions }) => [
        rebalanceTimeoutMs,
        subscribedTopicNames,
        topicPartitions?.[0]?.partitions,
      ]),
      [[60_000, ["t"], undefined], [-1, null, [0, 1]], [-1, null, undefined], [60_000, ["t"], [
        0,
        1,
      ]]],
    );
  });
});

Deno.test("what changes while a heartbeat is on its way goes with one that is due at once", async () => {
  await withMember([{ partitions: [0, 1] }, {}, {}, {}], async (member, { heartbeats }) => {
    await member.heartbeat();
    const changes = [
      () => member.acknowledge([{ topic: "t", partition: 0 }]),
      () => member.hurry(),
    ];
    for (const change of changes) {
      const beating = member.heartbeat();
      change();
      await beating;
      assertEquals(member.isDue, true);
    }
    await member.heartbeat();
    assertEquals(member.isDue, false);
    assertEquals(heartbeats.length, 4);
  });
});
