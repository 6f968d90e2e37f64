/**
 * DeleteGroups: deletes groups without members, with their offsets.
 *
 * v2 flexible · v3 an error message (KIP-1331).
 */
import { api, array, int16, int32, string } from "../schema.ts";

export const DeleteGroups = api({
  key: 42,
  name: "DeleteGroups",
  versions: "0-3",
  flexible: "2+",
  request: {
    groupsNames: array(string),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.nullable().in("3+").ignorable(),
    }),
  },
});
