/**
 * GetTelemetrySubscriptions 0: which of its metrics a client is to push, how often and how compressed (KIP-714).
 *
 * A client without an instance id is given one. Asking again before the interval is over is 89, unless its last push
 * was refused for an old subscription or its compression. Values are asked for as totals, so that one that is lost
 * costs nothing.
 */
import { randomUuid, ZERO_UUID } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { GetTelemetrySubscriptions } from "../protocol/messages/get_telemetry_subscriptions.ts";
import { CompressionType } from "../protocol/records/compression.ts";
import type { ClientTelemetry } from "./client_telemetry.ts";
import { type Handler, handler } from "./handler.ts";

export interface GetTelemetrySubscriptionsDeps {
  readonly telemetry: ClientTelemetry;
  readonly maxBytes: number;
}

/** In the order of preference. */
const ACCEPTED = [
  CompressionType.zstd,
  CompressionType.lz4,
  CompressionType.gzip,
  CompressionType.snappy,
];

export function getTelemetrySubscriptions(
  { telemetry, maxBytes }: GetTelemetrySubscriptionsDeps,
): Handler {
  return handler(GetTelemetrySubscriptions, { min: 0, max: 0 }, (request, context) => {
    const clientInstanceId = request.clientInstanceId === ZERO_UUID
      ? randomUuid()
      : request.clientInstanceId;
    const subscription = telemetry.subscribe(clientInstanceId, context);
    if (typeof subscription === "number") return { errorCode: subscription };
    return {
      errorCode: ErrorCode.NONE,
      clientInstanceId,
      subscriptionId: subscription.id,
      acceptedCompressionTypes: ACCEPTED,
      pushIntervalMs: subscription.intervalMs,
      telemetryMaxBytes: maxBytes,
      deltaTemporality: false,
      requestedMetrics: subscription.metrics,
    };
  });
}
