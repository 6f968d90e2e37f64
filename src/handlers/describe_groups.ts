/**
 * DescribeGroups 0–6: state and members of classic groups; subscriptions and assignments of stable ones.
 *
 * Versions: 3 may ask for the operations allowed · 4 static members · 6 errors have a message, and an unknown group is 69
 * where before it was only Dead.
 *
 * `explain`, a tag of Runnel's own, adds whom a group waits for (`runnel group describe`).
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { describeGroup } from "../groups/requests/group_admin.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { DescribeGroups } from "../protocol/messages/describe_groups.ts";
import type { Encodable } from "../protocol/schema.ts";
import { ResourceType } from "../security/acl/acl.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { NO_OPERATIONS } from "./topic_answers.ts";

export function describeGroups(groups: GroupCoordinator, answers: LongAnswers): Handler {
  return handler(
    DescribeGroups,
    { min: 0, max: 6 },
    (request, { apiVersion, connection, access }) =>
      answers.of({
        items: request.groups,
        part: (groupId): Part => {
          const group = describeGroup(groups, groupId, {
            knowsGroupIdNotFound: apiVersion >= 6,
            explain: request.explain,
          });
          const isShown = request.includeAuthorizedOperations && !group.errorCode;
          return {
            ...group,
            errorMessage: apiVersion >= 6 ? group.errorMessage ?? null : null,
            authorizedOperations: isShown
              ? access.allowed(ResourceType.GROUP, groupId)
              : NO_OPERATIONS,
          };
        },
        tooLong: (groupId, reason) => ({
          groupId,
          errorCode: ErrorCode.INVALID_REQUEST,
          errorMessage: apiVersion >= 6 ? reason : null,
        }),
        whole: (groups) => ({ groups }),
        connection,
      }),
  );
}

type Part = NonNullable<Encodable<typeof DescribeGroups.response>["groups"]>[number];
