/**
 * How members, and whole groups, go from the consumer protocol.
 */
import type { Circumstances } from "./consumer_decision.ts";
import type { ConsumerFact, ConsumerLogFact } from "./consumer_facts.ts";
import type { ConsumerGroup } from "./consumer_group.ts";
import { isRegexInUse, metadataHash } from "./consumer_topics.ts";

/** Takes members out. The next heartbeat of anyone makes a target assignment without them. */
export function removals(
  group: Readonly<ConsumerGroup>,
  memberIds: readonly string[],
  { topics }: Pick<Circumstances, "topics">,
): ConsumerFact[] {
  if (memberIds.length === 0) return [];
  const facts: ConsumerFact[] = [], leaving = new Set(memberIds), regexes = new Map(group.regexes);
  for (const memberId of leaving) {
    facts.push(
      { kind: "currentGone", memberId },
      { kind: "targetGone", memberId },
      { kind: "memberGone", memberId },
    );
  }
  for (const pattern of group.regexes.keys()) {
    if (isRegexInUse(group, pattern, leaving)) continue;
    regexes.delete(pattern);
    facts.push({ kind: "regexGone", pattern });
  }
  const staying = [...group.members.values()].filter(({ id }) => !leaving.has(id));
  const hash = metadataHash(staying.map(({ metadata }) => metadata), regexes, topics);
  return [...facts, { kind: "epoch", epoch: group.epoch + 1, metadataHash: hash }];
}

/** Everything the log knows of the group goes: it is deleted, or becomes a classic one. */
export function goneFacts(group: Readonly<ConsumerGroup>): ConsumerLogFact[] {
  const facts: ConsumerLogFact[] = [];
  for (const memberId of group.members.keys()) facts.push({ kind: "currentGone", memberId });
  for (const memberId of group.targets.keys()) facts.push({ kind: "targetGone", memberId });
  facts.push({ kind: "targetEpochGone" });
  for (const memberId of group.members.keys()) facts.push({ kind: "memberGone", memberId });
  for (const pattern of group.regexes.keys()) facts.push({ kind: "regexGone", pattern });
  return [...facts, { kind: "epochGone" }];
}
