/**
 * sticky: even, and as few partitions as possible move. Members give everything up before a rebalance, and tell the
 * leader in their user data what they had and in which generation; older clients leave the generation out.
 */
import { decode, encodeChunks, joined, write } from "../../../protocol/codec.ts";
import { StickyUserData } from "./sticky_user_data.ts";
import { byTopic, flat } from "../partitions_by_topic.ts";
import type { Assignor, MemberSubscription } from "./assignor.ts";
import { balanced, type Held } from "./sticky_balance.ts";

/** One for each consumer: it remembers what that one had. */
export function sticky(): Assignor {
  let had: Held | null = null;
  return {
    name: "sticky",
    isCooperative: false,
    userData: () => had && encoded(had),
    assigned(partitions, generation) {
      had = { partitions, generation };
    },
    assign: (partitionCounts, members) => balanced(partitionCounts, members, heldOf),
  };
}

function encoded({ partitions, generation }: Held): Uint8Array {
  const previousAssignment = byTopic(partitions);
  return joined(
    encodeChunks((into) => write(StickyUserData, 1, { previousAssignment, generation }, into)),
  );
}

/** Members write there what they like: who wrote something else had nothing. */
function heldOf({ userData }: MemberSubscription): Held {
  for (const version of userData === null ? [] : [1, 0]) {
    try {
      const { previousAssignment, generation } = decode(StickyUserData, version, userData!);
      return { partitions: flat(previousAssignment), generation };
    } catch {
      // the older form, or none
    }
  }
  return { partitions: [], generation: -1 };
}
