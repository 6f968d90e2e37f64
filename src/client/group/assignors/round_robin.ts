/** roundrobin: all partitions of all topics in order, one to each member in turn that subscribes to the topic. */
import { type Assignments, type Assignor, inOrder, subscribedTopics } from "./assignor.ts";

export const roundRobin: Assignor = {
  name: "roundrobin",
  isCooperative: false,
  assign(partitionCounts, members): Assignments {
    const ordered = inOrder(members).map((member) => ({ ...member, set: new Set(member.topics) }));
    const assignments: Assignments = new Map(members.map(({ memberId }) => [memberId, []]));
    let turn = 0;
    for (const topic of subscribedTopics(partitionCounts, members)) {
      for (let partition = 0; partition < partitionCounts.get(topic)!; partition++) {
        while (!ordered[turn].set.has(topic)) turn = (turn + 1) % ordered.length;
        assignments.get(ordered[turn].memberId)!.push({ topic, partition });
        turn = (turn + 1) % ordered.length;
      }
    }
    return assignments;
  },
};
