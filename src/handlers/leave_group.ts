/**
 * LeaveGroup 0–5: members leave a classic group, or an administrator removes them. The rules are in
 * groups/classic/classic_leave.ts.
 *
 * Versions: 0–2 one member, its error at the top · 3 several, each with its own; a static one by its instance id
 * alone · 5 a reason, which nothing depends on.
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { leaveGroup as leave } from "../groups/requests/membership.ts";
import { LeaveGroup } from "../protocol/messages/leave_group.ts";
import { type Handler, handler } from "./handler.ts";
import { callerOf } from "./group_answers.ts";

export function leaveGroup(groups: GroupCoordinator): Handler {
  return handler(
    LeaveGroup,
    { min: 0, max: 5 },
    (request, context) => leave(groups, request, callerOf(context)),
  );
}
