/**
 * TxnIndex: a segment's `.txnindex`: the aborted transactions whose marker lies in the segment, so that consumers
 * that read committed data only can be told what to skip.
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 2 | version, 0 |
 * | 2 | 8 | producer id |
 * | 10 | 8 | first offset of the transaction |
 * | 18 | 8 | last offset: the marker's |
 * | 26 | 8 | last stable offset after it |
 *
 * In the order of last offsets. Most segments have none, and no file then. A file that is of no use is told by
 * `isDamaged`, and rebuilt from the log (txn_index_rebuild.ts).
 */
import { readInt16, readInt64, writeInt64 } from "../../bytes/int64.ts";
import { type Blob, type Store, StoreError } from "../store.ts";

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

const ENTRY_BYTES = 34;
const VERSION = 0;

export class TxnIndex {
  readonly path: string;
  readonly #store: Store;
  #blob: Blob | null = null;
  /** Read at the first look-up. */
  #entries: AbortedTransaction[] | null = null;
  /** Entries at the end of `#entries` that the file has not taken: the disk was full. */
  #unwritten = 0;
  #isDirty = false;

  constructor(store: Store, path: string) {
    this.#store = store;
    this.path = path;
  }

  get entries(): readonly AbortedTransaction[] {
    return this.#load();
  }

  /** Whether the file must be rebuilt from the log. */
  get isDamaged(): boolean {
    return this.#entries === null && this.sanityCheck() !== null;
  }

  /**
   * Adds a transaction. When the disk has no room for it, it is kept in memory until a later append or sync finds
   * some: the marker it belongs to may still be written, and consumers must be told either way.
   */
  append(transaction: AbortedTransaction): void {
    const last = this.#load().at(-1);
    if (last !== undefined && last.lastOffset >= transaction.lastOffset) {
      throw new RangeError(
        `Cannot add an aborted transaction that ends at ${transaction.lastOffset} to ${this.path}: ` +
          `it needs to end after ${last.lastOffset}`,
      );
    }
    this.#load().push(transaction);
    this.#unwritten++;
    try {
      this.#write();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /** Replaces whatever the file holds. */
  rewrite(transactions: readonly AbortedTransaction[]): void {
    const isNeeded = transactions.length > 0 || this.#blob !== null ||
      this.#store.readAll(this.path) !== null;
    this.#entries = [...transactions];
    this.#unwritten = transactions.length;
    if (!isNeeded) return;
    this.#blob?.close(); // it may be of a file that is not there any more
    this.#blob = null;
    this.#open().truncate(0);
    this.#isDirty = true;
    this.#write();
  }

  /**
   * Adds the transactions that reach into [fetchOffset, upperBound) to `into`. True when none in a later segment can:
   * everything before the bound was decided by then.
   */
  collect(fetchOffset: number, upperBound: number, into: AbortedTransaction[]): boolean {
    for (const transaction of this.#load()) {
      if (transaction.lastOffset >= fetchOffset && transaction.firstOffset < upperBound) {
        into.push(transaction);
      }
      if (transaction.lastStableOffset >= upperBound) return true;
    }
    return false;
  }

  /** Forgets transactions whose marker lies at or after `offset`. */
  truncateTo(offset: number): void {
    const entries = this.#load();
    const keep = entries.findIndex((transaction) => transaction.lastOffset >= offset);
    if (keep < 0) return;
    const written = Math.min(keep, entries.length - this.#unwritten);
    this.#open().truncate(written * ENTRY_BYTES);
    this.#unwritten = keep - written;
    this.#isDirty = true;
    entries.length = keep;
  }

  /** fdatasync, when anything was written since the last. Whether there was. */
  async sync(): Promise<boolean> {
    this.#write();
    if (!this.#isDirty) return false;
    this.#isDirty = false;
    await this.#open().sync();
    return true;
  }

  /** Drops what was read; the file has it. */
  unload(): void {
    if (this.#unwritten === 0) this.#entries = null;
  }

  close(): void {
    this.#blob?.close();
    this.#blob = null;
    this.#entries = null;
    this.#unwritten = 0;
  }

  /** Why the file must be rebuilt from the log, or null. */
  sanityCheck(): string | null {
    const entries = decode(this.#store.readAll(this.path) ?? new Uint8Array(0));
    return typeof entries === "string" ? `${this.path} is damaged: ${entries}` : null;
  }

  #load(): AbortedTransaction[] {
    if (this.#entries !== null) return this.#entries;
    const bytes = this.#store.readAll(this.path);
    const entries = bytes === null ? [] : decode(bytes);
    // Unlike the other indexes this one decides what consumers see: a part of it will not do.
    if (typeof entries === "string") {
      throw new StoreError(`${this.path} is damaged: ${entries}`, "io");
    }
    return this.#entries = entries;
  }

  /** Brings the file up to the entries. */
  #write(): void {
    if (this.#unwritten === 0) return;
    const blob = this.#open();
    for (const entry of this.#entries!.slice(-this.#unwritten)) {
      blob.append(encode(entry));
      this.#unwritten--;
      this.#isDirty = true;
    }
  }

  #open(): Blob {
    return this.#blob ??= this.#store.open(this.path);
  }
}

function encode(transaction: AbortedTransaction): Uint8Array {
  const b = new Uint8Array(ENTRY_BYTES); // begins with version 0
  writeInt64(b, 2, transaction.producerId);
  writeInt64(b, 10, transaction.firstOffset);
  writeInt64(b, 18, transaction.lastOffset);
  writeInt64(b, 26, transaction.lastStableOffset);
  return b;
}

/** The entries, or what is wrong with the bytes. */
function decode(b: Uint8Array): AbortedTransaction[] | string {
  if (b.length % ENTRY_BYTES !== 0) {
    return `it is ${b.length} bytes, needs a multiple of ${ENTRY_BYTES}`;
  }
  const entries: AbortedTransaction[] = [];
  for (let at = 0, before = -1; at < b.length; at += ENTRY_BYTES) {
    const version = readInt16(b, at);
    if (version !== VERSION) return `the version at ${at} is ${version}, needs ${VERSION}`;
    const entry = {
      producerId: readInt64(b, at + 2),
      firstOffset: readInt64(b, at + 10),
      lastOffset: readInt64(b, at + 18),
      lastStableOffset: readInt64(b, at + 26),
    };
    if (entry.lastOffset <= before) {
      return `the last offset at ${at} is ${entry.lastOffset}, needs more than ${before}`;
    }
    const { producerId, firstOffset, lastOffset, lastStableOffset } = entry;
    if (
      producerId < 0 || firstOffset < 0 || firstOffset >= lastOffset || lastStableOffset < 0 ||
      lastStableOffset > lastOffset + 1
    ) {
      return `the transaction at ${at} is of producer ${producerId}, from ${firstOffset} to ${lastOffset}, ` +
        `stable below ${lastStableOffset}`;
    }
    before = entry.lastOffset;
    entries.push(entry);
  }
  return entries;
}
