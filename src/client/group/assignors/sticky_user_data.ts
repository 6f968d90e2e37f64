/**
 * User data of sticky assignors, which their members tell each other in subscriptions. No schema of Kafka has them: they
 * are StickyAssignor's and CooperativeStickyAssignor's own.
 */
import { array, int32, message, string } from "../../../protocol/schema.ts";

/** What a member of a group that is divided stickily says of what it had, in its subscription's user data. */
export const StickyUserData = message({
  name: "StickyUserData",
  versions: "0-1",
  flexible: "none",
  fields: {
    previousAssignment: array({
      topic: string,
      partitions: array(int32),
    }),
    generation: int32.default(-1).in("1+").ignorable(),
  },
});

/** The same of cooperative-sticky, whose subscription has the partitions in a field of its own. */
export const CooperativeStickyUserData = message({
  name: "CooperativeStickyUserData",
  versions: "0",
  flexible: "none",
  fields: {
    generation: int32,
  },
});
