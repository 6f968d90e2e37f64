/**
 * JoinGroup 0–9: a member enters a classic group or takes part in its rebalance; answered when the rebalance has
 * everyone it waits for. The rules are in groups/classic/classic_join.ts.
 *
 * Versions: 0 one timeout for session and rebalance · 4 a dynamic member is given an id first (79) · 5 static members
 * · 7 the protocol type in answers, and no protocol name in refusals · 8 a reason, which nothing depends on · 9 a
 * static leader that comes back may skip the assignment.
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { joinGroup as join } from "../groups/requests/membership.ts";
import { JoinGroup } from "../protocol/messages/join_group.ts";
import { CLOSE, type Handler, handler } from "./handler.ts";
import { callerOf } from "./group_answers.ts";
import { untilEnd } from "./until_end.ts";

export function joinGroup(groups: GroupCoordinator): Handler {
  return handler(JoinGroup, { min: 0, max: 9 }, async (request, context) => {
    const noProtocol = context.apiVersion >= 7 ? null : "";
    const body = await untilEnd(context.connection, join(groups, request, callerOf(context)));
    return body === CLOSE ? CLOSE : { protocolName: noProtocol, ...body };
  });
}
