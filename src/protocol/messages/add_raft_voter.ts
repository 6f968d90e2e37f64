/**
 * AddRaftVoter: adds a voter to the metadata quorum (KIP-853).
 *
 * v1 may answer before the change is committed.
 */
import { api, array, bool, int16, int32, string, uint16, uuid } from "../schema.ts";

export const AddRaftVoter = api({
  key: 80,
  name: "AddRaftVoter",
  versions: "0-1",
  flexible: "0+",
  request: {
    clusterId: string.nullable(),
    timeoutMs: int32,
    voterId: int32,
    voterDirectoryId: uuid,
    listeners: array({
      name: string,
      host: string,
      port: uint16,
    }),
    ackWhenCommitted: bool.default(true).in("1+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
