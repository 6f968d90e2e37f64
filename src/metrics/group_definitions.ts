/**
 * Metrics of consumer groups: members, state and generation by group, and how far each group is behind in each
 * partition. Everything is read off the groups at a scrape.
 *
 * Names of groups are the clients' choice, so their number is bounded: groups beyond `maxGroups` and partitions beyond
 * `maxGroupPartitions` are left out, those of groups with members last. `groups` counts all of them either way.
 */
import type { Definition, Labels } from "./definition.ts";
import type { Metrics } from "./metrics.ts";

/** One group at a scrape. */
export interface GroupGauges {
  readonly groupId: string;
  /** "classic" or "consumer". */
  readonly type: string;
  /** "Stable", … */
  readonly state: string;
  readonly generation: number;
  readonly members: number;
  /** How long the rebalance under way has been going on; 0 outside one. */
  readonly rebalancingMs: number;
  /** What it has committed, partition by partition. */
  readonly lags: () => Iterable<PartitionLag>;
}

export interface PartitionLag {
  readonly topic: string;
  readonly partition: number;
  /** The partition's end less the committed offset. */
  readonly lag: number;
}

export function groupDefinitions(metrics: Metrics): Definition[] {
  const { maxGroups, maxGroupPartitions } = metrics.settings;
  const one = (name: string, help: string, read: (group: GroupGauges) => number): Definition => ({
    name,
    help,
    type: "gauge",
    *samples() {
      for (const group of liveFirst(metrics.groups(), maxGroups)) {
        yield [{ group: group.groupId }, read(group)];
      }
    },
  });
  return [
    {
      name: "groups",
      help: "Groups, those that only keep offsets included, by type and state.",
      type: "gauge",
      samples: () => countByState(metrics.groups()),
    },
    one("group_members", "Members of the group.", (group) => group.members),
    one(
      "group_generation",
      "Generation of a classic group, epoch of a consumer group: each rebalance raises it.",
      (group) => group.generation,
    ),
    one(
      "group_rebalancing_seconds",
      "How long the rebalance under way has been going on; 0 outside one.",
      (group) => group.rebalancingMs / 1000,
    ),
    {
      name: "group_state",
      help: "1, with the group's type and state in labels.",
      type: "gauge",
      *samples() {
        for (const { groupId, type, state } of liveFirst(metrics.groups(), maxGroups)) {
          yield [{ group: groupId, type, state }, 1];
        }
      },
    },
    {
      name: "group_lag",
      help: "Records that a group has not committed yet, by topic and partition.",
      type: "gauge",
      *samples() {
        let left = maxGroupPartitions;
        for (const { groupId, lags } of liveFirst(metrics.groups(), maxGroups)) {
          for (const { topic, partition, lag } of lags()) {
            if (left-- <= 0) return;
            yield [{ group: groupId, topic, partition }, lag];
          }
        }
      },
    },
  ];
}

/** At most `limit` groups, those with members before those that only keep offsets. */
function* liveFirst(groups: Iterable<GroupGauges>, limit: number): Generator<GroupGauges> {
  const idle: GroupGauges[] = [];
  let left = limit;
  for (const group of groups) {
    if (left <= 0) return;
    if (group.members > 0) {
      left--;
      yield group;
    } else if (idle.length < limit) {
      idle.push(group);
    }
  }
  yield* idle.slice(0, left);
}

function* countByState(groups: Iterable<GroupGauges>): Generator<[Labels, number]> {
  const counts = new Map<string, { labels: Labels; count: number }>();
  for (const { type, state } of groups) {
    const key = `${type} ${state}`;
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { labels: { type, state }, count: 1 });
  }
  for (const { labels, count } of counts.values()) yield [labels, count];
}
