/**
 * The target assignment of a consumer group: made by the assignor that most members prefer, written as the difference
 * from the one before (Kafka's TargetAssignmentBuilder).
 */
import type { Uuid } from "../../bytes/uuid.ts";
import { type Assignor, ASSIGNORS, type Subscriber } from "./consumer_assignors.ts";
import type { ConsumerFact } from "./consumer_facts.ts";
import {
  type Assignment,
  type ConsumerGroup,
  type MemberMetadata,
  NO_TARGET,
  type ResolvedRegex,
  sameTarget,
} from "./consumer_group.ts";
import { subscribedTopicIds, type TopicView } from "./consumer_topics.ts";

/** A group as it will be once the facts decided so far are true. */
export interface Prospect {
  readonly epoch: number;
  readonly members: ReadonlyMap<string, MemberMetadata>;
  readonly targets: ReadonlyMap<string, Assignment>;
  readonly regexes: ReadonlyMap<string, ResolvedRegex>;
}

export function newTarget(
  prospect: Prospect,
  { topics, defaultAssignor, wallMs }: {
    readonly topics: TopicView;
    readonly defaultAssignor: string;
    readonly wallMs: number;
  },
): { facts: ConsumerFact[]; targets: ReadonlyMap<string, Assignment> } {
  const assign = ASSIGNORS.get(assignorOf(prospect.members.values(), defaultAssignor))!;
  const targets = run(assign, prospect, topics);
  const facts: ConsumerFact[] = [];
  for (const [memberId, assignment] of targets) {
    const before = prospect.targets.get(memberId);
    if (before !== undefined && sameTarget(before, assignment)) continue;
    facts.push({ kind: "target", memberId, assignment });
  }
  facts.push({ kind: "targetEpoch", epoch: prospect.epoch, assignedAtMs: wallMs });
  return { facts, targets };
}

/** What assigns to these members: the assignor named by most, of two named as often the first of ASSIGNORS as in Kafka. */
export function assignorOf(members: Iterable<MemberMetadata>, defaultAssignor: string): string {
  const votes = new Map(Array.from(ASSIGNORS.keys(), (name) => [name, 0]));
  for (const { serverAssignor } of members) {
    const count = serverAssignor === null ? undefined : votes.get(serverAssignor);
    if (count !== undefined) votes.set(serverAssignor!, count + 1);
  }
  let best = defaultAssignor, most = 0;
  for (const [name, count] of votes) if (count > most) [best, most] = [name, count];
  return best;
}

export function assignorName(group: Readonly<ConsumerGroup>, defaultAssignor: string): string {
  return assignorOf(
    Array.from(group.members.values(), ({ metadata }) => metadata),
    defaultAssignor,
  );
}

function run(assign: Assignor, prospect: Prospect, topics: TopicView): Map<string, Assignment> {
  const lists = new Map<string, readonly Uuid[]>(); // equal subscriptions share one list
  const counts = new Map<Uuid, number>();
  const subscribers = Array.from(prospect.members, ([id, metadata]): Subscriber => {
    const key = `${metadata.topicRegex}\n${metadata.topicNames.join("\n")}`;
    let list = lists.get(key);
    if (list === undefined) {
      lists.set(key, list = subscribedTopicIds(metadata, prospect.regexes, topics));
      for (const topicId of list) counts.set(topicId, topics.byId(topicId)!.partitionCount);
    }
    const previous = prospect.targets.get(id) ?? NO_TARGET;
    return { id, instanceId: metadata.instanceId, topics: list, previous };
  });
  return assign(subscribers, counts);
}
