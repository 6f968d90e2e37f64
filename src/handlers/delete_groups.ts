/**
 * DeleteGroups 0–3: deletes groups without members, with their offsets; answered when the log has kept that.
 *
 * Versions: 3 an error message. A group with members is 68, an unknown one 69; a name given twice is answered once.
 */
import type { GroupCoordinator } from "../groups/coordinator.ts";
import { deleteGroup } from "../groups/requests/group_admin.ts";
import { ErrorCode, errorMessage } from "../protocol/errors.ts";
import { DeleteGroups } from "../protocol/messages/delete_groups.ts";
import { type Handler, handler } from "./handler.ts";
import type { LongAnswers } from "./long_answers.ts";

export function deleteGroups(groups: GroupCoordinator, answers: LongAnswers): Handler {
  return handler(DeleteGroups, { min: 0, max: 3 }, async ({ groupsNames }, { connection }) => {
    const names = [...new Set(groupsNames)];
    const deletions = await answers.of({
      items: names,
      part: (groupId) => deleteGroup(groups, groupId),
      whole: (deletions) => deletions,
      connection,
    });
    if (typeof deletions === "symbol") return deletions;
    const errorCodes = await Promise.all(deletions);
    return {
      results: names.map((groupId, i) => ({
        groupId,
        errorCode: errorCodes[i],
        errorMessage: errorCodes[i] === ErrorCode.NONE ? null : errorMessage(errorCodes[i]),
      })),
    };
  });
}
