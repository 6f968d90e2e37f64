/**
 * ListGroups 0–5: the groups this broker coordinates; while any of their partitions is being read the list would not be
 * whole, so it is refused (14). So too while one has failed (15, with the groups of the others): Kafka leaves those
 * groups out without a word.
 *
 * Versions: 4 states, and a filter by them · 5 types, and a filter by them. A filter that nothing can match gives an
 * empty list.
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { listGroups as list } from "../groups/requests/group_admin.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ListGroups } from "../protocol/messages/list_groups.ts";
import { type Handler, handler } from "./handler.ts";

export function listGroups(groups: GroupCoordinator): Handler {
  return handler(ListGroups, { min: 0, max: 5 }, ({ statesFilter, typesFilter }) => {
    if (groups.isLoading) return { errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS };
    const listed = list(groups, { states: statesFilter, types: typesFilter });
    const isWhole = groups.count("failed") === 0;
    return {
      errorCode: isWhole ? ErrorCode.NONE : ErrorCode.COORDINATOR_NOT_AVAILABLE,
      groups: listed.map(({ groupId, protocolType, state, type }) => ({
        groupId,
        protocolType,
        groupState: state,
        groupType: type,
      })),
    };
  });
}
