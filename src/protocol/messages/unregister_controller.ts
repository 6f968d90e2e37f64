/**
 * UnregisterController: removes a controller from the cluster's metadata.
 */
import { api, int16, int32, string } from "../schema.ts";

export const UnregisterController = api({
  key: 94,
  name: "UnregisterController",
  versions: "0",
  flexible: "0+",
  request: {
    controllerId: int32,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
  },
});
