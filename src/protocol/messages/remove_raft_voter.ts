/**
 * RemoveRaftVoter: removes a voter from the metadata quorum (KIP-853).
 */
import { api, int16, int32, string, uuid } from "../schema.ts";

export const RemoveRaftVoter = api({
  key: 81,
  name: "RemoveRaftVoter",
  versions: "0",
  flexible: "0+",
  request: {
    clusterId: string.nullable(),
    voterId: int32,
    voterDirectoryId: uuid,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
