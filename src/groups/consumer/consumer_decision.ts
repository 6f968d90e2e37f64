/**
 * What the machine of the consumer protocol answers to an event. Every request is answered at once: there is nobody to
 * wait for, members come back for the rest with their next heartbeat.
 */
import type { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer_group_heartbeat.ts";
import type { Encodable } from "../../protocol/schema.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import type { TopicView } from "./consumer_topics.ts";
import type { Now } from "../../coordination/shard.ts";

export interface ConsumerDecision {
  readonly facts: readonly ConsumerFact[];
  /** Null for what nobody asked. */
  readonly reply: HeartbeatReply | null;
}

export type HeartbeatReply = Encodable<typeof ConsumerGroupHeartbeat["response"]>;

/** Of one group: group configs where it has them (consumer.session.timeout.ms, …), the broker's otherwise. */
export interface ConsumerSettings {
  /** group.consumer.session.timeout.ms */
  readonly sessionTimeoutMs: number;
  /** group.consumer.heartbeat.interval.ms */
  readonly heartbeatIntervalMs: number;
  /** group.consumer.assignment.interval.ms: target assignments are at least this far apart. */
  readonly assignmentIntervalMs: number;
  /** group.consumer.regex.refresh.interval.ms: regular expressions are resolved again then, whatever happened. */
  readonly regexRefreshIntervalMs: number;
  /** group.consumer.max.size */
  readonly maxSize: number;
  /** group.consumer.assignors: names in ASSIGNORS; the first serves those who name none. */
  readonly assignors: readonly string[];
  /** group.consumer.migration.policy: which way groups may change their protocol while members live. */
  readonly migrationPolicy: MigrationPolicy;
}

export type MigrationPolicy = "disabled" | "upgrade" | "downgrade" | "bidirectional";

/** What a decision is made in. */
export interface Circumstances {
  readonly now: Now;
  readonly settings: ConsumerSettings;
  readonly topics: TopicView;
}

/** An error with what it says to people. */
export interface Refusal {
  readonly errorCode: number;
  readonly errorMessage: string;
}

export function refused(refusal: Refusal): ConsumerDecision {
  return { facts: [], reply: refusal };
}
