/**
 * PushTelemetry 0: takes a client's metrics in (KIP-714), to be seen on /metrics.
 *
 * No instance id, or a push after the last one was announced, is 42; a push before the interval is over 89; one for
 * another subscription than the client has now 117; an unknown compression 76; too many bytes 118; what is no OTLP, or
 * grows too large unpacked, 87. A client that terminates may push once more whenever it likes.
 */
import type { Paced } from "../background/paced.ts";
import { ProtocolError } from "../bytes/reader.ts";
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { ClientMetrics } from "../metrics/client_metrics.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { PushTelemetry } from "../protocol/messages/push_telemetry.ts";
import { readOtlpMetrics } from "../protocol/otlp.ts";
import {
  CompressionError,
  decompress,
  isCompressionType,
} from "../protocol/records/compression.ts";
import type { ClientTelemetry } from "./client_telemetry.ts";
import { type Handler, handler, type RequestContext } from "./handler.ts";
import type { Decoded } from "../protocol/schema.ts";

export interface PushTelemetryDeps {
  readonly telemetry: ClientTelemetry;
  readonly metrics: ClientMetrics;
  /** Of a push as it is sent; unpacked it may have ten times as many. */
  readonly maxBytes: number;
  /** Of a push. */
  readonly maxPoints: number;
  /** What is unpacked may be much: one push at a time, and others have their turn. */
  readonly paced: Paced;
}

type Push = Decoded<typeof PushTelemetry.request>;
const MAX_EXPANSION = 10;

export function pushTelemetry(deps: PushTelemetryDeps): Handler {
  return handler(PushTelemetry, { min: 0, max: 0 }, (request, context) => {
    if (request.clientInstanceId === ZERO_UUID) return { errorCode: ErrorCode.INVALID_REQUEST };
    const answer = () => {
      const errorCode = take(deps, request, context);
      deps.telemetry.answered(request.clientInstanceId, errorCode);
      return { errorCode };
    };
    const answered = deps.paced.run(answer);
    if (answered instanceof Promise) context.connection.hold(answered); // it looks at the request's bytes
    return answered;
  });
}

function take(deps: PushTelemetryDeps, request: Push, context: RequestContext): number {
  const { telemetry, metrics, maxBytes, maxPoints } = deps;
  const { clientInstanceId: instanceId, subscriptionId, compressionType, terminating } = request;
  const refused = telemetry.admit(instanceId, context, {
    subscriptionId,
    isTerminating: terminating,
  });
  if (refused !== ErrorCode.NONE) return refused;
  if (!isCompressionType(compressionType)) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
  if (request.metrics.length > maxBytes) return ErrorCode.TELEMETRY_TOO_LARGE;
  if (request.metrics.length === 0) return ErrorCode.NONE;
  try {
    const bytes = decompress(compressionType, request.metrics, maxBytes * MAX_EXPANSION);
    const points = readOtlpMetrics(bytes, maxPoints);
    metrics.push({ clientId: context.clientId ?? "", instanceId }, points);
    return ErrorCode.NONE;
  } catch (error) {
    const isTheirs = error instanceof CompressionError || error instanceof ProtocolError;
    if (!isTheirs) throw error;
    return ErrorCode.INVALID_RECORD;
  }
}
