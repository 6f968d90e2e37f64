/**
 * Decision: what a group's machine answers to an event, and the checks that several of its events share.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { ConsumerGroupHeartbeat } from "../protocol/messages/consumer_group_heartbeat.ts";
import type { Heartbeat } from "../protocol/messages/heartbeat.ts";
import type { JoinGroup } from "../protocol/messages/join_group.ts";
import type { LeaveGroup } from "../protocol/messages/leave_group.ts";
import type { SyncGroup } from "../protocol/messages/sync_group.ts";
import type { Api, Encodable } from "../protocol/schema.ts";
import type { ClassicFact } from "./classic/classic_facts.ts";
import type { ClassicGroup } from "./classic/classic_group.ts";

export interface Decision {
  readonly facts: readonly ClassicFact[];
  readonly replies: readonly Reply[];
}

type ResponseOf<A extends Api> = Encodable<A["response"]>;

/** What each kind of request is answered with; "refused" by the shell, whatever was asked. */
export interface Bodies {
  readonly join: ResponseOf<typeof JoinGroup>;
  readonly sync: ResponseOf<typeof SyncGroup>;
  readonly heartbeat: ResponseOf<typeof Heartbeat>;
  readonly leave: ResponseOf<typeof LeaveGroup>;
  readonly consumerHeartbeat: ResponseOf<typeof ConsumerGroupHeartbeat>;
  readonly refused: { readonly errorCode: number };
}

/** An answer to the request that holds the ticket. */
export type Reply = {
  [A in keyof Bodies]: { readonly api: A; readonly ticket: number; readonly body: Bodies[A] };
}[keyof Bodies];

/** Whether the member exists, and is the one its instance id stands for (ClassicGroup.validateMember). */
export function memberError(
  group: Readonly<ClassicGroup>,
  memberId: string,
  instanceId: string | null,
): number {
  if (instanceId !== null) {
    const current = group.instances.get(instanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
}

/** The same, and that the request is of this generation. */
export function requestError(
  group: Readonly<ClassicGroup>,
  { memberId, instanceId, generation }: {
    memberId: string;
    instanceId: string | null;
    generation: number;
  },
): number {
  const errorCode = memberError(group, memberId, instanceId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  return generation === group.generation ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

export function joinError(ticket: number, errorCode: number, memberId: string): Reply {
  return { api: "join", ticket, body: { errorCode, memberId } };
}

export function syncError(ticket: number, errorCode: number): Reply {
  return { api: "sync", ticket, body: { errorCode } };
}
