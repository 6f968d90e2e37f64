/**
 * Journal: how one cheap fdatasync keeps the writes of any number of partitions.
 *
 * fdatasync speaks of one file, so a round that touched a hundred partitions would cost a hundred of them. Instead
 * the bytes that a round wrote to the partitions' files (where they stay in the page cache) are written a second
 * time, one after the other, into one file that is synced once. Two files take turns, and are overwritten in place:
 * then the file system has no new size or block to record, and the sync costs half to a quarter of one that makes a
 * file grow. So it pays even for a round of one partition.
 *
 * The partitions' own files are synced behind: a partition that has much, now and then; all of them when a journal file
 * is full and before it is used again.
 *
 * After a crash recovery asks for what a partition's file does not hold (recovery/journal_copies.ts). After a
 * clean stop there is no journal, and a directory never needs one to be understood.
 *
 * One entry:
 *
 * | at | bytes | field |
 * |---|---|---|
 * | 0 | 4 | magic, 0x524e4a31 ("RNJ1") |
 * | 4 | 4 | CRC-32C of everything after it |
 * | 8 | 8 | sequence number, one more than the entry before |
 * | 16 | 16 | topic id |
 * | 32 | 8 | base offset of the segment |
 * | 40 | 8 | position in the segment's file |
 * | 48 | 4 | bytes of payload |
 * | 52 | 2 | bytes of folder name |
 * | 54 | 2 | zero |
 * | 56 | | folder name, payload |
 */
