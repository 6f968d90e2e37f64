/**
 * Inode: what a file holds on the device, while its reader sees what was written: which part of it a power loss may
 * take, tear or bring back. The model behind FaultyStore.crash().
 *
 * | written, not synced | after a power loss |
 * |---|---|
 * | bytes appended | there, gone, cut anywhere, zero, or each page for itself; also those of a write on its way |
 * | bytes overwritten in place | each sector old or new |
 * | a cut | there, or undone with everything that was written after it |
 */

/** What becomes of bytes that were not synced. */
export type Unsynced = "lost" | "kept" | "torn" | "zeros" | "pages" | "mixed";

/** How a power loss treats content. */
export interface ContentFate {
  /**
   * - "lost", "kept": as the word says.
   * - "torn": cut anywhere.
   * - "zeros": the length kept and the content zero from anywhere on, as file systems do that write the size first.
   * - "pages": cut anywhere, and each page before that is there or zero: a later one kept while an earlier one is not.
   * - "mixed": every file one of these.
   */
  readonly unsynced: Unsynced;
  /** What becomes of cuts that were not synced: there unless given. */
  readonly cuts?: "kept" | "lost" | "mixed";
  /** From 0 to below 1; seeded by the test, so that a failure can be replayed. Without it nothing on its way has begun. */
  readonly random?: () => number;
}

/** A sync on its way: what it makes durable is what was there when it began. */
export interface Syncing {
  bytes: number;
  readonly cut: Cut | null;
  /** Overwritten sectors as they were when it began. */
  readonly sectors: ReadonlyMap<number, { content: Uint8Array; version: number }>;
}

/** Durable bytes that were cut off, and whose cut is not durable. */
interface Cut {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** A sector that was overwritten in place. Versions count the writes to the file. */
interface Overwritten {
  /** What the device has, and the last write that is in it. */
  readonly old: Uint8Array;
  readonly oldVersion: number;
  readonly version: number;
}

/** What a path names: content that outlives renames. */
export class Inode {
  /** Of the content, as many bytes survive a crash. */
  syncedBytes: number;
  readonly #syncs = new Set<Syncing>();
  #cut: Cut | null = null;
  /** Sectors overwritten in place since they were synced: what the device has in their place. */
  readonly #overwritten = new Map<number, Overwritten>();
  #version = 0;
  /** Bytes that a thread is writing behind the content. */
  writing: Uint8Array | null = null;
  /** The content, once no live path leads to it any more. */
  ghost: Uint8Array | null = null;

  constructor(syncedBytes: number) {
    this.syncedBytes = syncedBytes;
  }

