/** Question: what an API is asked, and the rights that the answer may depend on; with the words that questions are made of. */
import type { Api } from "../../../../src/protocol/schema.ts";

/** Operation and resource, by Kafka's numbers: [4, 2, "shown"] is WRITE on the topic "shown". */
export type Right = readonly [operation: number, resourceType: number, name: string];

export interface Question {
  readonly name: string;
  readonly api: Api;
  readonly version: number;
  readonly request: Record<string, unknown>;
  readonly rights: readonly Right[];
}

/** There before anything is asked. */
export const TOPICS = ["shown", "other", "doomed", "idle"] as const;
/** Of no topic. */
export const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAEQ";

/** What the questions about one noun are asked with. */
export interface Asking {
  readonly ask: (
    name: string,
    // deno-lint-ignore no-explicit-any -- of any API
    api: any,
    version: number,
    request: Record<string, unknown>,
    rights: Right[],
  ) => void;
  /** Of the topics, by name. */
  readonly ids: ReadonlyMap<string, string>;
}

export const READ = 3, WRITE = 4, CREATE = 5, DELETE = 6, ALTER = 7, DESCRIBE = 8;
export const CLUSTER_ACTION = 9, D_CONFIGS = 10, A_CONFIGS = 11, IDEMPOTENT = 12;

export const topic = (operation: number, name = "shown"): Right => [operation, 2, name];
export const group = (operation: number, name = "g"): Right => [operation, 3, name];
export const cluster = (operation: number): Right => [operation, 4, "kafka-cluster"];
export const txn = (operation: number, name = "x"): Right => [operation, 5, name];

/** Committed, of a topic that is there and one that is not. */
export const OFFSETS = ["shown", "none"].map((name) => ({
  name,
  partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: "" }],
}));
