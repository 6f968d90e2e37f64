/**
 * ConsumerGroupDescribe 0–1: groups of the consumer protocol with their members, what each has and is to have; 69 for
 * a group that is not there or speaks the classic protocol.
 *
 * Versions: 1 says of each member which protocol it speaks. `explain`, a tag of Runnel's own, adds who is silent.
 */
import { describeConsumer } from "../groups/requests/consumer_membership.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { ConsumerGroupDescribe } from "../protocol/messages/consumer_group_describe.ts";
import { GROUP_OPERATIONS } from "./group_answers.ts";
import { type Handler, handler } from "./handler.ts";
import { NO_OPERATIONS } from "./topic_answers.ts";

export function consumerGroupDescribe(groups: GroupCoordinator): Handler {
  return handler(ConsumerGroupDescribe, { min: 0, max: 1 }, (request) => {
    const { groupIds, includeAuthorizedOperations, explain } = request;
    return {
      groups: groupIds.map((groupId) => {
        const group = describeConsumer(groups, groupId, { explain });
        const isShown = includeAuthorizedOperations && !group.errorCode;
        return { ...group, authorizedOperations: isShown ? GROUP_OPERATIONS : NO_OPERATIONS };
      }),
    };
  });
}
