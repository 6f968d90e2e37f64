/**
 * range: the partitions of each topic by themselves, in neighbourhoods: of two topics with as many partitions a member
 * gets the same numbers. The first members get one more where it does not come out even. Racks are not looked at.
 */
import {
  type Assignments,
  type Assignor,
  inOrder,
  type MemberSubscription,
  subscribedTopics,
} from "./assignor.ts";

export const range: Assignor = {
  name: "range",
  isCooperative: false,
  assign(partitionCounts, members): Assignments {
    const ordered = inOrder(members);
    const assignments: Assignments = new Map(members.map(({ memberId }) => [memberId, []]));
    for (const topic of subscribedTopics(partitionCounts, members)) {
      const takers = ordered.filter((member) => member.topics.includes(topic));
      divide(topic, partitionCounts.get(topic)!, takers, assignments);
    }
    return assignments;
  },
};

function divide(
  topic: string,
  count: number,
  takers: readonly MemberSubscription[],
  into: Assignments,
): void {
  const each = Math.floor(count / takers.length), more = count % takers.length;
  let partition = 0;
  takers.forEach(({ memberId }, i) => {
    const end = partition + each + (i < more ? 1 : 0);
    for (; partition < end; partition++) into.get(memberId)!.push({ topic, partition });
  });
}
