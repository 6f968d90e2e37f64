/** Offsets of a group in a transaction: added, committed, shown, and what may be done to the group meanwhile. */
import { DeleteGroups } from "../../../src/protocol/messages/delete_groups.ts";
import { OffsetCommit } from "../../../src/protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../../../src/protocol/messages/offset_delete.ts";
import { AddOffsetsToTxn } from "../../../src/protocol/messages/add_offsets_to_txn.ts";
import { JoinGroup } from "../../../src/protocol/messages/join_group.ts";
import { SyncGroup } from "../../../src/protocol/messages/sync_group.ts";
import { ConsumerGroupHeartbeat } from "../../../src/protocol/messages/consumer_group_heartbeat.ts";
import { Client, offsetsOf } from "./client.ts";
import { type Scenarios, type TransactionPlayer, UNKNOWN_PRODUCER } from "./player.ts";

async function commitPlainly(player: TransactionPlayer, group: string, topic: string, offset: number) {
  await player.settled(OffsetCommit, 8, {
    groupId: player.name(group),
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{
      name: player.name(topic),
      partitions: [{ partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: "" }],
    }],
  });
}

const deleteGroup = (player: TransactionPlayer, group: string) =>
  player.ask(DeleteGroups, 2, { groupsNames: [player.name(group)] });

const deleteOffset = (player: TransactionPlayer, group: string, topic: string) =>
  player.ask(OffsetDelete, 0, {
    groupId: player.name(group),
    topics: [{ name: player.name(topic), partitions: [{ partitionIndex: 0 }] }],
  });

/** Shows an offset to those who insist on stable ones and to those who do not. */
async function show(player: TransactionPlayer, group: string, topic: string) {
  for (const version of [6, 7, 9, 10]) {
    await offsetsOf(player, group, topic, { version });
    if (version >= 7) await offsetsOf(player, group, topic, { version, requireStable: true });
  }
}

