/**
 * The embedded protocol: what classic consumers say to each other inside JoinGroup and SyncGroup, which a coordinator
 * has to read and write itself once they are members of a consumer group (KIP-848).
 *
 * Both begin with a version; one that is newer than what is known here is read as the newest that is, as in Kafka.
 */
import { ProtocolError, Reader } from "../../bytes/reader.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { decode } from "../../protocol/codec.ts";
import { encodeVersioned } from "../../protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../protocol/messages/consumer_protocol.ts";
import type { Decoded } from "../../protocol/schema.ts";
import type { OwnedPartitions } from "../consumer/consumer_reconcile.ts";
import type { TopicView } from "../consumer/consumer_topics.ts";

export type Subscription = Decoded<typeof ConsumerProtocolSubscription>;

/** Null: these bytes are no subscription. */
export function readSubscription(metadata: Uint8Array): Subscription | null {
  return orNull(() =>
    decode(ConsumerProtocolSubscription, versionIn(metadata), metadata, VERSION_BYTES)
  );
}

/** Null: these bytes are no assignment. */
export function readAssignment(
  assignment: Uint8Array,
): Decoded<typeof ConsumerProtocolAssignment> | null {
  return orNull(() =>
    decode(ConsumerProtocolAssignment, versionIn(assignment), assignment, VERSION_BYTES)
  );
}

/** Partitions by topic, in the version that the member subscribes in; topics that were deleted since are left out. */
export function writeAssignment(
  assigned: Iterable<readonly [Uuid, Iterable<number>]>,
  topics: TopicView,
  subscription: Uint8Array,
): Uint8Array {
  const assignedPartitions: { topic: string; partitions: number[] }[] = [];
  for (const [topicId, partitions] of assigned) {
    const topic = topics.byId(topicId)?.name;
    if (topic !== undefined) assignedPartitions.push({ topic, partitions: [...partitions] });
  }
  const version = orNull(() => versionIn(subscription)) ?? 0;
  return encodeVersioned(ConsumerProtocolAssignment, version, {
    assignedPartitions,
    userData: null,
  });
}

/** By the ids of the topics, of which unknown ones are left out. */
export function withIds(
  partitions: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  topics: TopicView,
): NonNullable<OwnedPartitions> {
  return partitions.flatMap(({ topic, partitions }) => {
    const topicId = topics.byName(topic)?.id;
    return topicId === undefined ? [] : [{ topicId, partitions }];
  });
}

const VERSION_BYTES = 2;

function versionIn(bytes: Uint8Array): number {
  const version = new Reader(bytes).int16();
  if (version < 0) throw new ProtocolError(`The embedded protocol has version ${version}`);
  return Math.min(version, ConsumerProtocolSubscription.max);
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
