/**
 * Handler: what answers one API. Handlers are listed explicitly in mod.ts, and ApiVersions derives from that list.
 */
import type { SaslConversation } from "../security/sasl/conversation.ts";
import type { RequestQuota } from "../quotas/request_quota.ts";
import type { Access } from "../security/acl/access.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../protocol/schema.ts";
import type { Guard } from "./guard.ts";

/** Who asks, and how. One per request; handlers keep nothing of it after they answered. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: ConnectionInfo;
  /** What the one who asks may do. */
  readonly access: Access;
  /** What binds the one who asks; null where no quota does. */
  readonly quota: RequestQuota | null;
}

/** What is known of a connection. */
export interface ConnectionInfo {
  readonly id: number;
  /** Peer address without port. */
  readonly peer: string;
  /** The peer's port, where there is one. */
  readonly peerPort?: number;
  /** The address of this machine that it came by, without port; "" when that is not known. */
  readonly local: string;
  /** The name of the listener that it came by. */
  readonly listener: string;
  /** "User:ANONYMOUS" until authenticated. */
  readonly principal: string;
  /** Whether it logged in by a delegation token. */
  readonly isByToken?: boolean;
  /** When what its client was proved by holds no longer (monotonic); absent, or Infinity: never. */
  readonly sessionEndsMs?: number;
  /** How its client logs in, where the listener asks that by SASL. */
  readonly sasl?: SaslConversation | null;
  /** Whether an API may be asked for: before the client is authenticated there are few. */
  admits(apiKey: number): boolean;
  /** From ApiVersions v3+; "unknown" before. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  /** What the client calls itself, as of its ApiVersions; absent or null before. */
  clientId?: string | null;
  /** Called, each once, when the connection goes, so that a long poll ends with it. Add and delete as needed. */
  readonly ends: Set<() => void>;
  /** Whether that has happened, or the broker is stopping: nothing is waited for any more. */
  readonly isEnding: boolean;
  /** Whether it has taken a reply before. */
  readonly isReader: boolean;
  /** How many it has asked for, as far as reads with them were gone through; absent where nobody counts. */
  readonly requests?: number;
  /**
   * Keeps the bytes of the request that is being handled as they are, and takes no other from this connection, until the
   * promise settles: for work that takes its time and whose order counts. To be called before the handler's first await.
   */
  hold(until: Promise<unknown>): void;
  /** Reads nothing more for so long, and request by request from then on; what is answered leaves. */
  pace(ms: number): void;
  /** What is waited for by hold(), or null. */
  readonly held: Promise<void> | null;
}

/** Answered instead of a response: no reply at all (Produce with acks=0), or the end of the connection. */
export const NO_REPLY = Symbol("no reply");
export const CLOSE = Symbol("close the connection");
export type Answer<Response> = Response | typeof NO_REPLY | typeof CLOSE;

/** The versions served, lowest and highest, both included. `advertisedMin` differs only where clients need a lie (Produce). */
export interface Served {
  readonly min: number;
  readonly max: number;
  readonly advertisedMin?: number;
}

/**
 * Returns the answer, or a Promise of it when the promise behind the reply takes time. Replies leave in the order
 * requests came, whatever order answers are ready in.
 *
 * Byte fields of a request (records, bytes) are views into memory that the next read fills again: they are good until
 * handle() returns, that is, until its first await. What must live longer is copied, or held (ConnectionInfo.hold).
 */
export type Handle<Request, Response> = (
  request: Request,
  context: RequestContext,
) => Answer<Response> | Promise<Answer<Response>>;

/** One API as it is served; mod.ts lists them. */
export interface Handler {
  readonly api: Api;
  readonly served: Served;
  // deno-lint-ignore no-explicit-any -- the types meet in handler(), where they are known
  readonly handle: Handle<any, any>;
  /** What it asks of the one who sends it; mod.ts lets none through without. */
  readonly guard?: Guard;
}

/** Ties an API's declaration to the function that answers it, with both types checked. */
export function handler<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  served: Served,
  handle: Handle<Decoded<Message<Q>>, Encodable<Message<R>>>,
): Handler {
  return { api: api as unknown as Api, served, handle };
}
