/**
 * TimeIndex: a segment's `.timeindex`: from a timestamp to an offset before which every record is older.
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 8 | the largest timestamp in the segment so far, ms |
 * | 8 | 4 | an offset that has it, relative to the segment's base offset |
 *
 * Timestamps ascend strictly, offsets never fall. Searching by time starts at the entry and reads on.
 */
import { readInt32, readInt64, writeInt32, writeInt64 } from "../../bytes/int64.ts";
import { IndexEntries } from "./index_entries.ts";
import type { Store } from "../store.ts";

const ENTRY_BYTES = 12;
const MAX_RELATIVE = 2 ** 31 - 1;

export class TimeIndex {
  readonly baseOffset: number;
  readonly #entries: IndexEntries;

  constructor(store: Store, path: string, baseOffset: number) {
    this.baseOffset = baseOffset;
    this.#entries = new IndexEntries(store, path, ENTRY_BYTES, follows);
  }

  get path(): string {
    return this.#entries.path;
  }

  /** Why the blob lost entries when it was read, or null. */
  get damage(): string | null {
    return this.#entries.damage;
  }

  get entryCount(): number {
    return this.#entries.count;
  }

  timestampOf(entry: number): number {
    return this.#entries.get(entry, timestampAt);
  }

  offsetOf(entry: number): number {
    return this.baseOffset + this.#entries.get(entry, relativeAt);
  }

  /** The last entry that is not after `timestampMs`; -1 when there is none. */
  entryBefore(timestampMs: number): number {
    return this.#entries.floor(timestampMs, timestampAt);
  }

  /** -1 when there is no entry. */
  get lastTimestampMs(): number {
    const count = this.#entries.count;
    return count === 0 ? -1 : this.#entries.get(count - 1, timestampAt);
  }

  /** The base offset when there is no entry. */
  get lastOffset(): number {
    const count = this.#entries.count;
    return this.baseOffset + (count === 0 ? 0 : this.#entries.get(count - 1, relativeAt));
  }

  /** Adds an entry if the timestamp is larger than the last one, as Kafka's TimeIndex.maybeAppend. */
  maybeAppend(timestampMs: number, offset: number): void {
    if (timestampMs <= this.lastTimestampMs) return;
    const relative = offset - this.baseOffset;
    if (offset < this.lastOffset || relative > MAX_RELATIVE) {
      throw new RangeError(
        `Cannot index offset ${offset} in ${this.#entries.path}: it needs to be at least ${this.lastOffset} ` +
          `and at most ${this.baseOffset + MAX_RELATIVE}`,
      );
    }
    const at = this.#entries.add();
    writeInt64(this.#entries.tail, at, timestampMs);
    writeInt32(this.#entries.tail, at + 8, relative);
  }

  /** Forgets every entry at or after `offset`. */
  truncateTo(offset: number): void {
    this.#entries.truncate(this.#entries.floor(offset - 1 - this.baseOffset, relativeAt) + 1);
  }

  clear(): void {
    this.#entries.truncate(0);
  }

  /** Writes the entries that are only in memory. */
  flush(): void {
    this.#entries.flush();
  }

  /** Makes the blob when there is none. */
  create(): void {
    this.#entries.create();
  }

  /** fdatasync of what was written. */
  sync(): Promise<void> {
    return this.#entries.sync();
  }

  /** Reads all entries ahead of the first look-up. */
  load(): void {
    this.#entries.load();
  }

  /** Drops what load() or a look-up read; the blob has it. */
  unload(): void {
    this.#entries.unload();
  }

  /** Closes without writing. */
  close(): void {
    this.#entries.close();
  }

  /** Why the blob must be rebuilt, or null. Entries only in memory are not looked at. */
  sanityCheck(): string | null {
    return this.#entries.sanityCheck();
  }
}

const timestampAt = readInt64;
const relativeAt = (bytes: Uint8Array, at: number) => readInt32(bytes, at + 8);

function follows(bytes: Uint8Array, before: number, at: number): boolean {
  const timestamp = timestampAt(bytes, at), relative = relativeAt(bytes, at);
  if (before < 0) return timestamp >= 0 && relative >= 0;
  return timestamp > timestampAt(bytes, before) && relative >= relativeAt(bytes, before);
}
