/**
 * GroupLags: how far groups were behind within the last hour, kept in memory of a fixed bound: of groups that there are,
 * first of those that somebody asks for, then of those that are most behind; and by partition for the few that were asked
 * for lately.
 */
import type { GroupGauges, PartitionLag } from "../metrics/group_definitions.ts";
import { type GroupLag, LIMITS } from "./api.ts";
import { pause } from "./looks.ts";

const STEP_MS = 10_000, KEPT_STEPS = 3_600_000 / STEP_MS;
/** Groups that are gone through in one look; of more, the first ones. */
const MAX_LOOKED = 20_000;
const LAGS_A_TURN = 500;
/** Who is not asked for within this is watched no longer. */
const WATCHED_MS = 600_000;

/** NaN: nothing is known. */
type Column = Float64Array;

interface Kept {
  readonly lag: Column;
  /** At the last look. */
  nowLag: number;
  /** By topic and partition. */
  readonly partitions: Map<
    string,
    Pick<PartitionLag, "topic" | "partition"> & { readonly lag: Column }
  >;
}

export interface GroupLagsParts {
  readonly groups: () => Iterable<GroupGauges>;
  readonly nowMs: () => number;
  /** Lets others have their turn. */
  readonly turn?: () => Promise<void>;
}

export class GroupLags {
  static readonly stepMs = STEP_MS;
  readonly #parts: Required<GroupLagsParts>;
  readonly #atMs = new Float64Array(KEPT_STEPS).fill(NaN);
  readonly #kept = new Map<string, Kept>();
  /** When they were asked for last; the latest is the last. */
  readonly #asked = new Map<string, number>();
  /** Where the next look is written. */
  #next = 0;

  constructor(parts: GroupLagsParts) {
    this.#parts = { turn: pause, ...parts };
  }

  /** What is known of a group; from now on it is watched. */
  of(groupId: string): GroupLag {
    this.#asked.delete(groupId);
    this.#asked.set(groupId, this.#parts.nowMs());
    if (this.#asked.size > LIMITS.lagWatched) {
      const [oldest] = this.#asked.keys();
      this.#asked.delete(oldest);
    }
    const kept = this.#kept.get(groupId), steps = this.#inOrder();
    const known = (column: Column | undefined) =>
      steps.map((at) => column === undefined || Number.isNaN(column[at]) ? null : column[at]);
    return {
      stepMs: STEP_MS,
      atMs: steps.map((at) => this.#atMs[at]),
      lag: known(kept?.lag),
      partitions: [...kept?.partitions.values() ?? []].map(({ topic, partition, lag }) => ({
        topic,
        partition,
        lag: known(lag),
      })),
    };
  }

  /** One look at all groups. */
  async look(): Promise<void> {
    const { groups, nowMs, turn } = this.#parts, at = this.#next, seen = new Set<string>();
    this.#forgetWatched(nowMs());
    const others: { readonly groupId: string; readonly lag: number }[] = [];
    this.#atMs[at] = NaN; // shown when it is whole
    for (const { lag } of this.#columns()) lag[at] = NaN; // what was there an hour ago
    let looked = 0, lags = 0;
    for (const group of groups()) {
      if (++looked > MAX_LOOKED) break;
      const { groupId } = group, isWatched = this.#asked.has(groupId);
      const parts: PartitionLag[] = [];
      let sum: number | null = null;
      for (const one of group.lags()) {
        sum = (sum ?? 0) + one.lag;
        lags++;
        if (isWatched) parts.push(one);
      }
      let kept = this.#kept.get(groupId);
      if (kept === undefined && isWatched) this.#kept.set(groupId, kept = emptyOne());
      if (kept !== undefined) {
        seen.add(groupId);
        kept.lag[at] = sum ?? NaN;
        kept.nowLag = sum ?? 0;
        if (isWatched) this.#keepPartitions(kept, parts, at);
        else kept.partitions.clear();
      } else if (sum !== null) {
        others.push({ groupId, lag: sum });
        if (others.length > 2 * LIMITS.lagGroups) cut(others);
      }
      if (lags >= LAGS_A_TURN) {
        await turn();
        lags = 0;
      }
    }
    for (const groupId of [...this.#kept.keys()]) {
      if (!seen.has(groupId)) this.#kept.delete(groupId);
    }
    this.#take(cut(others), at);
    this.#atMs[at] = nowMs();
    this.#next = (at + 1) % KEPT_STEPS;
  }

  /** Those that are more behind than what is kept take its place. */
  #take(others: readonly { readonly groupId: string; readonly lag: number }[], at: number): void {
    const displaced = [...this.#kept].filter(([groupId]) => !this.#asked.has(groupId))
      .sort(([, a], [, b]) => a.nowLag - b.nowLag).map(([groupId]) => groupId);
    for (const { groupId, lag } of others) {
      if (this.#kept.size >= LIMITS.lagGroups) {
        const least = displaced.shift();
        if (least === undefined || this.#kept.get(least)!.nowLag >= lag) break;
        this.#kept.delete(least);
      }
      const kept = emptyOne();
      kept.lag[at] = kept.nowLag = lag;
      this.#kept.set(groupId, kept);
    }
    // Watched ones came in without asking for room.
    while (this.#kept.size > LIMITS.lagGroups && displaced.length > 0) {
      this.#kept.delete(displaced.shift()!);
    }
  }

  #keepPartitions({ partitions }: Kept, lags: PartitionLag[], at: number): void {
    const nameOf = ({ topic, partition }: PartitionLag) => `${topic}-${partition}`;
    const isKept = (one: PartitionLag) => partitions.has(nameOf(one)) ? 1 : 0;
    lags.sort((a, b) => b.lag - a.lag || isKept(b) - isKept(a));
    const chosen = lags.slice(0, LIMITS.lagPartitions), names = new Set(chosen.map(nameOf));
    for (const name of [...partitions.keys()]) if (!names.has(name)) partitions.delete(name);
    for (const one of chosen) {
      const name = nameOf(one), { topic, partition } = one;
      let kept = partitions.get(name);
      if (kept === undefined) partitions.set(name, kept = { topic, partition, lag: emptyColumn() });
      kept.lag[at] = one.lag;
    }
  }

  *#columns(): Generator<{ readonly lag: Column }> {
    for (const kept of this.#kept.values()) {
      yield kept;
      yield* kept.partitions.values();
    }
  }

  #forgetWatched(nowMs: number): void {
    for (const [groupId, askedMs] of this.#asked) {
      if (nowMs - askedMs > WATCHED_MS) this.#asked.delete(groupId);
    }
  }

  /** Where what is known stands, oldest first. */
  #inOrder(): number[] {
    return Array.from({ length: KEPT_STEPS }, (_, i) => (this.#next + i) % KEPT_STEPS)
      .filter((at) => !Number.isNaN(this.#atMs[at]));
  }
}

function emptyColumn(): Column {
  return new Float64Array(KEPT_STEPS).fill(NaN);
}

function emptyOne(): Kept {
  return { lag: emptyColumn(), nowLag: 0, partitions: new Map() };
}

/** Leaves those that are most behind. */
function cut<T extends { readonly lag: number }>(groups: T[]): T[] {
  groups.sort((a, b) => b.lag - a.lag);
  groups.length = Math.min(groups.length, LIMITS.lagGroups);
  return groups;
}
