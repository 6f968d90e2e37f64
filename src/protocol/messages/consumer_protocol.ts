/**
 * What consumers tell each other through the coordinator, which passes it on unread (mostly: offsets of a topic
 * may not be deleted while a group subscribes to it).
 */
import { array, bytes, int32, message, string } from "../schema.ts";

/** What a member subscribes to: the metadata of its JoinGroup. */
export const ConsumerProtocolSubscription = message({
  name: "ConsumerProtocolSubscription",
  versions: "0-3",
  flexible: "none",
  fields: {
    topics: array(string),
    userData: bytes.nullable(),
    ownedPartitions: array({
      topic: string,
      partitions: array(int32),
    }).in("1+").ignorable(),
    generationId: int32.default(-1).in("2+").ignorable(),
    rackId: string.nullable().in("3+").ignorable(),
  },
});

/** What a member is assigned: the content of its SyncGroup. */
export const ConsumerProtocolAssignment = message({
  name: "ConsumerProtocolAssignment",
  versions: "0-3",
  flexible: "none",
  fields: {
    assignedPartitions: array({
      topic: string,
      partitions: array(int32),
    }),
    userData: bytes.nullable(),
  },
});
