/**
 * Handler: what answers one API. Handlers are listed explicitly in mod.ts, and ApiVersions derives from that list.
 */
import type { Uuid } from "../bytes/uuid.ts";

/** Who asks, and how. One per request; handlers keep nothing of it after they answered. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: ConnectionInfo;
}

/** What is known of a connection. */
export interface ConnectionInfo {
  readonly id: number;
  /** Peer address without port. */
  readonly peer: string;
  /** "User:ANONYMOUS" until authenticated. */
  readonly principal: string;
  /** From ApiVersions v3+; "unknown" before. */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  /** Aborted when the connection goes, so that a long poll ends with it. */
  readonly closed: AbortSignal;
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
 */
export type Handle<Request, Response> = (
  request: Request,
  context: RequestContext,
) => Answer<Response> | Promise<Answer<Response>>;

export type TopicRef = { readonly name: string; readonly id: Uuid };
