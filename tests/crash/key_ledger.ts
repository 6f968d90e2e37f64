/**
 * KeyLedger: what a compacted topic must say of each key. Compaction may take away any value of a key but the newest;
 * so the newest acknowledged one is there, or a newer one whose fate is not known; a key that was deleted stays deleted.
 *
 * Versions of a key count up in the order they are sent, and a version may be a tombstone. `judge` is fed a whole log in
 * the order of its offsets.
 */

/** A version of a key as a consumer sees it: null when it deletes the key. */
export interface SeenVersion {
  readonly key: string;
  readonly version: number;
  readonly isTombstone: boolean;
}

interface Key {
  sent: number;
  /** The newest version that was acknowledged, 0 for none. */
  acknowledged: number;
  readonly tombstones: Set<number>;
}

export class KeyLedger {
  readonly #keys = new Map<string, Key>();
  sent = 0;
  acknowledged = 0;

  /** Before it is sent; the version. */
  send(key: string, { isTombstone }: { isTombstone: boolean }): number {
    let known = this.#keys.get(key);
    if (!known) {
      this.#keys.set(key, known = { sent: 0, acknowledged: 0, tombstones: new Set() });
    }
    const version = ++known.sent;
    if (isTombstone) known.tombstones.add(version);
    this.sent++;
    return version;
  }

  acknowledge(key: string, version: number): void {
    const known = this.#keys.get(key)!;
    known.acknowledged = Math.max(known.acknowledged, version);
    this.acknowledged++;
  }

  /** By key, the newest version acknowledged so far: what a log that is read from now on must have. */
  mark(): ReadonlyMap<string, number> {
    return new Map([...this.#keys].map(([key, { acknowledged }]) => [key, acknowledged]));
  }

  complaints(log: readonly SeenVersion[], mark = this.mark()): string[] {
    const found: string[] = [];
    const last = new Map<string, number>();
    for (const { key, version, isTombstone } of log) {
      const known = this.#keys.get(key);
      if (known === undefined || version > known.sent || version < 1) {
        found.push(`${key} has version ${version}, which was never sent`);
        continue;
      }
      if (isTombstone !== known.tombstones.has(version)) {
        found.push(`${key} version ${version} ${isTombstone ? "became" : "was"} a tombstone`);
      }
      if (version <= (last.get(key) ?? 0)) {
        found.push(`${key} version ${version} comes after version ${last.get(key)}`);
      }
      last.set(key, version);
    }
    for (const [key, acknowledged] of mark) {
      const { sent, tombstones } = this.#keys.get(key)!;
      const version = last.get(key);
      if (version !== undefined && version >= acknowledged) continue;
      // A tombstone goes in the end; the last one acknowledged, or a later one of unknown fate.
      let mayBeGone = acknowledged === 0;
      for (let one = acknowledged; one <= sent && !mayBeGone; one++) {
        mayBeGone = tombstones.has(one);
      }
      if (version === undefined) {
        if (!mayBeGone) {
          found.push(`${key} version ${acknowledged} was acknowledged and is not there`);
        }
      } else {
        const what = tombstones.has(acknowledged) ? "deleted" : "replaced";
        found.push(`${key} is at version ${version}, which version ${acknowledged} has ${what}`);
      }
    }
    return found;
  }
}
