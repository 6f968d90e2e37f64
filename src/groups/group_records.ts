/**
 * Group records: facts as the records that Kafka's group coordinator writes to `__consumer_offsets`, and back.
 *
 * | key type | key | value |
 * |---|---|---|
 * | 0, 1 | group, topic, partition | a committed offset; null: it is gone |
 * | 2 | group | a classic group; null: it is gone |
 * | 3–8, 16 | | of consumer groups: consumer_records.ts |
 *
 * Offsets are written in version 4 with the topic's id (v1 where an old client set a time to expire), groups in
 * version 3: what Kafka 4.3 and 4.4 write.
 */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { ShardRecord } from "../coordination/shard.ts";
import { decode } from "../protocol/codec.ts";
import {
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  recordType,
} from "../protocol/log_record.ts";
import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from "../protocol/messages/group_log/classic.ts";
import type { StoredGroup } from "./classic/classic_facts.ts";
import { decodeConsumerFact, encodeConsumerFact } from "./consumer/consumer_records.ts";
import type { LogFact, OffsetCommitted } from "./group.ts";

export function encodeFact(
  groupId: string,
  fact: LogFact,
  timestampMs: number,
): ShardRecord & { readonly timestampMs: number } {
  switch (fact.kind) {
    case "stored":
      return { timestampMs, key: groupKey(groupId), value: groupValue(fact) };
    case "groupGone":
      return { timestampMs, key: groupKey(groupId), value: null };
    case "committed":
      return { timestampMs, key: offsetKey(groupId, fact), value: offsetValue(fact) };
    case "offsetGone":
      return { timestampMs, key: offsetKey(groupId, fact), value: null };
    default:
      return encodeConsumerFact(groupId, fact, timestampMs);
  }
}

/** What a record says and of which group; null for types of record that say nothing here. */
export function decodeFact(
  key: Uint8Array,
  value: Uint8Array | null,
): { groupId: string; fact: LogFact } | null {
  switch (recordType(key)) {
    case 0:
    case OffsetCommitKey.key: {
      const { group, topic, partition } = decode(OffsetCommitKey, 0, key, 2);
      return { groupId: group, fact: offsetFact(topic, partition, value) };
    }
    case GroupMetadataKey.key: {
      const { group } = decode(GroupMetadataKey, 0, key, 2);
      return { groupId: group, fact: value === null ? { kind: "groupGone" } : groupFact(value) };
    }
    default:
      return decodeConsumerFact(key, value);
  }
}

const GROUP_VERSION = 3;
const OFFSET_VERSION = 4;
const OFFSET_VERSION_WITH_EXPIRY = 1;

function groupKey(group: string): Uint8Array {
  return encodeRecordKey(GroupMetadataKey, { group });
}

function offsetKey(group: string, { topic, partition }: { topic: string; partition: number }) {
  return encodeRecordKey(OffsetCommitKey, { group, topic, partition });
}

function groupValue(fact: StoredGroup): Uint8Array {
  return encodeVersioned(GroupMetadataValue, GROUP_VERSION, {
    protocolType: fact.protocolType ?? "",
    generation: fact.generation,
    protocol: fact.protocol,
    leader: fact.leaderId,
    currentStateTimestamp: fact.stateSinceMs,
    members: fact.members.map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: member.subscription,
      assignment: member.assignment,
    })),
  });
}

/** The bytes are copied: what the log lends is used again. */
function groupFact(value: Uint8Array): StoredGroup {
  const group = decodeVersioned(GroupMetadataValue, value);
  return {
    kind: "stored",
    protocolType: group.protocolType === "" ? null : group.protocolType,
    generation: group.generation,
    protocol: group.protocol,
    leaderId: group.leader,
    stateSinceMs: group.currentStateTimestamp,
    members: group.members.map((member) => ({
      id: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      // v0 has no rebalance timeout: members of that time had one timeout for both.
      rebalanceTimeoutMs: member.rebalanceTimeout < 0
        ? member.sessionTimeout
        : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      subscription: member.subscription.slice(),
      assignment: member.assignment.slice(),
    })),
  };
}

function offsetValue({ committed }: OffsetCommitted): Uint8Array {
  const expires = committed.expireTimestampMs >= 0;
  return encodeVersioned(OffsetCommitValue, expires ? OFFSET_VERSION_WITH_EXPIRY : OFFSET_VERSION, {
    offset: committed.offset,
    leaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    commitTimestamp: committed.commitTimestampMs,
    expireTimestamp: committed.expireTimestampMs,
    topicId: committed.topicId,
  });
}

function offsetFact(topic: string, partition: number, value: Uint8Array | null): LogFact {
  if (value === null) return { kind: "offsetGone", topic, partition };
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp, topicId } =
    decodeVersioned(OffsetCommitValue, value);
  return {
    kind: "committed",
    topic,
    partition,
    committed: {
      offset,
      leaderEpoch,
      metadata,
      commitTimestampMs: commitTimestamp,
      expireTimestampMs: expireTimestamp,
      topicId: topicId ?? ZERO_UUID,
    },
  };
}
