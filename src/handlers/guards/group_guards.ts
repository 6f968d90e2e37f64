/** Guards of what is asked of groups: their members, offsets, descriptions. */
import type { Uuid } from "../../bytes/uuid.ts";
import { AddOffsetsToTxn } from "../../protocol/messages/add_offsets_to_txn.ts";
import { ConsumerGroupDescribe } from "../../protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer_group_heartbeat.ts";
import { DeleteGroups } from "../../protocol/messages/delete_groups.ts";
import { DescribeGroups } from "../../protocol/messages/describe_groups.ts";
import { Heartbeat } from "../../protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../protocol/messages/join_group.ts";
import { LeaveGroup } from "../../protocol/messages/leave_group.ts";
import { ListGroups } from "../../protocol/messages/list_groups.ts";
import { OffsetCommit } from "../../protocol/messages/offset_commit.ts";
import { OffsetDelete } from "../../protocol/messages/offset_delete.ts";
import { SyncGroup } from "../../protocol/messages/sync_group.ts";
import { TxnOffsetCommit } from "../../protocol/messages/txn_offset_commit.ts";
import type { Catalogue } from "../../topics/catalogue.ts";
import { completed, type Guard, guard, parted } from "../guard.ts";
import {
  DELETE,
  DESCRIBE,
  GROUP_REFUSED,
  ID_REFUSED,
  onCluster,
  onGroup,
  onTopic,
  onTransactionalId,
  READ,
  refusal,
  TOPIC_REFUSED,
  WRITE,
} from "./rights.ts";

const REFUSED = refusal(GROUP_REFUSED);
/** From this version on a protocol's name may be null, and is where there is none. */
const KNOWS_NO_PROTOCOL = 7;
/** OffsetCommit and TxnOffsetCommit name topics by their ids since. */
const COMMITS_BY_ID = 10, TXN_COMMITS_BY_ID = 6;

interface NamedTopic {
  readonly name: string;
  readonly topicId: Uuid;
}

