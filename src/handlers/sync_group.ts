/**
 * SyncGroup 0–5: the leader brings the assignment, everyone gets their part; answered when the group's new generation
 * is kept by the log. The rules are in groups/classic/classic_sync.ts.
 *
 * Versions: 3 static members · 5 protocol type and name, which must be given and be the group's (23).
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { syncGroup as sync } from "../groups/requests/membership.ts";
import { SyncGroup } from "../protocol/messages/sync_group.ts";
import { type Handler, handler } from "./handler.ts";
import { callerOf } from "./group_answers.ts";
import { untilEnd } from "./until_end.ts";

export function syncGroup(groups: GroupCoordinator): Handler {
  return handler(
    SyncGroup,
    { min: 0, max: 5 },
    (request, context) => untilEnd(context.connection, sync(groups, request, callerOf(context))),
  );
}
