/** Route: one row of the console's API: how it is asked for, what it takes, and what answers it. */
import type { Requests } from "../client/asking.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { RefusedOften } from "../metrics/refusals.ts";
import type { AnswerName } from "./answers.ts";
import type { RecentEvent } from "../log/recent.ts";
import type { ClientRow, Session } from "./api.ts";
import type { GroupLags } from "./group_lags.ts";
import type { KnownTopics } from "./known_topics.ts";
import type { Sampler } from "./sampler.ts";
import { ApiFailure } from "./failure.ts";
import type { ObjectShape, Shape } from "./shape.ts";
import type { Saves } from "./saves.ts";
import type { Streams } from "./streams.ts";
import type { Turns } from "./turns.ts";

export interface Route {
  readonly method: "GET" | "POST";
  /** Below /api/v1: "topics/:topic/records". */
  readonly path: string;
  /** A sentence without its end. */
  readonly summary: string;
  readonly query: { readonly [name: string]: Shape };
  /** Of POST. */
  readonly body?: ObjectShape;
  readonly maxBodyBytes?: number;
  /** What it answers: a type of api.ts, or in words. */
  readonly answers: AnswerName;
  /** Whether it tells of the broker itself, so that it takes the right to describe the cluster. */
  readonly isOfBroker?: boolean;
  /** Whether it changes something, so that it needs console.write. */
  readonly isChange?: boolean;
  /** A value becomes JSON. */
  readonly handle: (call: Call) => unknown;
}

/** One request. */
export interface Call {
  readonly params: { readonly [name: string]: string };
  readonly query: { readonly [name: string]: string | number | boolean | undefined };
  readonly body: unknown;
  /** The broker, asked as the user. */
  readonly requests: Requests;
  readonly house: House;
  readonly session: Session;
  /** Where the user asks from, an address without port: ACLs go by both. */
  readonly peer: string;
  /** Aborted when nobody takes the answer any more. */
  readonly signal: AbortSignal;
  /** Whether the user may still have what was begun: asked now and then by what goes on. */
  readonly mayGoOn: () => boolean;
}

/** What there is once the broker has started. */
export interface House {
  readonly metrics: Metrics;
  readonly nowMs: () => number;
  readonly status: () => StatusFacts;
  readonly sampler: Sampler;
  readonly lags: GroupLags;
  readonly knownTopics: KnownTopics;
  readonly streams: Streams;
  /** Of a partition's log, the oldest first; null where there is none here. */
  readonly segmentsOf: (topicId: string, partition: number) => readonly SegmentFacts[] | null;
  /** Of looking into logs. */
  readonly turns: Turns;
  /** Of answers that are large. */
  readonly answers: Saves;
  /** Of what is saved. */
  readonly saves: Saves;
}

/** May throw StoreError where the file cannot be looked at. */
export interface SegmentFacts {
  readonly baseOffset: number;
  readonly size: number;
  /** -1: there is none; Infinity: damage hides it. */
  readonly largestTimestampMs: number;
}

/** Of /status, what is shown. */
export interface StatusFacts {
  readonly notReady: string | null;
  readonly warnings: readonly string[];
  readonly offline: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
  readonly storage: {
    readonly path: string;
    readonly freeBytes: number | null;
    readonly minFreeBytes: number;
  };
  readonly process: {
    readonly spareDescriptors: number | null;
    readonly lookedFor: number;
    readonly heapUsedBytes: number;
    readonly heapLimitBytes: number;
  };
  readonly limits: { readonly maxConnections: number };
  readonly connections: number;
  /** Of a listener's certificate; null where there is none. */
  readonly tlsExpiresMs: number | null;
  /** What quotas told them is asked of the quotas. */
  readonly clients: readonly Omit<ClientRow, "throttledMs">[];
  readonly refused: readonly RefusedOften[];
  readonly events: readonly RecentEvent[];
}

/** A parameter of the query that was given, or what it is if not. */
export function given<T extends string | number | boolean>(
  { query }: Pick<Call, "query">,
  name: string,
  otherwise: T,
): T {
  return (query[name] ?? otherwise) as T;
}

/** A parameter of the query that has to be there. */
export function needed({ query }: Pick<Call, "query">, name: string): string {
  const value = query[name];
  if (value !== undefined) return String(value);
  throw new ApiFailure("bad_request", `the parameter ${name} is missing`, { field: name });
}
