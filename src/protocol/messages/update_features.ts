/**
 * UpdateFeatures: raises or lowers the cluster's feature levels.
 *
 * v1 the kind of upgrade in place of "may downgrade", and validate only · v2 no result per feature any more.
 */
import { api, array, bool, int16, int32, int8, string } from "../schema.ts";

export const UpdateFeatures = api({
  key: 57,
  name: "UpdateFeatures",
  versions: "0-2",
  flexible: "0+",
  request: {
    timeoutMs: int32.default(60000),
    featureUpdates: array({
      feature: string,
      maxVersionLevel: int16,
      allowDowngrade: bool.in("0"),
      upgradeType: int8.default(1).in("1+"), // 1 upgrade, 2 safe downgrade, 3 unsafe downgrade
    }),
    validateOnly: bool.in("1+"),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array({
      feature: string,
      errorCode: int16,
      errorMessage: string.nullable(),
    }).in("0-1").ignorable(),
  },
});
