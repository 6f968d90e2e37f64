/**
 * cooperative-sticky: divides as sticky does, but members keep what they have. What is to go from one member to another
 * is left out the first time; its holder gives it up and joins again, and then it is given.
 */
import { decode, encodeChunks, joined, write } from "../../../protocol/codec.ts";
import { CooperativeStickyUserData } from "./sticky_user_data.ts";
import { nameOf, without } from "../partitions_by_topic.ts";
import type { Assignments, Assignor, MemberSubscription } from "./assignor.ts";
import { balanced, type Held } from "./sticky_balance.ts";

/** One for each consumer: it remembers its generation. */
export function cooperativeSticky(): Assignor {
  let generation = -1;
  return {
    name: "cooperative-sticky",
    isCooperative: true,
    userData: () =>
      joined(encodeChunks((into) => write(CooperativeStickyUserData, 0, { generation }, into))),
    assigned(_partitions, ofGeneration) {
      generation = ofGeneration;
    },
    assign(partitionCounts, members) {
      return withoutTransfers(balanced(partitionCounts, members, heldOf), members);
    },
  };
}

/** Subscriptions before version 2 have the generation in the user data only. */
function heldOf({ owned, generation, userData }: MemberSubscription): Held {
  return { partitions: owned, generation: generation >= 0 ? generation : generationIn(userData) };
}

function generationIn(userData: Uint8Array | null): number {
  if (userData === null) return -1;
  try {
    return decode(CooperativeStickyUserData, 0, userData).generation;
  } catch {
    return -1; // members write there what they like
  }
}

function withoutTransfers(
  assignments: Assignments,
  members: readonly MemberSubscription[],
): Assignments {
  const held = new Map<string, Set<string>>(), givenUp = new Set<string>();
  for (const { memberId, owned } of members) {
    held.set(memberId, new Set(owned.map(nameOf)));
    for (const one of without(owned, assignments.get(memberId)!)) givenUp.add(nameOf(one));
  }
  return new Map(
    [...assignments].map(([memberId, partitions]) => [
      memberId,
      partitions.filter((one) => held.get(memberId)!.has(nameOf(one)) || !givenUp.has(nameOf(one))),
    ]),
  );
}
