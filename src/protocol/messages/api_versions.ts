/**
 * ApiVersions: which APIs and versions this broker speaks; the first thing a client asks.
 *
 * v3 names the client's software and adds features · v4 lets a feature's lowest version be 0 · v5 says which
 * cluster and node the client expects to meet. The response header has no tagged fields in any version, since the
 * client does not know yet what the broker understands; an unknown version is answered in v0.
 */
import { api, array, bool, int16, int32, int64, string } from "../schema.ts";

export const ApiVersions = api({
  key: 18,
  name: "ApiVersions",
  versions: "0-5",
  flexible: "3+",
  request: {
    clientSoftwareName: string.in("3+").ignorable(),
    clientSoftwareVersion: string.in("3+").ignorable(),
    clusterId: string.nullable().in("5+").ignorable(),
    nodeId: int32.default(-1).in("5+").ignorable(),
  },
  response: {
    errorCode: int16,
    apiKeys: array({
      apiKey: int16,
      minVersion: int16,
      maxVersion: int16,
    }),
    throttleTimeMs: int32.in("1+").ignorable(),
    supportedFeatures: array({
      name: string,
      minVersion: int16,
      maxVersion: int16,
    }).tag(0, "3+").ignorable(),
    finalizedFeaturesEpoch: int64.default(-1).tag(1, "3+").ignorable(),
    finalizedFeatures: array({
      name: string,
      maxVersionLevel: int16,
      minVersionLevel: int16,
    }).tag(2, "3+").ignorable(),
    zkMigrationReady: bool.tag(3, "3+").ignorable(),
  },
});
