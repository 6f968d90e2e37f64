/**
 * ApiVersions 0–5: the list of what is served, straight from the list of handlers.
 *
 * v3+: the client's software name and version are checked (42 when they are not letters, digits, dots and dashes,
 * KIP-511) and kept for metrics. v5+: a client that expected another cluster or node is told so (KIP-1242).
 * Produce is advertised from 0 although 0–2 are refused, as Kafka does: librdkafka reads a broker's age from it. What
 * is not offered (telemetry that nobody asks for) is left out, and still served to who comes with it.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { SERVED_FEATURES } from "../topics/features.ts";
import { type Handler, handler } from "./handler.ts";

export interface ApiVersionsOptions {
  readonly handlers: () => readonly Handler[];
  /** Whether clients are told of the API. */
  readonly isOffered?: (apiKey: number) => boolean;
  /** Feature levels in force, with the offset they were set at. */
  readonly features: () => {
    readonly finalized: readonly { name: string; level: number }[];
    readonly epoch: number;
  };
  readonly clusterId: string;
  readonly nodeId: number;
}

export function apiVersions(options: ApiVersionsOptions): Handler {
  const { isOffered = () => true } = options;
  return handler(ApiVersions, { min: 0, max: 5 }, (request, context) => {
    const { apiVersion, connection } = context;
    connection.clientId = context.clientId;
    if (apiVersion >= 3) {
      const { clientSoftwareName: name, clientSoftwareVersion: version } = request;
      if (!SOFTWARE.test(name) || !SOFTWARE.test(version)) {
        return { errorCode: ErrorCode.INVALID_REQUEST };
      }
      connection.clientSoftwareName = name;
      connection.clientSoftwareVersion = version;
    }
    const elsewhere = request.clusterId !== null && request.clusterId !== options.clusterId ||
      request.nodeId >= 0 && request.nodeId !== options.nodeId;
    if (apiVersion >= 5 && elsewhere) return { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED };
    connection.sasl?.toldVersions();
    const { finalized, epoch } = options.features();
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: options.handlers().filter(({ api }) => isOffered(api.key)).map((
        { api, served },
      ) => ({
        apiKey: api.key,
        minVersion: served.advertisedMin ?? served.min,
        maxVersion: served.max,
      })),
      // A client of v3 cannot be told a range that begins at 0 (KIP-1022).
      supportedFeatures: apiVersion >= 4
        ? SERVED_FEATURES
        : SERVED_FEATURES.filter((feature) => feature.minVersion > 0),
      finalizedFeaturesEpoch: epoch,
      finalizedFeatures: finalized.map(({ name, level }) => ({
        name,
        maxVersionLevel: level,
        minVersionLevel: level,
      })),
    };
  });
}

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
