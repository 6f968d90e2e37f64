/**
 * Member metadata: what members of a classic group tell each other through their coordinator, in Kafka's bytes: what
 * each subscribes to and has, and what the leader gives it. A version in front says which fields there are; who is older
 * reads those it knows.
 */
import { ProtocolError } from "../../bytes/reader.ts";
import { decode } from "../../protocol/codec.ts";
import { encodeVersioned } from "../../protocol/log_record.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../protocol/messages/consumer_protocol.ts";
import type { Decoded, Fields, Message } from "../../protocol/schema.ts";
import type { TopicPartition } from "../list_offsets.ts";
import { compare, type MemberSubscription } from "./assignors/assignor.ts";
import { byTopic, flat } from "./partitions_by_topic.ts";

export function encodeSubscription(
  { topics, userData, owned, generation, rackId }: Omit<
    MemberSubscription,
    "memberId" | "instanceId"
  >,
): Uint8Array {
  const { max } = ConsumerProtocolSubscription;
  return encodeVersioned(ConsumerProtocolSubscription, max, {
    topics: [...topics].sort(compare),
    userData,
    ownedPartitions: byTopic(owned).sort((a, b) => compare(a.topic, b.topic)),
    generationId: generation,
    rackId,
  });
}

/** Throws ProtocolError for bytes that are none. */
export function decodeSubscription(
  memberId: string,
  instanceId: string | null,
  metadata: Uint8Array,
): MemberSubscription {
  const { topics, userData, ownedPartitions, generationId, rackId } = decoded(
    ConsumerProtocolSubscription,
    metadata,
  );
  const owned = flat(ownedPartitions);
  return { memberId, instanceId, topics, userData, owned, generation: generationId, rackId };
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Uint8Array {
  const { max } = ConsumerProtocolAssignment;
  const assignedPartitions = byTopic(partitions);
  return encodeVersioned(ConsumerProtocolAssignment, max, { assignedPartitions, userData: null });
}

/** Throws ProtocolError for bytes that are none; [] for no bytes, which a member gets that is given nothing. */
export function decodeAssignment(bytes: Uint8Array): TopicPartition[] {
  if (bytes.length === 0) return [];
  return flat(decoded(ConsumerProtocolAssignment, bytes).assignedPartitions);
}

/** Later versions add fields at the end. */
function decoded<F extends Fields>(message: Message<F>, bytes: Uint8Array): Decoded<Message<F>> {
  if (bytes.length < 2) throw new ProtocolError(`${message.name} of ${bytes.length} bytes`);
  const version = bytes[0] << 8 | bytes[1];
  if (version > 0x7fff) throw new ProtocolError(`${message.name} has version ${version - 65536}`);
  return decode(message, Math.min(version, message.max), bytes, 2);
}
