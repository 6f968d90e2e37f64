/**
 * OffsetIndex: a segment's `.index`: from an offset to the position of a batch that is not after it. Sparse: the
 * log is read on from there.
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 4 | offset, relative to the segment's base offset |
 * | 4 | 4 | position in the log |
 *
 * Both ascend strictly. The offset is that of the last record of the batch at the position, as Kafka's OffsetIndex has it.
 */
import { readInt32, writeInt32 } from "../../bytes/int64.ts";
import { IndexEntries } from "./index_entries.ts";
import type { Store } from "../store.ts";

const ENTRY_BYTES = 8;
const MAX_RELATIVE = 2 ** 31 - 1;

export class OffsetIndex {
  readonly baseOffset: number;
  /** The offset of the entry that the last lookup() found; -1 when it found none. */
  foundOffset = -1;
  readonly #entries: IndexEntries;
  /** The last entry, so that append() and a look-up at the end need not ask; -1 until known. */
  #lastRelative = -1;

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

  /** The base offset when there is no entry. */
  get lastOffset(): number {
    return this.baseOffset + Math.max(0, this.#last());
  }

  /** Position of the last entry; 0 when there is none. */
  get lastPosition(): number {
    const count = this.#entries.count;
    return count === 0 ? 0 : this.#entries.get(count - 1, positionAt);
  }

  append(offset: number, position: number): void {
    const relative = offset - this.baseOffset;
    if (
      relative < 0 || relative > MAX_RELATIVE || this.entryCount > 0 && relative <= this.#last()
    ) {
      throw new RangeError(
        `Cannot index offset ${offset} in ${this.#entries.path}: it needs to be above ${this.lastOffset} ` +
          `and at most ${this.baseOffset + MAX_RELATIVE}`,
      );
    }
    const at = this.#entries.add();
    writeInt32(this.#entries.tail, at, relative);
    writeInt32(this.#entries.tail, at + 4, position);
    this.#lastRelative = relative;
  }

  /** The position to look for `offset` from: that of the last entry not after it; 0 when there is none. */
  lookup(offset: number): number {
    const found = this.#entries.floor(offset - this.baseOffset, relativeAt);
    if (found < 0) {
      this.foundOffset = -1;
      return 0;
    }
    this.foundOffset = this.baseOffset + this.#entries.get(found, relativeAt);
    return this.#entries.get(found, positionAt);
  }

  /** A position that `offset` does not lie behind: that of the first entry after it; Infinity when there is none. */
  positionAfter(offset: number): number {
    const next = this.#entries.floor(offset - this.baseOffset, relativeAt) + 1;
    return next < this.#entries.count ? this.#entries.get(next, positionAt) : Infinity;
  }

  /** The offset of the entry with the largest position not above `position`; -1 when there is none. */
  offsetBefore(position: number): number {
    const found = this.#entries.floor(position, positionAt);
    return found < 0 ? -1 : this.baseOffset + this.#entries.get(found, relativeAt);
  }

  /** Forgets every entry at or after `offset`. */
  truncateTo(offset: number): void {
    this.#entries.truncate(this.#entries.floor(offset - 1 - this.baseOffset, relativeAt) + 1);
    this.#lastRelative = -1;
  }

  clear(): void {
    this.#entries.truncate(0);
    this.#lastRelative = -1;
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
    this.#lastRelative = -1;
  }

  /** Why the blob must be rebuilt from a log of `logBytes` bytes, or null. Entries only in memory are not looked at. */
  sanityCheck(logBytes = Infinity): string | null {
    const reason = this.#entries.sanityCheck();
    if (reason !== null || this.lastPosition < logBytes || this.entryCount === 0) return reason;
    return `${this.#entries.path} points at ${this.lastPosition}, past the log's ${logBytes} bytes`;
  }

  /** The last relative offset, -1 when there is no entry. */
  #last(): number {
    if (this.#lastRelative >= 0) return this.#lastRelative;
    const count = this.#entries.count;
    return this.#lastRelative = count === 0 ? -1 : this.#entries.get(count - 1, relativeAt);
  }
}

const relativeAt = readInt32;
const positionAt = (bytes: Uint8Array, at: number) => readInt32(bytes, at + 4);

function follows(bytes: Uint8Array, before: number, at: number): boolean {
  const relative = relativeAt(bytes, at), position = positionAt(bytes, at);
  if (before < 0) return relative >= 0 && position >= 0;
  return relative > relativeAt(bytes, before) && position > positionAt(bytes, before);
}
