/**
 * Dispatch: one frame to one reply. Header, version check, decode, handler, encode.
 *
 * What cannot be understood ends the connection, because nothing after it can be trusted to begin where it should;
 * the one exception is an ApiVersions request in an unknown version, which is answered in v0 so that a newer client
 * can step down (KIP-511).
 */
import { writeInt32 } from "../bytes/int64.ts";
import { ProtocolError } from "../bytes/reader.ts";
import type { Audit, AuditedRequest } from "../audit/audit.ts";
import { Writer } from "../bytes/writer.ts";
import {
  CLOSE,
  type ConnectionInfo,
  type Handler,
  NO_REPLY,
  type RequestContext,
} from "../handlers/handler.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  type RequestHeader,
} from "../protocol/frame.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import { Produce } from "../protocol/messages/produce.ts";
import type { SaslConversation } from "../security/sasl/conversation.ts";
import type { Access } from "../security/acl/access.ts";
import type { Charge } from "../quotas/charge.ts";
import type { ClientQuotas } from "../quotas/client_quotas.ts";
import type { Dispatch, Reply } from "./connection.ts";
import { type Denial, denialsOf } from "./denials.ts";
import { ANONYMOUS } from "./session.ts";

export interface DispatchOptions {
  readonly handlers: readonly Handler[];
  /**
   * How much a request may name, in all its arrays together: it is decoded, and most of it is answered, in one turn of
   * the event loop. One that names more ends its connection.
   */
  readonly maxElements?: number;
  /** Takes records' memory back that were copied into a reply; what leaves as it is, goes back when it has been sent. */
  readonly giveBack?: (bytes: Uint8Array) => void;
  /** Told of every answered request, for metrics. Latency counts from dispatch to the reply being ready. */
  readonly onAnswered: (
    apiKey: number,
    apiVersion: number,
    requestBytes: number,
    responseBytes: number,
    latencyMs: number,
  ) => void;
  /** What the one at a connection may do: asked for every request anew. */
  readonly accessOf: (connection: ConnectionInfo) => Access;
  /** What writes down who was denied what, and who changed what; null: nobody does. */
  readonly audit?: Audit | null;
  /** Told of what an answer says was not allowed. */
  readonly onDenied?: (
    denial: Denial,
    connection: ConnectionInfo,
    clientId: string | null,
  ) => void;
  /** What binds clients; asked for every request anew. */
  readonly quotas: ClientQuotas;
  /** Told why a connection is ended, or what a handler threw. */
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
}

