/**
 * ListGroups: the groups this broker coordinates.
 *
 * v3 flexible · v4 filter by state · v5 filter by type (KIP-848).
 */
import { api, array, int16, int32, string } from "../schema.ts";

export const ListGroups = api({
  key: 16,
  name: "ListGroups",
  versions: "0-5",
  flexible: "3+",
  request: {
    statesFilter: array(string).in("4+"),
    typesFilter: array(string).in("5+"),
  },
  response: {
    throttleTimeMs: int32.in("1+").ignorable(),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.in("4+").ignorable(),
      groupType: string.in("5+").ignorable(),
    }),
  },
});
