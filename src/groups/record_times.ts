/**
 * RecordTimes: when the log last spoke of a group's membership, and of offsets that are gone. Kept while a partition is
 * loaded, of the groups that may have records in two partitions, so that the newer record can win.
 */
import type { LogFact } from "./group.ts";

export class RecordTimes {
  readonly #concerns: (groupId: string) => boolean;
  readonly #memberships = new Map<string, number>();
  readonly #goneOffsets = new Map<string, number>();

  constructor(concerns: (groupId: string) => boolean) {
    this.#concerns = concerns;
  }

  note(groupId: string, fact: LogFact, timestampMs: number): void {
    if (fact.kind === "committed" || !this.#concerns(groupId)) return; // a commit has its time in itself
    if (fact.kind === "offsetGone") this.#goneOffsets.set(keyOf(groupId, fact), timestampMs);
    else this.#memberships.set(groupId, timestampMs);
  }

  /** The last record of the group itself, be it that it is gone; -Infinity when there was none. */
  membershipMs(groupId: string): number {
    return this.#memberships.get(groupId) ?? -Infinity;
  }

  /** The last record that took this offset away; -Infinity when there was none. */
  goneMs(groupId: string, offset: { readonly topic: string; readonly partition: number }): number {
    return this.#goneOffsets.get(keyOf(groupId, offset)) ?? -Infinity;
  }

  clear(): void {
    this.#memberships.clear();
    this.#goneOffsets.clear();
  }
}

function keyOf(
  groupId: string,
  { topic, partition }: { topic: string; partition: number },
): string {
  return JSON.stringify([groupId, topic, partition]);
}
