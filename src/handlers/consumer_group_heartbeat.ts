/**
 * ConsumerGroupHeartbeat 0–1: the one request of the consumer protocol (KIP-848), by which a member joins, stays, lets
 * go of partitions and leaves. The rules are in groups/consumer/consumer_heartbeat.ts.
 *
 * Versions: 1 subscribes by regular expression (128 for a bad one, and for one that would take too long to match), and
 * the client brings its own member id.
 */
import { consumerGroupHeartbeat as beat } from "../groups/requests/consumer_membership.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { Patterns } from "../groups/consumer/patterns.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ConsumerGroupHeartbeat } from "../protocol/messages/consumer_group_heartbeat.ts";
import { Operation } from "../security/acl/acl.ts";
import { callerOf } from "./group_answers.ts";
import { type Handler, handler } from "./handler.ts";

/** `isServed`: whether the level of group.version has the consumer protocol; without, all is 35. */
export function consumerGroupHeartbeat(
  groups: GroupCoordinator,
  { patterns, isServed }: { readonly patterns: Patterns; readonly isServed: () => boolean },
): Handler {
  return handler(ConsumerGroupHeartbeat, { min: 0, max: 1 }, (request, context) => {
    if (!isServed()) return { errorCode: ErrorCode.UNSUPPORTED_VERSION };
    const pattern = request.subscribedTopicRegex;
    const later = pattern ? patterns.prepare(pattern) : null;
    const { access } = context;
    const caller = access.isOpen ? callerOf(context) : {
      ...callerOf(context),
      mayDescribe: (topic: string) => access.mayTopic(Operation.DESCRIBE, topic),
    };
    const answer = () => beat(groups, request, caller);
    return later === null ? answer() : later.then(answer);
  });
}
