/** Changes of groups and transactions that are made by hand, told from those that consumers and producers make all the time. */
import { ZERO_UUID } from "../../bytes/uuid.ts";
import { DeleteGroups } from "../../protocol/messages/delete_groups.ts";
import { InitProducerId } from "../../protocol/messages/init_producer_id.ts";
import { LeaveGroup } from "../../protocol/messages/leave_group.ts";
import { OffsetCommit } from "../../protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../../protocol/messages/offset_delete.ts";
import { WriteTxnMarkers } from "../../protocol/messages/write_txn_markers.ts";
import type { Encodable } from "../../protocol/schema.ts";
import {
  type Change,
  change,
  each,
  eachOf,
  indexed,
  partitionCodes,
  partitionName,
} from "./change.ts";

/** What Kafka's admin client says where nobody gave it a reason (KafkaAdminClient.DEFAULT_LEAVE_GROUP_REASON). */
const ADMINS_REASON = "member was removed by an admin";

export const groupChanges: readonly Change[] = [
  change(DeleteGroups, {
    action: "group.delete",
    doc: "Groups are deleted, with their offsets.",
    isChange: () => true,
    items({ groupsNames }) {
      const codeOf = indexed((answer: Encodable<typeof DeleteGroups.response>) =>
        each(answer.results ?? [], ({ groupId = "", errorCode }) => [groupId, errorCode] as const)
      );
      return each(groupsNames, (name) => ({ type: "group", name, codeOf: codeOf(name) }));
    },
    refuse: ({ groupsNames }, { errorCode }) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode })),
    }),
  }),
  change(OffsetDelete, {
    action: "offset.delete",
    doc: "A group's offsets are deleted.",
    isChange: () => true,
    items({ groupId, topics }) {
      const codeOf = indexed((answer: Encodable<typeof OffsetDelete.response>) =>
        partitionCodes(answer.topics)
      );
      return eachOf(
        topics,
        ({ partitions }) => partitions,
        ({ name }, { partitionIndex }) => ({
          type: "group",
          name: groupId,
          change: { partition: partitionName(name, partitionIndex) },
          codeOf: (answer) =>
            answer.errorCode || codeOf(partitionName(name, partitionIndex))(answer),
        }),
      );
    },
    refuse: (_request, { errorCode }) => ({ errorCode, topics: [] }),
  }),
  change(OffsetCommit, {
    action: "offset.set",
    doc:
      "A group's offsets are set by who is no member of it (generation -1, no member id), as tools do that reset them. A consumer that commits without a group's help looks the same.",
    isChange: ({ topics, ...request }) =>
      isByNoMember(request) && topics.some(({ partitions }) => partitions.length > 0),
    items({ groupId, topics, ...request }, { topics: known }) {
      if (!isByNoMember(request)) return [];
      const keyOf = (name = "", topicId = ZERO_UUID) => topicId === ZERO_UUID ? name : topicId;
      const codeOf = indexed((answer: Encodable<typeof OffsetCommit.response>) =>
        eachOf(
          answer.topics ?? [],
          ({ partitions = [] }) => partitions,
          ({ name, topicId }, { partitionIndex = 0, errorCode }) =>
            [partitionName(keyOf(name, topicId), partitionIndex), errorCode] as const,
        )
      );
      return eachOf(
        topics,
        ({ partitions }) => partitions,
        ({ name, topicId }, { partitionIndex, committedOffset }) => ({
          type: "group",
          name: groupId,
          change: {
            partition: partitionName(
              topicId === ZERO_UUID ? name : known.nameOf(topicId) ?? topicId,
              partitionIndex,
            ),
            offset: committedOffset,
          },
          codeOf: codeOf(partitionName(keyOf(name, topicId), partitionIndex)),
        }),
      );
    },
    refuse: ({ topics }, { errorCode }) => ({
      topics: topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    }),
  }),
  change(LeaveGroup, {
    action: "group.remove_members",
    doc:
      "Members are removed from a group by somebody else: several at once, by their instance ids alone, or with the reason that Kafka's tools give. One that leaves by itself is not written.",
    items({ groupId, members }) {
      const isByHand = members.length > 1 ||
        members.some(({ memberId, reason }) =>
          memberId === "" || reason !== null && reason.startsWith(ADMINS_REASON)
        );
      if (!isByHand) return [];
      const keyOf = (memberId = "", instanceId: string | null = null) =>
        JSON.stringify([memberId, instanceId]);
      const codeOf = indexed((answer: Encodable<typeof LeaveGroup.response>) =>
        each(
          answer.members ?? [],
          ({ memberId, groupInstanceId, errorCode }) =>
            [keyOf(memberId, groupInstanceId), errorCode] as const,
        )
      );
      return each(members, ({ memberId, groupInstanceId }) => ({
        type: "member",
        name: groupInstanceId ?? memberId,
        change: { group: groupId },
        codeOf: (answer) => answer.errorCode || codeOf(keyOf(memberId, groupInstanceId))(answer),
      }));
    },
    refuse: (_request, { errorCode }) => ({ errorCode, members: [] }),
  }),
  change(WriteTxnMarkers, {
    action: "transaction.end_in_partition",
    doc:
      "Markers that end transactions are written into partitions (`kafka-transactions.sh abort`).",
    isChange: () => true,
    items({ markers }) {
      const keyOf = (producerId: number, name: string, partition: number) =>
        `${producerId} ${partitionName(name, partition)}`;
      const codeOf = indexed((answer: Encodable<typeof WriteTxnMarkers.response>) =>
        eachOf(
          (answer.markers ?? []).flatMap(({ producerId = 0, topics = [] }) =>
            topics.map((topic) => ({ producerId, ...topic }))
          ),
          ({ partitions = [] }) => partitions,
          ({ producerId, name = "" }, { partitionIndex = 0, errorCode }) =>
            [keyOf(producerId, name, partitionIndex), errorCode] as const,
        )
      );
      return eachOf(
        markers.flatMap(({ topics, ...marker }) =>
          topics.map((topic) => ({ ...marker, ...topic }))
        ),
        ({ partitionIndexes }) => partitionIndexes,
        ({ producerId, producerEpoch, transactionResult, name }, partition) => ({
          type: "partition",
          name: partitionName(name, partition),
          change: {
            producer_id: producerId,
            producer_epoch: producerEpoch,
            marker: transactionResult ? "commit" : "abort",
          },
          codeOf: codeOf(keyOf(producerId, name, partition)),
        }),
      );
    },
    refuse: ({ markers }, { errorCode }) => ({
      markers: markers.map(({ producerId, topics }) => ({
        producerId,
        topics: topics.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
        })),
      })),
    }),
  }),
  change(InitProducerId, {
    action: "transactional_id.take",
    doc:
      "A transactional id is taken by who names no producer: whoever had it is fenced, and what was open is aborted (`runnel txn abort ID`). A transactional producer that starts does the same.",
    items: ({ transactionalId, producerId }) =>
      transactionalId === null || producerId !== -1 ? [] : [{
        type: "transactional_id",
        name: transactionalId,
        codeOf: ({ errorCode = 0 }) => errorCode,
      }],
    refuse: (_request, { errorCode }) => ({ errorCode, producerId: -1, producerEpoch: -1 }),
  }),
];

function isByNoMember(
  request: { readonly generationIdOrMemberEpoch: number; readonly memberId: string },
): boolean {
  return request.generationIdOrMemberEpoch < 0 && request.memberId === "";
}
