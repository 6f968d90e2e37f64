/**
 * Consumer records: facts of consumer groups as the records that Kafka's group coordinator writes, and back.
 *
 * | key type | key | value |
 * |---|---|---|
 * | 3 | group | the group epoch |
 * | 4 | group | what topics had been seen, by Kafka 4.0; passed over |
 * | 5 | group, member | a member and its subscription |
 * | 6 | group | the assignment epoch |
 * | 7 | group, member | a target assignment |
 * | 8 | group, member | a current assignment |
 * | 16 | group, expression | what a regular expression matched |
 *
 * A null value: it is gone.
 */
import { ProtocolError } from "../../bytes/reader.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import type { ShardRecord } from "../../coordination/shard.ts";
import { decode } from "../../protocol/codec.ts";
import {
  decodeVersioned,
  encodeRecordKey,
  encodeVersioned,
  recordType,
} from "../../protocol/log_record.ts";
import * as log from "../../protocol/messages/group_log/consumer_group.ts";
import type { Decoded } from "../../protocol/schema.ts";
import type { ConsumerLogFact, CurrentAssignment } from "./consumer_facts.ts";
import { type EpochAssignment, type MemberMetadata, MemberState } from "./consumer_group.ts";

export function encodeConsumerFact(
  groupId: string,
  fact: ConsumerLogFact,
  timestampMs: number,
): ShardRecord & { readonly timestampMs: number } {
  return { timestampMs, key: keyOf(groupId, fact), value: valueOf(fact) };
}

/** What a record says and of which group; null for types of record that are not of consumer groups. */
export function decodeConsumerFact(
  key: Uint8Array,
  value: Uint8Array | null,
): { groupId: string; fact: ConsumerLogFact } | null {
  switch (recordType(key)) {
    case log.ConsumerGroupMetadataKey.key: {
      const { groupId } = decode(log.ConsumerGroupMetadataKey, 0, key, 2);
      if (value === null) return { groupId, fact: { kind: "epochGone" } };
      const { epoch, metadataHash } = decodeVersioned(log.ConsumerGroupMetadataValue, value);
      return { groupId, fact: { kind: "epoch", epoch, metadataHash } };
    }
    case log.ConsumerGroupMemberMetadataKey.key: {
      const { groupId, memberId } = decode(log.ConsumerGroupMemberMetadataKey, 0, key, 2);
      if (value === null) return { groupId, fact: { kind: "memberGone", memberId } };
      return { groupId, fact: { kind: "member", memberId, metadata: memberMetadata(value) } };
    }
    case log.ConsumerGroupTargetAssignmentMetadataKey.key: {
      const { groupId } = decode(log.ConsumerGroupTargetAssignmentMetadataKey, 0, key, 2);
      if (value === null) return { groupId, fact: { kind: "targetEpochGone" } };
      const { assignmentEpoch, assignmentTimestamp } = decodeVersioned(
        log.ConsumerGroupTargetAssignmentMetadataValue,
        value,
      );
      const assignedAtMs = assignmentTimestamp;
      return { groupId, fact: { kind: "targetEpoch", epoch: assignmentEpoch, assignedAtMs } };
    }
    case log.ConsumerGroupTargetAssignmentMemberKey.key: {
      const { groupId, memberId } = decode(log.ConsumerGroupTargetAssignmentMemberKey, 0, key, 2);
      if (value === null) return { groupId, fact: { kind: "targetGone", memberId } };
      const { topicPartitions } = decodeVersioned(
        log.ConsumerGroupTargetAssignmentMemberValue,
        value,
      );
      const assignment = new Map(
        topicPartitions.map(({ topicId, partitions }) => [topicId, [...partitions].sort(byNumber)]),
      );
      return { groupId, fact: { kind: "target", memberId, assignment } };
    }
    case log.ConsumerGroupCurrentMemberAssignmentKey.key: {
      const { groupId, memberId } = decode(log.ConsumerGroupCurrentMemberAssignmentKey, 0, key, 2);
      if (value === null) return { groupId, fact: { kind: "currentGone", memberId } };
      return { groupId, fact: currentAssignment(memberId, value) };
    }
    case log.ConsumerGroupRegularExpressionKey.key: {
      const { groupId, regularExpression: pattern } = decode(
        log.ConsumerGroupRegularExpressionKey,
        0,
        key,
        2,
      );
      if (value === null) return { groupId, fact: { kind: "regexGone", pattern } };
      const { topics, version, timestamp } = decodeVersioned(
        log.ConsumerGroupRegularExpressionValue,
        value,
      );
      const resolved = { topics: [...topics].sort(), version, resolvedAtMs: timestamp };
      return { groupId, fact: { kind: "regex", pattern, resolved } };
    }
    default:
      return null;
  }
}