  /** A sync begins; `read` gives the content of a sector. */
  beginSync(bytes: number, read: (position: number) => Uint8Array): Syncing {
    const sectors = new Map<number, { content: Uint8Array; version: number }>();
    for (const [sector, { version }] of this.#overwritten) {
      sectors.set(sector, { content: read(sector * SECTOR_BYTES), version });
    }
    const sync: Syncing = { bytes, cut: this.#cut, sectors };
    this.#syncs.add(sync);
    return sync;
  }

  /** It is over: what it saw is durable. */
  endSync(sync: Syncing): void {
    this.#syncs.delete(sync);
    if (this.#cut === sync.cut) this.#cut = null;
    this.syncedBytes = Math.max(this.syncedBytes, sync.bytes);
    for (const [sector, { content, version }] of sync.sectors) {
      const now = this.#overwritten.get(sector);
      if (now === undefined || version <= now.oldVersion) continue; // a later sync has ended before
      if (now.version === version) this.#overwritten.delete(sector);
      else this.#overwritten.set(sector, { ...now, old: content, oldVersion: version });
    }
  }

  /** It failed or lied: nothing that it saw is durable. */
  dropSync(sync: Syncing): void {
    this.#syncs.delete(sync);
  }

  /** Whoever waited for the syncs is gone: the device has ended them, or not. */
  abandonSyncs(random: () => number): void {
    for (const sync of this.#syncs) {
      if (random() < 0.5) this.endSync(sync);
    }
    this.#syncs.clear();
  }

  /** The content is about to be cut; `read` gives what lies between the two positions. */
  cutTo(size: number, read: (from: number, to: number) => Uint8Array): void {
    if (size < this.syncedBytes) {
      const gone = read(size, this.syncedBytes), before = this.#cut;
      const bytes = before === null ? gone : joined(gone, before.bytes);
      this.#cut = { from: size, bytes };
      this.syncedBytes = size;
    }
    for (const sync of this.#syncs) sync.bytes = Math.min(sync.bytes, size);
  }

  /** Bytes are about to be written in place; `read` gives the content of a sector. */
  overwrite(position: number, length: number, read: (position: number) => Uint8Array): void {
    const before = this.#version++;
    const first = Math.floor(position / SECTOR_BYTES);
    for (let sector = first; sector * SECTOR_BYTES < position + length; sector++) {
      if (sector * SECTOR_BYTES >= this.#durableSoon()) break; // not on the device yet
      const { old, oldVersion } = this.#overwritten.get(sector) ??
        { old: read(sector * SECTOR_BYTES), oldVersion: before };
      this.#overwritten.set(sector, { old, oldVersion, version: this.#version });
    }
  }

  /** As many bytes as survive once the syncs on their way have ended. */
  #durableSoon(): number {
    let bytes = this.syncedBytes;
    for (const sync of this.#syncs) bytes = Math.max(bytes, sync.bytes);
    return bytes;
  }

  /** What a power loss leaves of `content`, which is what was written so far. */
  survivors(content: Uint8Array, fate: ContentFate): Uint8Array {
    const { random } = fate;
    const unsynced = fate.unsynced === "mixed" ? pick(FATES, random) : fate.unsynced;
    if (this.#cut !== null && isUndone(fate)) {
      return joined(content.subarray(0, this.#cut.from), this.#cut.bytes);
    }
    const written = withFlying(content, this.writing, random);
    let synced = Math.min(this.syncedBytes, written.length);
    for (const sync of this.#syncs) { // it has done any part of its work
      const more = Math.min(sync.bytes, written.length) - synced;
      if (more > 0 && random !== undefined) synced += Math.floor(random() * (more + 1));
    }
    const left = survivingBytes(written, synced, unsynced, random ?? half);
    for (const [sector, { old }] of this.#overwritten) {
      const isNew = unsynced === "kept" || unsynced !== "lost" && (random ?? half)() >= 0.5;
      const at = sector * SECTOR_BYTES;
      if (!isNew) left.set(old.subarray(0, Math.max(0, left.length - at)), at);
    }
    return left;
  }
}

const FATES = ["lost", "kept", "torn", "zeros", "pages"] as const;
const half = () => 0.5;

function isUndone({ cuts = "kept", random = half }: ContentFate): boolean {
  return cuts === "lost" || cuts === "mixed" && random() < 0.5;
}

/** The content with what a thread was writing: nothing, all or a part of it. */
export function withFlying(
  content: Uint8Array,
  flying: Uint8Array | null,
  random: (() => number) | undefined,
): Uint8Array {
  if (flying === null || random === undefined) return content;
  const choice = random();
  if (choice < 0.25) return content;
  const bytes = choice < 0.5 ? flying.length : Math.floor(random() * (flying.length + 1));
  return joined(content, flying.subarray(0, bytes));
}

function survivingBytes(
  content: Uint8Array,
  syncedBytes: number,
  unsynced: typeof FATES[number],
  random: () => number,
): Uint8Array {
  if (unsynced === "kept") return content.slice();
  if (unsynced === "lost") return content.slice(0, syncedBytes);
  const kept = syncedBytes + Math.floor(random() * (content.length - syncedBytes + 1));
  if (unsynced === "torn") return content.slice(0, kept);
  if (unsynced === "zeros") return content.slice().fill(0, kept);
  const left = content.slice(0, kept);
  for (let at = syncedBytes; at < kept;) {
    const end = Math.min(kept, (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES);
    if (random() < 0.5) left.fill(0, at, end);
    at = end;
  }
  return left;
}

function pick<T>(from: readonly T[], random: () => number = half): T {
  return from[Math.floor(random() * from.length)];
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

export const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;
