/** Groups as they are described, made up: a classic one with a member that has partition 0 of "t", unless said otherwise. */
import type { GroupDescription, GroupMember } from "../client/groups.ts";

export function describedMember(some: Partial<GroupMember> = {}): GroupMember {
  return {
    id: "m",
    instanceId: null,
    clientId: "app",
    host: "/127.0.0.1",
    topics: ["t"],
    partitions: [{ topic: "t", partition: 0 }],
    target: null,
    epoch: null,
    awaited: null,
    silentMs: null,
    sessionTimeoutMs: null,
    ...some,
  };
}

export function describedGroup(some: Partial<GroupDescription> = {}): GroupDescription {
  return {
    groupId: "g",
    type: "classic",
    state: "Stable",
    assignor: "range",
    epoch: null,
    rebalancingMs: null,
    pendingMembers: 0,
    members: [describedMember()],
    ...some,
  };
}