function keyOf(groupId: string, fact: ConsumerLogFact): Uint8Array {
  switch (fact.kind) {
    case "epoch":
    case "epochGone":
      return encodeRecordKey(log.ConsumerGroupMetadataKey, { groupId });
    case "targetEpoch":
    case "targetEpochGone":
      return encodeRecordKey(log.ConsumerGroupTargetAssignmentMetadataKey, { groupId });
    case "regex":
    case "regexGone":
      return encodeRecordKey(log.ConsumerGroupRegularExpressionKey, {
        groupId,
        regularExpression: fact.pattern,
      });
    case "member":
    case "memberGone":
      return encodeRecordKey(log.ConsumerGroupMemberMetadataKey, {
        groupId,
        memberId: fact.memberId,
      });
    case "target":
    case "targetGone":
      return encodeRecordKey(log.ConsumerGroupTargetAssignmentMemberKey, {
        groupId,
        memberId: fact.memberId,
      });
    case "current":
    case "currentGone":
      return encodeRecordKey(log.ConsumerGroupCurrentMemberAssignmentKey, {
        groupId,
        memberId: fact.memberId,
      });
  }
}

function valueOf(fact: ConsumerLogFact): Uint8Array | null {
  switch (fact.kind) {
    case "epoch": {
      const { epoch, metadataHash } = fact;
      return encodeVersioned(log.ConsumerGroupMetadataValue, 0, { epoch, metadataHash });
    }
    case "targetEpoch":
      return encodeVersioned(log.ConsumerGroupTargetAssignmentMetadataValue, 0, {
        assignmentEpoch: fact.epoch,
        assignmentTimestamp: fact.assignedAtMs,
      });
    case "regex": {
      const { topics, version, resolvedAtMs: timestamp } = fact.resolved;
      const value = { topics: [...topics], version, timestamp };
      return encodeVersioned(log.ConsumerGroupRegularExpressionValue, 0, value);
    }
    case "member":
      return memberValue(fact.metadata);
    case "target":
      return encodeVersioned(log.ConsumerGroupTargetAssignmentMemberValue, 0, {
        topicPartitions: Array.from(fact.assignment, ([topicId, partitions]) => ({
          topicId,
          partitions: [...partitions],
        })),
      });
    case "current":
      return encodeVersioned(log.ConsumerGroupCurrentMemberAssignmentValue, 0, {
        memberEpoch: fact.epoch,
        previousMemberEpoch: fact.previousEpoch,
        state: fact.state,
        assignedPartitions: withEpochs(fact.assigned),
        partitionsPendingRevocation: withEpochs(fact.revoking),
      });
    default:
      return null;
  }
}

function memberValue(metadata: MemberMetadata): Uint8Array {
  const { classic } = metadata;
  return encodeVersioned(log.ConsumerGroupMemberMetadataValue, 0, {
    instanceId: metadata.instanceId,
    rackId: metadata.rackId,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: [...metadata.topicNames],
    subscribedTopicRegex: metadata.topicRegex,
    rebalanceTimeoutMs: metadata.rebalanceTimeoutMs,
    serverAssignor: metadata.serverAssignor,
    classicMemberMetadata: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      supportedProtocols: [...classic.protocols],
    },
  });
}

/** The bytes are copied: what the log lends is used again. */
function memberMetadata(value: Uint8Array): MemberMetadata {
  const member = decodeVersioned(log.ConsumerGroupMemberMetadataValue, value);
  const { classicMemberMetadata: classic } = member;
  return {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topicNames: [...member.subscribedTopicNames].sort(),
    topicRegex: member.subscribedTopicRegex ?? "",
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classic: classic && {
      sessionTimeoutMs: classic.sessionTimeoutMs,
      protocols: classic.supportedProtocols.map(({ name, metadata }) => ({
        name,
        metadata: metadata.slice(),
      })),
    },
  };
}

function currentAssignment(memberId: string, value: Uint8Array): CurrentAssignment {
  const current = decodeVersioned(log.ConsumerGroupCurrentMemberAssignmentValue, value);
  return {
    kind: "current",
    memberId,
    epoch: current.memberEpoch,
    previousEpoch: current.previousMemberEpoch,
    state: memberState(current.state),
    assigned: epochAssignment(current.assignedPartitions, current.memberEpoch),
    revoking: epochAssignment(current.partitionsPendingRevocation, current.memberEpoch),
  };
}

function memberState(state: number): MemberState {
  switch (state) {
    case MemberState.STABLE:
    case MemberState.UNREVOKED_PARTITIONS:
    case MemberState.UNRELEASED_PARTITIONS:
      return state;
    default:
      throw new ProtocolError(`A member's state is ${state}, which is none of 0, 1, 2`);
  }
}

function withEpochs(assignment: EpochAssignment) {
  return Array.from(assignment, ([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }));
}

type StoredPartitions = Decoded<
  typeof log.ConsumerGroupCurrentMemberAssignmentValue
>["assignedPartitions"];

/** Records of brokers before Kafka 4.3 have no epochs; the member's own serves, as there. */
function epochAssignment(stored: StoredPartitions, memberEpoch: number): EpochAssignment {
  return new Map<Uuid, Map<number, number>>(
    stored.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(
        partitions.map((partition, i) => [partition, assignmentEpochs?.[i] ?? memberEpoch]),
      ),
    ]),
  );
}

function byNumber(a: number, b: number): number {
  return a - b;
}
