/**
 * ConsumerGroupDescribe 0–1: groups of the consumer protocol with their members, what each has and is to have; 69 for
 * a group that is not there or speaks the classic protocol.
 *
 * Versions: 1 says of each member which protocol it speaks. `explain`, a tag of Runnel's own, adds who is silent.
 */
import { describeConsumer } from "../groups/requests/consumer_membership.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ConsumerGroupDescribe } from "../protocol/messages/consumer_group_describe.ts";
import type { Encodable } from "../protocol/schema.ts";
import { ResourceType } from "../security/acl/acl.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";
import { NO_OPERATIONS } from "./topic_answers.ts";

/** `isServed`: whether the level of group.version has the consumer protocol; without, all is 35. */
export function consumerGroupDescribe(
  groups: GroupCoordinator,
  { answers, isServed }: { readonly answers: LongAnswers; readonly isServed: () => boolean },
): Handler {
  return handler(ConsumerGroupDescribe, { min: 0, max: 1 }, (request, { connection, access }) => {
    const { groupIds, includeAuthorizedOperations, explain } = request;
    return answers.of({
      items: groupIds,
      part: (groupId): Part => {
        if (!isServed()) return { groupId, errorCode: ErrorCode.UNSUPPORTED_VERSION };
        const group = describeConsumer(groups, groupId, { explain });
        const isShown = includeAuthorizedOperations && !group.errorCode;
        return {
          ...group,
          authorizedOperations: isShown
            ? access.allowed(ResourceType.GROUP, groupId)
            : NO_OPERATIONS,
        };
      },
      tooLong: (groupId, errorMessage) => ({
        groupId,
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage,
      }),
      whole: (groups) => ({ groups }),
      connection,
    });
  });
}

type Part = NonNullable<Encodable<typeof ConsumerGroupDescribe.response>["groups"]>[number];