import { crc32c } from "../../bytes/crc32c.ts";
import {
  readInt16,
  readInt32,
  readInt64,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../../bytes/int64.ts";
import { readUuid, type Uuid, writeUuid } from "../../bytes/uuid.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { type InPlaceBlob, type Store, StoreError } from "../store.ts";

/** Bytes of a log that were written and are not kept yet: one stretch of one segment's file. */
export interface Unkept {
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly bytes: number;
  /** Copies the stretch into `into`. */
  read(into: Uint8Array): void;
  /** Says that it is kept now. */
  kept(): void;
}

/** An entry found after a crash. */
export interface JournalEntry {
  readonly sequence: number;
  readonly topicId: Uuid;
  readonly folder: string;
  readonly segmentBase: number;
  readonly position: number;
  readonly payload: Uint8Array;
}

/** A log whose own file must be synced before the journal forgets its entries. */
export interface Journaled {
  sync(): Promise<void>;
}

export interface JournalOptions {
  readonly store: Store;
  /** Bytes of one journal file. */
  readonly fileBytes: number;
  /** A sync behind that failed: as final as any other. */
  readonly onFailure: (error: unknown) => void;
  /** What syncs are timed with; the system's unless given. */
  readonly clock?: Clock;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #files: [JournalFile, JournalFile];
  #current = 0;
  #sequence: number;
  /** Whether the files' names survive power loss. */
  #isNamed = false;
  #isSyncingBehind = false;
  /** Full files whose logs are being synced. */
  #turning = 0;
  /** Whether a round waits for a file to write to. */
  #isWaiting = false;
  /** Syncs in place that took long, since the last one that did not. */
  #slowInARow = 0;
  /** Until when the device counts as slow. */
  #slowUntilMs = 0;
  /** Grows to what a round takes. */
  #scratch = new Uint8Array(1 << 16);

  private constructor(options: JournalOptions, sequence: number) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sequence = sequence;
    this.#files = [new JournalFile(options.store, 0), new JournalFile(options.store, 1)];
  }

  /** Opens the journal of a store; `leftOver` entries have been redone and their logs synced. */
  static open(options: JournalOptions, leftOver: readonly JournalEntry[]): Journal {
    return new Journal(options, (leftOver.at(-1)?.sequence ?? 0) + 1);
  }

  /** The largest round that the journal takes; larger ones had better sync the logs themselves. */
  get maxRoundBytes(): number {
    return this.#options.fileBytes >> 2;
  }

  /** Whether a round waits for a file. None may begin meanwhile: it would come before this one in the chain. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /**
   * Keeps all stretches with one write and one fdatasync; MAX_ROUNDS of them at a time, each with what came after the
   * one before. Only when all before it are kept may a round be called kept: a chain of entries ends at its first gap.
   * False, with nothing kept, when they cannot be written: a full disk has no room for the second copy, but syncing the
   * logs themselves needs none.
   */
  async keep(stretches: readonly { log: Journaled; unkept: Unkept }[]): Promise<boolean> {
    const sequence = this.#sequence;
    const bytes = this.#encode(stretches);
    if (this.#files[this.#current].end + bytes > this.#options.fileBytes) {
      this.#isWaiting = true;
      await this.#turn();
      this.#isWaiting = false;
    }
    const file = this.#files[this.#current], handle = file.freeHandle();
    try {
      file.append(handle, this.#scratch.subarray(0, bytes), this.#options.fileBytes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#sequence = sequence; // the chain has no gap
      return false;
    }
    for (const { log, unkept } of stretches) this.#owe(file, log, unkept.bytes);
    await this.#sync(file, handle, bytes);
    if (!this.#isNamed) {
      await this.#options.store.syncFolder("");
      this.#isNamed = true;
    }
    return true;
  }

  /**
   * Notes what a log's own file owes to the device. Much of it is synced early, one log at a time: all at the turn would
   * keep the device busy for so long that rounds wait.
   */
  #owe(file: JournalFile, log: Journaled, bytes: number): void {
    const owed = (file.logs.get(log) ?? 0) + bytes;
    const isMuch = owed >= SYNC_BEHIND_BYTES && !this.#isSyncingBehind;
    file.logs.set(log, isMuch ? 0 : owed);
    if (!isMuch) return;
    this.#isSyncingBehind = true;
    log.sync().then(() => this.#isSyncingBehind = false).catch(this.#options.onFailure);
  }

  /**
   * A little is synced on this thread while the device answers quickly: in 0.1 ms, which handing over to a thread and
   * back takes as well, and several times that when other programs keep the cores busy. Through the thread pool, so that
   * nobody else waits for the device: when it is slow, after a stall, and while logs or another round are synced.
   */
  #sync(file: JournalFile, handle: Handle, bytes: number): Promise<void> | void {
    const beganMs = this.#clock.monotonicMs();
    const isBusy = this.#isSyncingBehind || this.#turning > 0 || beganMs < this.#slowUntilMs;
    if (bytes > MAX_BYTES_IN_PLACE || isBusy || file.isSyncing) {
      handle.isSyncing = true;
      return handle.blob.sync().finally(() => handle.isSyncing = false);
    }
    const done = handle.blob.syncInPlace();
    const endedMs = this.#clock.monotonicMs();
    this.#judge(endedMs - beganMs, endedMs);
    return done;
  }

  /** One slow answer may be the fault of busy cores, where a thread would make it worse; many in a row are the device's. */
  #judge(tookMs: number, nowMs: number): void {
    this.#slowInARow = tookMs > SLOW_SYNC_MS ? this.#slowInARow + 1 : 0;
    if (this.#slowInARow >= SLOW_SYNCS) this.#slowUntilMs = nowMs + SLOW_REST * tookMs;
    else if (tookMs > STALL_MS) this.#slowUntilMs = nowMs + STALL_REST * tookMs;
  }

  /** After a clean stop nothing is left to redo: removes the files. */
  async remove(): Promise<void> {
    for (const file of this.#files) await file.emptied;
    for (const file of this.#files) file.close();
    for (const name of JOURNAL_FILES) this.#options.store.remove(name);
    await this.#options.store.syncFolder("");
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  /** Takes the other file, once what it held has reached the partitions' own files. */
  async #turn(): Promise<void> {
    const full = this.#files[this.#current];
    this.#turning++;
    full.emptied = syncAll(full.logs.keys()).then(() => {
      this.#turning--;
      full.logs.clear();
      full.end = 0;
    });
    full.emptied.catch(this.#options.onFailure);
    this.#current = 1 - this.#current;
    await this.#files[this.#current].emptied;
  }

  /** Puts the stretches into the scratch buffer as entries; the bytes they take. */
  #encode(stretches: readonly { unkept: Unkept }[]): number {
    let need = 0;
    for (const { unkept } of stretches) {
      need += HEADER_BYTES + unkept.folder.length * 3 + unkept.bytes;
    }
    if (need > this.#scratch.length) this.#scratch = new Uint8Array(need * 2);
    const b = this.#scratch;
    let at = 0;
    for (const { unkept } of stretches) {
      if (unkept.bytes === 0) continue; // a sync of the log has overtaken it
      const name = encoder.encodeInto(unkept.folder, b.subarray(at + HEADER_BYTES)).written;
      const payloadAt = at + HEADER_BYTES + name, end = payloadAt + unkept.bytes;
      unkept.read(b.subarray(payloadAt, end));
      writeInt32(b, at, MAGIC);
      writeInt64(b, at + 8, this.#sequence++);
      writeUuid(b, at + 16, unkept.topicId);
      writeInt64(b, at + 32, unkept.segmentBase);
      writeInt64(b, at + 40, unkept.position);
      writeInt32(b, at + 48, unkept.bytes);
      writeInt16(b, at + 52, name);
      writeInt16(b, at + 54, 0);
      writeInt32(b, at + 4, crc32c(b, at + 8, end));
      at = end;
    }
    return at;
  }
}

/** The entries that a crash left behind, in the order they were written. */
export function readJournal(store: Store): JournalEntry[] {
  const chains = JOURNAL_FILES.map((name) => entriesIn(store.readAll(name) ?? new Uint8Array(0)));
  chains.sort((a, b) => (a[0]?.sequence ?? 0) - (b[0]?.sequence ?? 0));
  return chains.flat();
}

/** An open journal file. It takes one call at a time, so that a round is written through one while another one syncs. */
interface Handle {
  readonly blob: InPlaceBlob;
  isSyncing: boolean;
}

class JournalFile {
  readonly #handles: readonly Handle[];
  /** Logs with entries here that their own files may not have on the device yet, and the bytes of them. */
  readonly logs = new Map<Journaled, number>();
  /** Resolved when the file may be overwritten. */
  emptied: Promise<void> = Promise.resolve();
  end = 0;
  /** The file had bytes up to here before, so that writing there changes neither its size nor its blocks. */
  #prepared = 0;

  constructor(store: Store, which: number) {
    this.#handles = Array.from({ length: MAX_ROUNDS }, () => ({
      blob: store.openInPlace(JOURNAL_FILES[which]),
      isSyncing: false,
    }));
  }

  /** Whether a thread is at a sync. */
  get isSyncing(): boolean {
    return this.#handles.some(({ isSyncing }) => isSyncing);
  }

  /** A handle that is not at work. */
  freeHandle(): Handle {
    return this.#handles.find(({ isSyncing }) => !isSyncing)!;
  }

  close(): void {
    for (const { blob } of this.#handles) blob.close();
  }

  /** Writes behind the last entry; the first time around with zeros behind it, which later entries overwrite. */
  append({ blob }: Handle, bytes: Uint8Array, fileBytes: number): void {
    const end = this.end + bytes.length;
    blob.write(this.end, bytes);
    if (end > this.#prepared) {
      const prepared = Math.min(end + ZEROS.length, Math.max(end, fileBytes));
      if (prepared > end) blob.write(end, ZEROS.subarray(0, prepared - end));
      this.#prepared = prepared;
    }
    this.end = end;
  }
}

/**
 * Takes entries out of the journal of a stopped broker, so that no start puts back what was cut on purpose. The others stay
 * what they were: an entry taken out keeps its place in the chain, under a topic id that nothing has.
 */
export async function voidEntries(
  store: Store,
  isVoid: (entry: JournalEntry) => boolean,
): Promise<void> {
  for (const name of JOURNAL_FILES) {
    const b = store.readAll(name)?.slice();
    const found = b === undefined ? [] : entriesIn(b).filter(isVoid);
    for (const { folder, payload } of found) {
      const end = payload.byteOffset + payload.length;
      const at = payload.byteOffset - encoder.encode(folder).length - HEADER_BYTES;
      b!.fill(0, at + 16, at + 32);
      writeInt32(b!, at + 4, crc32c(b!, at + 8, end));
    }
    if (found.length > 0) await store.replace(name, b!);
  }
}

/** The unbroken chain of entries from the start of a file; what an earlier turn left behind it has older numbers. */
function entriesIn(b: Uint8Array): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let at = 0; at + HEADER_BYTES <= b.length;) {
    const payloadBytes = readInt32(b, at + 48), nameBytes = readInt16(b, at + 52);
    const payloadAt = at + HEADER_BYTES + nameBytes, end = payloadAt + payloadBytes;
    if (readInt32(b, at) !== MAGIC || payloadBytes < 0 || nameBytes < 0 || end > b.length) break;
    if (crc32c(b, at + 8, end) !== readInt32(b, at + 4) >>> 0) break;
    const sequence = readInt64(b, at + 8);
    if (entries.length > 0 && sequence !== entries[entries.length - 1].sequence + 1) break;
    entries.push({
      sequence,
      topicId: readUuid(b, at + 16),
      folder: decoder.decode(b.subarray(at + HEADER_BYTES, payloadAt)),
      segmentBase: readInt64(b, at + 32),
      position: readInt64(b, at + 40),
      payload: b.subarray(payloadAt, end),
    });
    at = end;
  }
  return entries;
}

async function syncAll(logs: Iterable<Journaled>): Promise<void> {
  for (const log of [...logs]) await log.sync(); // one at a time: it is behind, and must not be in the way
}

/** Rounds that may be on their way at a time: with two the device is busy while one is written; three gained nothing. */
export const MAX_ROUNDS = 2;
export const JOURNAL_FILES = ["runnel-journal-0", "runnel-journal-1"];
const MAGIC = 0x524e4a31;
const HEADER_BYTES = 56;
/** A log with so much in the current file has its own file synced. */
const SYNC_BEHIND_BYTES = 2 << 20;
/** With more than this the thread pool's overlap is worth more. */
const MAX_BYTES_IN_PLACE = 96 << 10;
/** So many syncs of more than so long, one after the other, and the device is left to threads for so many times as long. */
const SLOW_SYNCS = 8, SLOW_SYNC_MS = 1, SLOW_REST = 20;
/** The same after a single one that took very long. */
const STALL_MS = 4, STALL_REST = 5;
/** How far a file is prepared for the entries to come. */
const ZEROS = new Uint8Array(1 << 20);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
