/** The guard of OffsetFetch: of each group, and of the topics asked for or found. */
import { type Uuid, ZERO_UUID } from "../../bytes/uuid.ts";
import { OffsetFetch } from "../../protocol/messages/offset_fetch.ts";
import type { Decoded, Encodable } from "../../protocol/schema.ts";
import type { Access } from "../../security/acl/access.ts";
import type { Catalogue } from "../../topics/catalogue.ts";
import { completed, type Guard, guard, parted } from "../guard.ts";
import { DESCRIBE, GROUP_REFUSED, onGroup, onTopic, TOPIC_REFUSED } from "./rights.ts";

type Request = Decoded<typeof OffsetFetch.request>;
type Response = Encodable<typeof OffsetFetch.response>;

/** Many groups in one request since, and topics by their ids. */
const MANY = 8, BY_ID = 10;

export function offsetFetchGuard(catalogue: Catalogue): Guard {
  return guard(
    OffsetFetch,
    [onGroup(DESCRIBE), onTopic(DESCRIBE)],
    (request, { access, apiVersion }, rest) => {
      if (apiVersion < MANY) return ofOne(request, { access, apiVersion }, rest);
      const { allowed, refused } = parted(
        request.groups,
        ({ groupId }) => access.mayGroup(DESCRIBE, groupId),
      );
      const isHidden = ({ name, topicId }: { name: string; topicId: Uuid }) => {
        const known = apiVersion >= BY_ID && name === "" || topicId !== ZERO_UUID
          ? catalogue.topicById(topicId)?.name
          : name;
        return known !== undefined && !access.mayTopic(DESCRIBE, known);
      };
      const groups = allowed.map((group) => ({
        ...group,
        hidden: group.topics?.filter(isHidden) ?? [],
        topics: group.topics?.filter((topic) => !isHidden(topic)) ?? null,
      }));
      return completed(rest({ ...request, groups }), (answer) => ({
        ...answer,
        groups: [
          ...(answer.groups ?? []).map((group, i) => {
            if (group.errorCode) return group;
            const topics = groups[i].topics !== null
              ? group.topics ?? []
              : (group.topics ?? []).filter((topic) =>
                !isHidden({ name: topic.name ?? "", topicId: topic.topicId ?? ZERO_UUID })
              );
            return {
              ...group,
              topics: [...topics, ...groups[i].hidden.map((topic) => refusedTopic(topic))],
            };
          }),
          ...refused.map(({ groupId }) => ({ groupId, errorCode: GROUP_REFUSED, topics: [] })),
        ],
      }));
    },
  );
}

function ofOne(
  request: Request,
  { access, apiVersion }: { readonly access: Access; readonly apiVersion: number },
  rest: (request: Request) => ReturnType<NonNullable<Guard["around"]>>,
) {
  const { topics } = request;
  if (!access.mayGroup(DESCRIBE, request.groupId)) {
    // The first version has an error in each partition only.
    return apiVersion >= 2
      ? { errorCode: GROUP_REFUSED }
      : { topics: (topics ?? []).map((topic) => refusedTopic(topic, GROUP_REFUSED)) };
  }
  const isHidden = ({ name }: { readonly name?: string }) => !access.mayTopic(DESCRIBE, name ?? "");
  const hidden = topics?.filter(isHidden) ?? [];
  const left = topics?.filter((topic) => !isHidden(topic)) ?? null;
  return completed<Response>(
    rest({ ...request, topics: left }),
    (answer) =>
      answer.errorCode ? answer : {
        ...answer,
        topics: [
          ...(answer.topics ?? []).filter((topic) => topics !== null || !isHidden(topic)),
          ...hidden.map((topic) => refusedTopic(topic)),
        ],
      },
  );
}

function refusedTopic(
  { name, topicId, partitionIndexes }: {
    readonly name: string;
    readonly topicId?: Uuid;
    readonly partitionIndexes: readonly number[];
  },
  errorCode: number = TOPIC_REFUSED,
) {
  return {
    name,
    topicId: topicId ?? ZERO_UUID,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1n,
      committedLeaderEpoch: -1,
      metadata: "",
      errorCode,
    })),
  };
}
