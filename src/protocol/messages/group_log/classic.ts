/**
 * Records of the group log (`__consumer_offsets`) for offsets and classic groups.
 *
 * A key's number is its type; see log_record.ts for what stands in front.
 */
import { array, bytes, int32, int64, message, string, uuid } from "../../schema.ts";

export const LegacyOffsetCommitKey = message({
  name: "LegacyOffsetCommitKey",
  key: 0,
  versions: "0",
  flexible: "none",
  fields: {
    group: string,
    topic: string,
    partition: int32,
  },
});

export const LegacyOffsetCommitValue = message({
  name: "LegacyOffsetCommitValue",
  key: 0,
  versions: "0",
  flexible: "none",
  fields: {
    offset: int64.exact(),
    metadata: string,
    commitTimestamp: int64,
  },
});

/** A committed offset; types 0 and 1 are the same. */
export const OffsetCommitKey = message({
  name: "OffsetCommitKey",
  key: 1,
  versions: "0",
  flexible: "none",
  fields: {
    group: string,
    topic: string,
    partition: int32,
  },
});

/** v1 has a time to expire, from v3 on a leader epoch, v4 a topic id. The offset is exact. */
export const OffsetCommitValue = message({
  name: "OffsetCommitValue",
  key: 1,
  versions: "0-4",
  flexible: "4+",
  fields: {
    offset: int64.exact(),
    leaderEpoch: int32.default(-1).in("3+").ignorable(),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: int64.default(-1).in("1").ignorable(),
    topicId: uuid.tag(0, "4+").ignorable(),
  },
});

export const GroupMetadataKey = message({
  name: "GroupMetadataKey",
  key: 2,
  versions: "0",
  flexible: "none",
  fields: {
    group: string,
  },
});

const memberMetadata = {
  memberId: string,
  groupInstanceId: string.nullable().in("3+").ignorable(),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: int32.default(-1).in("1+").ignorable(),
  sessionTimeout: int32,
  subscription: bytes,
  assignment: bytes,
};

/** A classic group: generation, leader, and members with their subscriptions and assignments. */
export const GroupMetadataValue = message({
  name: "GroupMetadataValue",
  key: 2,
  versions: "0-4",
  flexible: "4+",
  fields: {
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.default(-1).in("2+").ignorable(),
    members: array(memberMetadata),
  },
});
