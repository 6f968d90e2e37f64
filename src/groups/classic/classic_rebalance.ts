/**
 * How a rebalance begins (GroupMetadataManager.prepareRebalance).
 *
 * An empty group waits a while first, so that members that start together share one generation (KIP-134). Those who
 * wait for the assignment of a generation that will not come are told to join again.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { ClassicFact } from "./classic_facts.ts";
import type { ClassicGroup } from "./classic_group.ts";
import type { Now } from "../../coordination/shard.ts";
import { type Reply, syncError } from "../decision.ts";

/** The facts that begin a rebalance; none where one is being prepared already. */
export function rebalanceFacts(
  group: Readonly<ClassicGroup>,
  now: Now,
  initialDelayMs: number | null,
): ClassicFact[] {
  if (group.state === "PreparingRebalance") return [];
  return [{
    kind: "rebalancing",
    nowMs: now.ms,
    wallMs: now.wallMs,
    initialDelayMs: group.state === "Empty" ? initialDelayMs : null,
  }];
}

/** The answers to those who wait for an assignment when a rebalance begins, but for the `gone`. */
export function rebalanceReplies(
  group: Readonly<ClassicGroup>,
  gone: ReadonlySet<string> = new Set(),
): Reply[] {
  const replies: Reply[] = [];
  for (const member of group.members.values()) {
    if (member.syncTicket === null || gone.has(member.id)) continue;
    replies.push(syncError(member.syncTicket, ErrorCode.REBALANCE_IN_PROGRESS));
  }
  return replies;
}
