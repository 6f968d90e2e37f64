/**
 * The server-side assignors of the consumer protocol, by name: who is to have which partitions. Pure.
 *
 * | name | what it gives |
 * |---|---|
 * | uniform | equal shares, and as few partitions moved as that allows; the default |
 * | range | of each topic a contiguous range, the same numbers of every topic where that is possible, for joins |
 *
 * Members come in any order and are put in one, so that equal groups have equal assignments.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { Assignment } from "./consumer_group.ts";
import { assignUniform } from "./consumer_uniform.ts";

/** What an assignor knows of a member. */
export interface Subscriber {
  readonly id: string;
  readonly instanceId: string | null;
  /** Ids of topics that exist, sorted. Subscribers with equal lists may share one. */
  readonly topics: readonly Uuid[];
  /** What it was to have so far. */
  readonly previous: Assignment;
}

/** Target assignments by member id; `counts` has the number of partitions of every topic subscribed to. */
export type Assignor = (
  subscribers: readonly Subscriber[],
  counts: ReadonlyMap<Uuid, number>,
) => Map<string, Assignment>;

export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map<string, Assignor>([
  ["uniform", (subscribers, counts) => assignUniform(inOrder(subscribers), counts)],
  ["range", (subscribers, counts) => assignRange(inOrder(subscribers), counts)],
]);

/** Static members first by instance id, so that one that restarts keeps its range; then the others by member id. */
function inOrder(subscribers: readonly Subscriber[]): Subscriber[] {
  return [...subscribers].sort((a, b) => {
    if (a.instanceId === null || b.instanceId === null) {
      if (a.instanceId !== b.instanceId) return a.instanceId === null ? 1 : -1;
      return compare(a.id, b.id);
    }
    return compare(a.instanceId, b.instanceId);
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function assignRange(
  subscribers: readonly Subscriber[],
  counts: ReadonlyMap<Uuid, number>,
): Map<string, Assignment> {
  const heads = new Map<Uuid, number>();
  for (const { topics } of subscribers) {
    for (const topicId of topics) heads.set(topicId, (heads.get(topicId) ?? 0) + 1);
  }
  const ranges = new Map<Uuid, { next: number; share: number; extra: number }>();
  for (const [topicId, members] of heads) {
    const count = counts.get(topicId)!;
    ranges.set(topicId, { next: 0, share: Math.floor(count / members), extra: count % members });
  }
  const assignments = new Map<string, Assignment>();
  for (const { id, topics } of subscribers) {
    const assignment = new Map<Uuid, readonly number[]>();
    for (const topicId of topics) {
      const range = ranges.get(topicId)!;
      const length = range.share + (range.extra > 0 ? 1 : 0), from = range.next;
      range.next += length;
      range.extra--;
      if (length > 0) assignment.set(topicId, Array.from({ length }, (_, i) => from + i));
    }
    assignments.set(id, assignment);
  }
  return assignments;
}