/** The dispatch function of a broker that serves these handlers. */
export function dispatcher(options: DispatchOptions): Dispatch {
  const byKey: (Handler | undefined)[] = [], { quotas } = options;
  for (const handler of options.handlers) byKey[handler.api.key] = handler;
  const { audit = null } = options;
  const writer = new Writer(options.giveBack);

  return function dispatch(frame: Uint8Array, connection: ConnectionInfo): Reply | Promise<Reply> {
    const { sasl } = connection;
    if (sasl != null && sasl.takesRawTokens) return bareToken(sasl, frame, connection);
    const startedMs = performance.now();
    let header: RequestHeader | undefined;
    try {
      header = decodeRequestHeader(frame);
      if (!connection.admits(header.apiKey)) {
        return refuse(connection, "unauthenticated_request", asked(header));
      }
      const handler = byKey[header.apiKey];
      if (handler === undefined) {
        return refuse(connection, "unknown_api", asked(header));
      }
      if (!isServed(handler, header.apiVersion)) {
        if (handler.api.key === ApiVersions.key) return tooNew(header, handler);
        const { min, max } = handler.served, served = `${min} to ${max}`;
        return refuse(connection, "unsupported_version", { ...asked(header), served });
      }
      const { maxElements } = options, { api } = handler;
      const request = decodeRequest(api, header.apiVersion, frame, header.bodyAt, maxElements);
      return answer(handler, header, request, frame.length, connection, startedMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const facts = header === undefined ? {} : asked(header);
      return refuse(connection, "malformed_request", { ...facts, reason: error.message });
    }
  };

  function answer(
    handler: Handler,
    header: RequestHeader,
    request: unknown,
    requestBytes: number,
    connection: ConnectionInfo,
    startedMs: number,
  ): Reply | Promise<Reply> {
    const { apiKey, apiVersion, correlationId, clientId } = header;
    const access = options.accessOf(connection);
    const charge = quotas.isEmpty ? null : chargeFor(connection, header, requestBytes, startedMs);
    const context: RequestContext = {
      apiKey,
      apiVersion,
      correlationId,
      clientId,
      connection,
      access,
      quota: charge,
    };
    try {
      const audited = audit === null ? null : audit.begin(handler.api, request, context);
      const answered = audited !== null
        ? underAudit(audited, handler, request, context)
        : access.isOpen
        ? handler.handle(request, context)
        : guarded(handler, request, context);
      if (!(answered instanceof Promise)) return encode(answered);
      charge?.pause();
      return answered.then(encode).catch(failed);
    } catch (error) {
      return failed(error);
    }

    function encode(body: unknown): Reply {
      if (access.refused !== null) {
        for (const one of denialsOf(access, body)) options.onDenied?.(one, connection, clientId);
      }
      if (body === CLOSE) return CLOSE;
      const told = charge === null ? body : settle(charge, body, connection);
      const chunks = body === NO_REPLY
        ? []
        : encodeResponse(handler.api, apiVersion, correlationId, told as object, writer);
      charge?.encoded();
      let responseBytes = 0;
      for (const chunk of chunks) responseBytes += chunk.length;
      options.onAnswered(
        apiKey,
        apiVersion,
        requestBytes,
        responseBytes,
        performance.now() - startedMs,
      );
      return body === NO_REPLY ? NO_REPLY : chunks;
    }

    function failed(error: unknown): Reply {
      const stack = error instanceof Error ? error.stack : undefined;
      return refuse(connection, "handler_failed", {
        ...asked(header),
        reason: String(error),
        stack,
      });
    }
  }

  /** What a request is charged to; nobody pays for logging in. */
  function chargeFor(
    connection: ConnectionInfo,
    { apiKey, clientId }: RequestHeader,
    requestBytes: number,
    startedMs: number,
  ): Charge | null {
    const { principal, sasl } = connection;
    if (FREE_APIS.includes(apiKey) || sasl != null && principal === ANONYMOUS) return null;
    const charge = quotas.chargeFor(principal, clientId, startedMs);
    if (charge?.bindsProduce) {
      connection.pace(apiKey === Produce.key ? charge.produced(requestBytes) : 0);
    }
    return charge;
  }

  function refuse(
    connection: ConnectionInfo,
    event: string,
    details: Record<string, unknown>,
  ): Reply {
    options.onProblem(event, { peer: connection.peer, client: softwareOf(connection), ...details });
    return CLOSE;
  }
}

/** SaslHandshake, WriteTxnMarkers and SaslAuthenticate: Kafka answers them beside its quotas. */
const FREE_APIS: readonly number[] = [17, 27, 36];

/** The answer with how long the client is to wait, for which nothing is read from it. It leaves now (KIP-219). */
function settle(
  charge: Charge,
  body: unknown,
  connection: ConnectionInfo,
): unknown {
  const throttleTimeMs = charge.settle({ isAnswered: body !== NO_REPLY });
  if (throttleTimeMs === 0) return body;
  connection.pace(throttleTimeMs);
  return body === NO_REPLY ? body : { ...body as object, throttleTimeMs };
}

/** A token that is a frame of its own, as clients of SaslHandshake v0 send it; so is its answer. A failure has none. */
function bareToken(
  sasl: SaslConversation,
  frame: Uint8Array,
  connection: ConnectionInfo,
): Promise<Reply> {
  const answering = sasl.token(frame.slice());
  connection.hold(answering);
  return answering.then((answer) => {
    if (answer.kind !== "token") return CLOSE;
    const size = new Uint8Array(4);
    writeInt32(size, 0, answer.token.length);
    return [size, answer.token];
  });
}

/** The answer with regard to what the one who asks may do. What nobody guards is not answered. */
function guarded({ api, guard, handle }: Handler, request: unknown, context: RequestContext) {
  if (guard === undefined) throw new Error(`${api.name} has no guard`);
  const { around } = guard;
  return around === null
    ? handle(request, context)
    : around(request, context, (rest) => handle(rest, context));
}

/** The same where it is written down. */
function underAudit(
  audited: AuditedRequest,
  handler: Handler,
  request: unknown,
  context: RequestContext,
): unknown {
  const run = (handle: Handler["handle"]) =>
    context.access.isOpen
      ? handle(request, context)
      : guarded({ ...handler, handle }, request, context);
  return audited.answer(run, handler.handle, CLOSE);
}

/** What was asked for, and by whom, for the log. */
function asked({ apiKey, apiVersion, clientId }: RequestHeader): Record<string, unknown> {
  return { clientId, api: apiByKey(apiKey)?.name ?? "unknown", apiKey, apiVersion };
}

/** As it named itself in ApiVersions, which clients do since Kafka 2.4. */
function softwareOf({ clientSoftwareName: name, clientSoftwareVersion }: ConnectionInfo): string {
  return name === "unknown" ? name : `${name} ${clientSoftwareVersion}`;
}

function isServed({ served }: Handler, version: number): boolean {
  return version >= served.min && version <= served.max;
}

/** The v0 answer to an ApiVersions request in a version from the future: error 35 and the range of this one API. */
function tooNew(header: RequestHeader, { api, served }: Handler): Reply {
  const apiKeys = [{ apiKey: api.key, minVersion: served.min, maxVersion: served.max }];
  const body = { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys };
  return encodeResponse(ApiVersions, 0, header.correlationId, body);
}