export function groupGuards(catalogue: Catalogue): readonly Guard[] {
  /** The name of a topic, by its id where the version has ids; undefined where there is none. */
  const nameOf = ({ name, topicId }: NamedTopic, byId: boolean) =>
    byId ? catalogue.topicById(topicId)?.name : name;
  const ofTopics = <T extends NamedTopic & { readonly partitions: readonly Indexed[] }>(
    topics: readonly T[],
    errorCode: number,
  ) =>
    topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    }));
  return [
    guard(
      JoinGroup,
      [onGroup(READ)],
      (request, { access, apiVersion }, rest) =>
        access.mayGroup(READ, request.groupId) ? rest(request) : {
          errorCode: GROUP_REFUSED,
          protocolName: apiVersion >= KNOWS_NO_PROTOCOL ? null : "",
        },
    ),
    guard(
      Heartbeat,
      [onGroup(READ)],
      (request, { access }, rest) =>
        access.mayGroup(READ, request.groupId) ? rest(request) : { errorCode: GROUP_REFUSED },
    ),
    guard(
      LeaveGroup,
      [onGroup(READ)],
      (request, { access }, rest) =>
        access.mayGroup(READ, request.groupId) ? rest(request) : { errorCode: GROUP_REFUSED },
    ),
    guard(
      SyncGroup,
      [onGroup(READ)],
      (request, { access }, rest) =>
        access.mayGroup(READ, request.groupId) ? rest(request) : { errorCode: GROUP_REFUSED },
    ),
    guard(
      ConsumerGroupHeartbeat,
      [onGroup(READ), onTopic(DESCRIBE)],
      (request, { access }, rest) => {
        if (!access.mayGroup(READ, request.groupId)) return REFUSED;
        const topics = request.subscribedTopicNames ?? [];
        const isHidden = topics.some((name) => !access.mayTopic(DESCRIBE, name));
        return isHidden ? refusal(TOPIC_REFUSED) : rest(request);
      },
    ),
    guard(DescribeGroups, [onGroup(DESCRIBE)], (request, { access, apiVersion }, rest) => {
      const may = (groupId: string) => access.mayGroup(DESCRIBE, groupId);
      const { allowed, refused } = parted(request.groups, may);
      const answers = refused.map((groupId) => ({
        groupId,
        errorCode: GROUP_REFUSED,
        errorMessage: apiVersion >= KNOWS_MESSAGES ? "" : null,
      }));
      return completed(rest({ ...request, groups: allowed }), (answer) => ({
        ...answer,
        groups: [...answers, ...answer.groups ?? []],
      }));
    }),
    guard(
      ConsumerGroupDescribe,
      [onGroup(DESCRIBE), onTopic(DESCRIBE)],
      (request, { access }, rest) => {
        const may = (groupId: string) => access.mayGroup(DESCRIBE, groupId);
        const { allowed, refused } = parted(request.groupIds, may);
        return completed(rest({ ...request, groupIds: allowed }), (answer) => ({
          ...answer,
          groups: [
            ...refused.map((groupId) => ({ groupId, errorCode: GROUP_REFUSED })),
            ...(answer.groups ?? []).map((group) => {
              const isHidden = [...topicsOf(group)].some((name) =>
                !access.mayTopic(DESCRIBE, name)
              );
              return isHidden ? hidden(group.groupId ?? "") : group;
            }),
          ],
        }));
      },
    ),
    guard(
      ListGroups,
      [onCluster(DESCRIBE), onGroup(DESCRIBE)],
      (request, { access }, rest) =>
        completed(rest(request), (answer) =>
          access.mayCluster(DESCRIBE) ? answer : {
            ...answer,
            groups: answer.groups?.filter(({ groupId }) =>
              access.mayGroup(DESCRIBE, groupId ?? "")
            ),
          }),
    ),
    guard(DeleteGroups, [onGroup(DELETE)], (request, { access }, rest) => {
      const may = (groupId: string) => access.mayGroup(DELETE, groupId);
      const { allowed, refused } = parted(request.groupsNames, may);
      return completed(rest({ ...request, groupsNames: allowed }), (answer) => ({
        ...answer,
        results: [
          ...answer.results ?? [],
          ...Array.from(new Set(refused), (groupId) => ({ groupId, errorCode: GROUP_REFUSED })),
        ],
      }));
    }),
    guard(OffsetCommit, [onGroup(READ), onTopic(READ)], (request, { access, apiVersion }, rest) => {
      if (!access.mayGroup(READ, request.groupId)) {
        return { topics: ofTopics(request.topics, GROUP_REFUSED) };
      }
      const { allowed, refused } = parted(request.topics, (topic) => {
        const name = nameOf(topic, apiVersion >= COMMITS_BY_ID);
        return name === undefined || access.mayTopic(READ, name);
      });
      if (refused.length === 0) return rest(request);
      return completed(rest({ ...request, topics: allowed }), (answer) => ({
        ...answer,
        topics: [...answer.topics ?? [], ...ofTopics(refused, TOPIC_REFUSED)],
      }));
    }),
    guard(
      TxnOffsetCommit,
      [onTransactionalId(WRITE), onGroup(READ), onTopic(READ)],
      (request, { access, apiVersion }, rest) => {
        const all = (errorCode: number) => ({ topics: ofTopics(request.topics, errorCode) });
        if (!access.mayTransactional(WRITE, request.transactionalId)) return all(ID_REFUSED);
        if (!access.mayGroup(READ, request.groupId)) return all(GROUP_REFUSED);
        const { allowed, refused } = parted(request.topics, (topic) => {
          const name = nameOf(topic, apiVersion >= TXN_COMMITS_BY_ID);
          return name === undefined || access.mayTopic(READ, name);
        });
        if (refused.length === 0) return rest(request);
        return completed(rest({ ...request, topics: allowed }), (answer) => ({
          ...answer,
          topics: [...answer.topics ?? [], ...ofTopics(refused, TOPIC_REFUSED)],
        }));
      },
    ),
    guard(
      AddOffsetsToTxn,
      [onTransactionalId(WRITE), onGroup(READ)],
      (request, { access }, rest) => {
        if (!access.mayTransactional(WRITE, request.transactionalId)) {
          return { errorCode: ID_REFUSED };
        }
        return access.mayGroup(READ, request.groupId)
          ? rest(request)
          : { errorCode: GROUP_REFUSED };
      },
    ),
    guard(OffsetDelete, [onGroup(DELETE), onTopic(READ)], (request, { access }, rest) => {
      if (!access.mayGroup(DELETE, request.groupId)) return { errorCode: GROUP_REFUSED };
      const { allowed, refused } = parted(
        request.topics,
        ({ name }) => access.mayTopic(READ, name),
      );
      if (refused.length === 0) return rest(request);
      return completed(
        rest({ ...request, topics: allowed }),
        (answer) =>
          answer.errorCode ? answer : {
            ...answer,
            topics: [
              ...answer.topics ?? [],
              ...refused.map(({ name, partitions }) => ({
                name,
                partitions: partitions.map(({ partitionIndex }) => ({
                  partitionIndex,
                  errorCode: TOPIC_REFUSED,
                })),
              })),
            ],
          },
      );
    }),
  ];
}

/** DescribeGroups has messages from this version on. */
const KNOWS_MESSAGES = 6;

interface Indexed {
  readonly partitionIndex: number;
}

interface Assigned {
  readonly topicPartitions?: readonly { readonly topicName?: string }[];
}

/** The topics of which members have partitions, or are to have them. */
function* topicsOf(
  { members }: {
    readonly members?: readonly {
      readonly assignment?: Assigned;
      readonly targetAssignment?: Assigned;
    }[];
  },
): Generator<string> {
  for (const { assignment, targetAssignment } of members ?? []) {
    for (const one of [assignment, targetAssignment]) {
      for (const { topicName = "" } of one?.topicPartitions ?? []) yield topicName;
    }
  }
}

/** A group whose members have topics that the asker may not know of. */
function hidden(groupId: string) {
  const errorMessage = "The group has topics that the client may not describe.";
  return { groupId, errorCode: TOPIC_REFUSED, errorMessage, members: [] };
}