export const OFFSETS: Scenarios = {
  "offsets are hidden until the commit": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await show(player, "g", "a");
      for (const [version, offset] of [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]) {
        await client.addOffsets(Math.min(version, 4), "g");
        await client.describe();
        await client.commitOffsets(version, "g", { a: [offset] });
        await show(player, "g", "a");
        await client.end(4, true);
        await client.ended();
        await player.settled(AddOffsetsToTxn, 4, {
          transactionalId: player.name("t"),
          ...client.identity,
          groupId: player.name("h"),
        });
        await show(player, "g", "a");
        await client.end(4, false);
        await client.ended();
      }
    },
  },
  "offsets of an aborted transaction never show": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await commitPlainly(player, "g", "a", 5);
      await client.addOffsets(4, "g");
      await client.commitOffsets(3, "g", { a: [9, 9] });
      await client.commitOffsets(3, "g", { a: [10] });
      await offsetsOf(player, "g", "a", { partitions: [0, 1, 2] });
      await offsetsOf(player, "g", "a", { partitions: [0, 1, 2], requireStable: true });
      await client.end(4, false);
      await client.ended();
      await offsetsOf(player, "g", "a", { partitions: [0, 1, 2], requireStable: true });
    },
  },
  "TxnOffsetCommit without AddOffsetsToTxn": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      for (const version of [0, 1, 2, 3, 4, 5, 6]) {
        const client = await Client.begin(player, `t${version}`);
        await client.commitOffsets(version, "g", { a: [version + 1] });
        await client.describe();
        await offsetsOf(player, "g", "a");
        await offsetsOf(player, "g", "a", { requireStable: true });
        await client.end(version >= 5 ? 5 : 4, true);
        await client.ended();
        await offsetsOf(player, "g", "a");
      }
    },
  },
  "TxnOffsetCommit with AddOffsetsToTxn before, versions 5 and 6 too": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      for (const version of [5, 6]) {
        const client = await Client.begin(player, `t${version}`);
        await client.addOffsets(4, "g");
        await client.commitOffsets(version, "g", { a: [version + 1] });
        await client.end(5, true);
        await client.ended();
        await client.commitOffsets(version, "g", { a: [version + 11] });
        await client.end(5, false);
        await client.ended();
        await offsetsOf(player, "g", "a", { requireStable: true });
      }
    },
  },
  "topics that do not exist, and metadata that is too long": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await client.addOffsets(4, "g");
      for (const version of [0, 3, 4, 5]) {
        await client.commitOffsets(version, "g", { a: [1, 2, 3, 4], none: [7] });
        await client.commitOffsets(version, "g", {});
      }
      await client.commitOffsets(6, "g", { none: [7] });
      await client.end(4, true);
      await client.ended();
      await offsetsOf(player, "g", "a", { partitions: [0, 1, 2, 3] });
    },
  },
  "who commits: other producer ids, epochs and groups": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await client.init();
      await client.addOffsets(4, "g");
      const { producerId, producerEpoch } = client.identity;
      for (const version of [0, 3, 4, 5, 6]) {
        client.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch };
        await client.commitOffsets(version, "g", { a: [1] });
        client.identity = { producerId, producerEpoch: producerEpoch - 1 };
        await client.commitOffsets(version, "g", { a: [2] });
        client.identity = { producerId, producerEpoch: producerEpoch + 1 };
        await client.commitOffsets(version, "g", { a: [3] });
        client.identity = { producerId, producerEpoch };
        await client.commitOffsets(version, "", { a: [4] });
      }
      for (const version of [0, 1, 2, 3, 4]) {
        client.identity = { producerId: UNKNOWN_PRODUCER, producerEpoch };
        await client.addOffsets(version, "g");
        client.identity = { producerId, producerEpoch: producerEpoch - 1 };
        await client.addOffsets(version, "g");
        client.identity = { producerId, producerEpoch: producerEpoch + 1 };
        await client.addOffsets(version, "g");
        client.identity = { producerId, producerEpoch };
        await client.addOffsets(version, "");
        await player.ask(AddOffsetsToTxn, version, {
          transactionalId: "",
          producerId,
          producerEpoch,
          groupId: player.name("g"),
        });
        await player.ask(AddOffsetsToTxn, version, {
          transactionalId: player.name("unknown"),
          producerId,
          producerEpoch,
          groupId: player.name("g"),
        });
      }
      client.identity = { producerId, producerEpoch };
      await client.describe();
      await client.end(4, true);
      await client.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
    },
  },
  "members and generations that are named": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await client.addOffsets(4, "g");
      const member = { memberId: "m", generationIdOrMemberEpoch: 3 };
      for (const version of [3, 4, 5]) {
        await client.commitOffsets(version, "g", { a: [1] }, member);
        await client.commitOffsets(version, "g", { a: [1] }, { generationIdOrMemberEpoch: 3 });
        await client.commitOffsets(version, "g", { a: [1] }, { memberId: "m" });
        await client.commitOffsets(version, "g", { a: [1] }, { groupInstanceId: "i", ...member });
      }
      const join = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, protocolType: "consumer" };
      const protocols = [{ name: "range", metadata: new Uint8Array(6) }];
      const joined = await player.ask(JoinGroup, 3, {
        groupId: player.name("g"),
        ...join,
        memberId: "",
        protocols,
      }, "of a new member");
      player.transcript.pop(); // its id is no other broker's
      const { memberId, generationId } = joined!;
      for (const version of [2, 3, 5]) {
        await client.commitOffsets(version, "g", { a: [20] });
        const right = { memberId, generationIdOrMemberEpoch: generationId };
        const said = async (more: object) => {
          await client.commitOffsets(version, "g", { a: [21] }, { ...right, ...more });
          const { answer } = player.transcript.pop()!;
          player.transcript.push({ asked: `TxnOffsetCommit v${version} of a member`, answer });
        };
        if (version < 3) continue;
        await said({});
        await said({ generationIdOrMemberEpoch: generationId + 1 });
        await said({ memberId: "other" });
        await said({ groupInstanceId: "i" });
      }
      await player.ask(SyncGroup, 3, {
        groupId: player.name("g"),
        memberId,
        generationId,
        assignments: [{ memberId, assignment: new Uint8Array(0) }],
      }, "of the leader");
      await deleteGroup(player, "g");
      await client.end(4, true);
      await client.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
    },
  },
  "members of the consumer protocol": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("c", 0);
      const client = await Client.begin(player, "t");
      const beat = await player.settled(ConsumerGroupHeartbeat, 1, {
        groupId: player.name("c"),
        memberId: "member",
        memberEpoch: 0,
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: [player.name("a")],
        topicPartitions: [],
      });
      const epoch = beat!.memberEpoch;
      await client.addOffsets(4, "c");
      const right = { memberId: "member", generationIdOrMemberEpoch: epoch };
      for (const version of [3, 4, 5, 6]) {
        await client.commitOffsets(version, "c", { a: [1] });
        await client.commitOffsets(version, "c", { a: [2] }, right);
        await client.commitOffsets(version, "c", { a: [3] }, { ...right, memberId: "other" });
        const ahead = { ...right, generationIdOrMemberEpoch: epoch + 1 };
        await client.commitOffsets(version, "c", { a: [4] }, ahead);
        const behind = { ...right, generationIdOrMemberEpoch: epoch - 1 };
        await client.commitOffsets(version, "c", { a: [4] }, behind);
      }
      await client.end(4, true);
      await client.ended();
      await offsetsOf(player, "c", "a", { requireStable: true });
    },
  },
  "what may be done to a group with offsets pending": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await commitPlainly(player, "g", "a", 5);
      await client.addOffsets(4, "g");
      await client.commitOffsets(3, "g", { a: [9] });
      await deleteGroup(player, "g");
      await deleteOffset(player, "g", "a");
      await offsetsOf(player, "g", "a");
      await commitPlainly(player, "g", "a", 6);
      await offsetsOf(player, "g", "a");
      await offsetsOf(player, "g", "a", { requireStable: true });
      await client.end(4, true);
      await client.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
      await deleteGroup(player, "g");
      await offsetsOf(player, "g", "a", { requireStable: true });
    },
  },
  "a group that has nothing but pending offsets": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t");
      await client.addOffsets(4, "g");
      await deleteGroup(player, "g");
      await client.commitOffsets(3, "g", { a: [9] });
      await deleteGroup(player, "g");
      await deleteOffset(player, "g", "a");
      await client.end(4, false);
      await client.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
      await deleteGroup(player, "g");
    },
  },
  "a plain commit beside a pending one: the later in the log wins": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      for (const [id, committed] of [["t", true], ["u", false]] as const) {
        const client = await Client.begin(player, id);
        await client.addOffsets(4, "g");
        await client.commitOffsets(3, "g", { a: [100] });
        await commitPlainly(player, "g", "a", 50);
        await client.end(4, committed);
        await client.ended();
        await offsetsOf(player, "g", "a", { requireStable: true });
      }
    },
  },
  "two transactions with offsets of one partition": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const one = await Client.begin(player, "t"), two = await Client.begin(player, "u");
      await one.commitOffsets(5, "g", { a: [10] });
      await two.commitOffsets(5, "g", { a: [20] });
      await one.end(5, true);
      await one.ended();
      await offsetsOf(player, "g", "a");
      await offsetsOf(player, "g", "a", { requireStable: true });
      await two.end(5, true);
      await two.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
      await one.commitOffsets(5, "g", { a: [30] });
      await two.commitOffsets(5, "g", { a: [40] });
      await two.end(5, true);
      await two.ended();
      await one.end(5, true);
      await one.ended();
      await offsetsOf(player, "g", "a", { requireStable: true });
    },
  },
  "a timed out transaction lets go of offsets": {
    async play(player) {
      await player.topic("a");
      await player.coordinated("g", 0);
      const client = await Client.begin(player, "t", { timeoutMs: 500 });
      await client.commitOffsets(5, "g", { a: [10] });
      await player.ended("t", ["CompleteAbort"]);
      await offsetsOf(player, "g", "a", { requireStable: true });
      await client.commitOffsets(5, "g", { a: [11] });
      await client.commitOffsets(4, "g", { a: [11] });
      await client.end(5, true);
    },
  },
};
