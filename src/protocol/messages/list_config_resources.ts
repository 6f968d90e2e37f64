/**
 * ListConfigResources: the resources that have configs of their own.
 *
 * v0 lists client metrics only; v1 any types.
 */
import { api, array, int16, int32, int8, string } from "../schema.ts";

export const ListConfigResources = api({
  key: 74,
  name: "ListConfigResources",
  versions: "0-1",
  flexible: "0+",
  request: {
    resourceTypes: array(int8).in("1+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array({
      resourceName: string,
      resourceType: int8.default(16).in("1+").ignorable(),
    }),
  },
});
