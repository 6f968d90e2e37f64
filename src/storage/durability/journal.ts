/**
 * Journal: how one cheap fdatasync makes the writes of any number of partitions durable.
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
 * After a crash recovery asks for what a partition's file does not hold; the files of that run are not written to
 * again (journal_entries.ts). After a clean stop there is no journal, and a directory never needs one to be understood.
 */
import { type Clock, systemClock } from "../../clock.ts";
import { type Store, StoreError } from "../store.ts";
import {
  freeNames,
  type JournalLeft,
  markOf,
  NOTHING_LEFT,
  type Stretch,
  syncFiles,
} from "./journal_entries.ts";
import { type EntrySource, maxEntryBytes, newSecret, writeEntry } from "./journal_entry.ts";
import { closeEntry, type FileEnd, headEntry, type JournalHead } from "./journal_head.ts";
import { type Handle, type Journaled, JournalFile } from "./journal_file.ts";

export interface JournalOptions {
  readonly store: Store;
  /** Bytes of one journal file. */
  readonly fileBytes: number;
  /** The broker epoch, which no other run has; 0 unless given. */
  readonly run?: number;
  /** A sync behind that failed: as final as any other. */
  readonly onFailure: (error: unknown) => void;
  /** What syncs are timed with; the system's unless given. */
  readonly clock?: Clock;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #secret = newSecret();
  readonly #files: [JournalFile, JournalFile];
  /** Files left as they are, for what logs that were retired have there alone. */
  readonly #putBy: JournalFile[] = [];
  #current = 0;
  #sequence: number;
  /** Entries before it are on the device. */
  #durableTo: number;
  /** Files that were begun before the current one. */
  #turn = 0;
  /** Whether it is not known of every log what the run before had acknowledged. */
  #isUnsettled: boolean;
  /** Files of earlier runs that a start would need too. */
  #reliesOn: readonly FileEnd[];
  /** Marks that could not be written. */
  readonly #gaps = new Map<Journaled, EntrySource>();
  /** Whether the file before the current one has no close. */
  #isUnclosed = false;
  /** The last file that was given a head, and what that says; null before the first. */
  #headed: { readonly file: JournalFile; said: JournalHead } | null = null;
  /** Resolves when the head says what it was to say last. */
  #telling: Promise<void> = Promise.resolve();
  /** Whether the files' names survive power loss. */
  #isNamed = false;
  #isSyncingBehind = false;
  /** Full files whose logs are being synced. */
  #turning = 0;
  /** While rounds wait for a file to write to. */
  #makingRoom: Promise<void> | null = null;
  /** Resolves when all that has been written is durable. */
  #chain: Promise<void> = Promise.resolve();
  /** Syncs in place that took long, since the last one that did not. */
  #slowInARow = 0;
  /** Until when the device counts as slow. */
  #slowUntilMs = 0;
  /** Grows to what a round takes. */
  #scratch = new Uint8Array(1 << 16);

  private constructor(options: JournalOptions, left: Left) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sequence = this.#durableTo = left.lastSequence + 1;
    this.#isUnsettled = left.unknown !== null;
    this.#reliesOn = left.files.length === 0 ? NO_FILES : left.files;
    const [one, other] = freeNames(options.store, 2);
    this.#files = [new JournalFile(options.store, one), new JournalFile(options.store, other)];
  }

  /** Opens a journal of its own beside what an earlier run left; its entries follow those. */
  static open(options: JournalOptions, left: Left = NOTHING_LEFT): Journal {
    return new Journal(options, left);
  }

  /**
   * Begins the current file with its head, which is on the device when this resolves: so that a file without one never
   * had anything acknowledged. False, with nothing done, when it cannot be written. The first round does it too.
   */
  async begin(): Promise<boolean> {
    const file = this.#files[this.#current];
    if (file.end > 0) return true;
    if (this.#headed === null && !await this.#syncRelied()) return false;
    file.turn = this.#turn;
    const said = this.#headOf(file);
    if (!await this.#putAlone(file, headEntry(said), this.#sequence)) return false;
    this.#headed = { file, said };
    file.headSequence = this.#sequence++;
    this.#durableTo = this.#sequence;
    if (!this.#isNamed) {
      await this.#options.store.syncFolder("");
      this.#isNamed = true;
    }
    await this.#tell(); // what may have changed meanwhile
    return true;
  }

  /** Has the files of earlier runs on the device as they were read; whether that could be done. */
  async #syncRelied(): Promise<boolean> {
    try {
      await syncFiles(this.#options.store, this.#reliesOn);
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  }

  /** The largest round that the journal takes; larger ones had better sync the logs themselves. */
  get maxRoundBytes(): number {
    return this.#options.fileBytes >> 2;
  }

  /** Whether a round waits for a file. None may begin meanwhile: it would come before this one in the chain. */
  get isWaiting(): boolean {
    return this.#makingRoom !== null;
  }

  /**
   * Makes all stretches durable with one write and one fdatasync; MAX_ROUNDS of them at a time, each with what came after
   * the one before. Only when all before it are durable may a round be called so: a chain of entries ends at its first
   * gap. False, with nothing done, when they cannot be written, or not be read again: a full disk has no room for the
   * second copy, but syncing the logs themselves needs none.
   */
  append(
    taken: readonly { log: Journaled; stretch: EntrySource }[],
  ): Promise<boolean> {
    return this.#gaps.size > 0 ? this.#appendWithGaps(taken) : this.#append(taken);
  }

  /** Writes once more what could not be written before, and takes back what the head says of it. */
  async #appendWithGaps(
    taken: readonly { log: Journaled; stretch: EntrySource }[],
  ): Promise<boolean> {
    for (const log of this.#gaps.keys()) if (log.isGone) this.#gaps.delete(log);
    const gaps = [...this.#gaps].map(([log, stretch]) => ({ log, stretch }));
    if (!await this.#append([...gaps, ...taken])) return false;
    for (const { log, stretch } of gaps) {
      if (this.#gaps.get(log) === stretch) this.#gaps.delete(log);
    }
    await this.#tell();
    return true;
  }

  async #append(
    taken: readonly { log: Journaled; stretch: EntrySource }[],
  ): Promise<boolean> {
    const stretches = taken.map(({ stretch }) => stretch);
    for (let i = 0; i < 2 && !this.#hasRoom(stretches); i++) await this.#makeRoomOnce();
    if (this.#files[this.#current].end === 0) return false;
    const file = this.#files[this.#current], handle = file.freeHandle();
    const bytes = this.#write(file, handle, stretches);
    if (bytes === null) return false;
    for (const { log, stretch } of taken) this.#owe(file, log, stretch);
    const sequence = this.#sequence;
    // What lies before it in the chain may belong to a round that began later.
    const synced = Promise.all([this.#sync(file, handle, bytes), this.#chain]);
    this.#chain = synced.then(() => {});
    this.#chain.catch(() => {}); // whoever waits for it has the error
    await synced;
    this.#durableTo = Math.max(this.#durableTo, sequence);
    return true;
  }

  #hasRoom(stretches: readonly EntrySource[]): boolean {
    const { end } = this.#files[this.#current];
    return this.#makingRoom === null && end > 0 && end + bytesOf(stretches) <= this.#limitBytes;
  }

  /** One at a time: rounds that were under way when it began wait for the same. */
  #makeRoomOnce(): Promise<void> {
    return this.#makingRoom ??= this.#makeRoom().finally(() => this.#makingRoom = null);
  }

  /** Begins the current file, or, once that is full, the other. */
  async #makeRoom(): Promise<void> {
    if (this.#files[this.#current].end > 0) await this.#takeOther();
    if (!await this.begin() || this.#turn === 0) return;
    const full = this.#files[1 - this.#current];
    this.#isUnclosed = !await this.#putAlone(full, closeEntry(), full.closeSequence);
    await this.#tell();
  }

  /**
   * Writes down how far stretches reach that the logs have synced themselves. Nothing is acknowledged that no entry or
   * mark reaches to, and what one reaches to is on the device: so a start knows of a log that is in the journal exactly
   * what was acknowledged (JournalCopies). Where a mark cannot be written, on a full disk, the head says so until it can.
   */
  async mark(taken: readonly { log: Journaled; stretch: Stretch }[]): Promise<void> {
    const marks = taken.map(({ log, stretch }) => ({ log, stretch: markOf(stretch) }));
    if (await this.append(marks)) return;
    for (const { log, stretch } of marks) this.#miss(log, stretch);
    await this.#tell();
  }

  /** Every log has been opened, and what it was opened with is written down: nothing depends on the run before any more. */
  async settle(): Promise<void> {
    this.#isUnsettled = false;
    this.#reliesOn = NO_FILES;
    await this.#tell();
  }

  /** From now on these files of earlier runs are needed, and no others. */
  async relyOn(files: readonly FileEnd[]): Promise<void> {
    this.#reliesOn = files.length === 0 ? NO_FILES : files;
    await this.#tell();
  }

  /**
   * The log's topic was deleted: what there is of it means nothing any more. A file is overwritten after 64 MiB, and
   * thousands of topics may come and go until then.
   */
  forget(log: Journaled): void {
    for (const file of this.#files) file.logs.delete(log);
    for (const file of this.#putBy) file.logs.delete(log);
  }

  /** Notes a mark that could not be written. What reaches further stays. */
  #miss(log: Journaled, mark: EntrySource): void {
    const known = this.#gaps.get(log);
    if (known === undefined || isFurther(mark, known)) this.#gaps.set(log, mark);
  }

  #headOf({ turn }: JournalFile): JournalHead {
    const isExact = !this.#isUnsettled && !this.#isUnclosed && this.#gaps.size === 0;
    return { run: this.#options.run ?? 0, turn, isExact, reliesOn: this.#reliesOn };
  }

  /** Has the newest head say how things are, where it says otherwise. */
  #tell(): Promise<void> {
    const told = this.#telling.then(() => this.#tellNow());
    this.#telling = told.catch(() => {}); // whoever asked has the error
    return told;
  }

  async #tellNow(): Promise<void> {
    const headed = this.#headed;
    if (headed === null) return; // without a head nothing is said
    const { file, said } = headed, next = this.#headOf(file);
    if (next.isExact === said.isExact && next.reliesOn === said.reliesOn) return;
    headed.said = next;
    if (await this.#putAlone(file, headEntry(next), file.headSequence, { isOver: true })) return;
    headed.said = said;
    // Where less is needed than it says, or more is known, a start after this one is only more careful than it need be.
    if (said.isExact && !next.isExact) {
      throw new Error("the journal's head cannot say that not all is in it");
    }
  }

  /** Writes and syncs an entry of the journal's own, behind the last one or over the head. Whether that could be done. */
  async #putAlone(
    file: JournalFile,
    entry: EntrySource,
    sequence: number,
    { isOver = false } = {},
  ): Promise<boolean> {
    const handle = file.freeHandle(), b = new Uint8Array(maxEntryBytes(entry.folder, entry.bytes));
    const saying = { sequence, durableTo: sequence, secret: this.#secret };
    const bytes = b.subarray(0, writeEntry(b, 0, entry, saying));
    const isWritten = withoutStoreError(() => {
      if (isOver) handle.blob.write(0, bytes);
      else file.append(handle, bytes, this.#options.fileBytes);
      return true;
    });
    if (isWritten === null) return false;
    await syncOnThread(handle);
    return true;
  }

  /**
   * Notes what a log's own file owes to the device. Much of it is synced early, one log at a time: all at the turn would
   * keep the device busy for so long that rounds wait.
   */
  #owe(file: JournalFile, log: Journaled, stretch: EntrySource): void {
    if (log.isGone) return; // while the round was on its way
    const { segmentBase, position, bytes, topicId, folder } = stretch, end = position + bytes;
    let owed = file.logs.get(log);
    if (owed === undefined) {
      owed = { bytes: 0, hasEntries: false, topicId, folder, segmentBase, position: end };
      file.logs.set(log, owed);
    }
    owed.bytes += bytes;
    owed.hasEntries ||= bytes > 0;
    // A mark may come after a later round's entry.
    if (segmentBase > owed.segmentBase || segmentBase === owed.segmentBase && end > owed.position) {
      owed.segmentBase = segmentBase;
      owed.position = end;
    }
    if (owed.bytes < SYNC_BEHIND_BYTES || this.#isSyncingBehind) return;
    owed.bytes = 0;
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
      return syncOnThread(handle);
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
    await this.#telling;
    const files = [...this.#files, ...this.#putBy];
    for (const file of files) await file.synced;
    for (const file of files) file.close();
    for (const { name } of files) this.#options.store.remove(name);
    await this.#options.store.syncFolder("");
  }

  close(): void {
    for (const file of [...this.#files, ...this.#putBy]) file.close();
  }

  /** Takes the other file, once what it held has reached the logs' own files, and its marks the end of the full one. */
  async #takeOther(): Promise<void> {
    const full = this.#files[this.#current], next = this.#files[1 - this.#current];
    this.#turning++;
    full.synced = syncAll(full.logs.keys()).then(() => {
      this.#turning--;
    });
    full.synced.catch(this.#options.onFailure);
    await next.synced;
    await this.#carryOver(next, full);
    if (next.isNeeded) this.#putBy.push(this.#replaceOther());
    else {
      next.logs.clear();
      next.end = 0;
    }
    full.closeSequence = this.#sequence++;
    this.#turn++;
    this.#current = 1 - this.#current;
  }

  /** Has a new file take the place of the one that is not current; the old one. */
  #replaceOther(): JournalFile {
    const { store } = this.#options, other = 1 - this.#current, old = this.#files[other];
    const [name] = freeNames(store, 1);
    this.#files[other] = new JournalFile(store, name);
    this.#isNamed = false;
    return old;
  }

  /** How far each log was acknowledged that `to` knows nothing of: so the journal knows it of every log it ever had. */
  async #carryOver(from: JournalFile, to: JournalFile): Promise<void> {
    const marks: { log: Journaled; stretch: EntrySource }[] = [];
    for (const [log, owed] of from.logs) {
      if (!log.isGone && !to.logs.has(log)) {
        marks.push({ log, stretch: markOf({ ...owed, bytes: 0, read: () => {} }) });
      }
    }
    if (marks.length === 0) return;
    const handle = to.freeHandle();
    if (this.#write(to, handle, marks.map(({ stretch }) => stretch)) === null) {
      for (const { log, stretch } of marks) this.#miss(log, stretch);
      return;
    }
    for (const { log, stretch } of marks) this.#owe(to, log, stretch);
    await syncOnThread(handle);
  }

  /** Writes stretches as entries behind the last one; the bytes they take, or null, with nothing done. */
  #write(
    file: JournalFile,
    handle: Handle,
    stretches: readonly EntrySource[],
  ): number | null {
    const sequence = this.#sequence;
    const bytes = withoutStoreError(() => {
      const bytes = this.#encode(stretches);
      file.append(handle, this.#scratch.subarray(0, bytes), this.#options.fileBytes);
      return bytes;
    });
    if (bytes === null) this.#sequence = sequence; // the chain has no gap
    return bytes;
  }

  /** What rounds may fill of a file: some room stays for the marks of the other one. */
  get #limitBytes(): number {
    const { fileBytes } = this.#options;
    return fileBytes - Math.min(fileBytes >> 3, MAX_MARK_BYTES);
  }

  /** Puts the stretches into the scratch buffer as entries; the bytes they take. */
  #encode(stretches: readonly EntrySource[]): number {
    const most = bytesOf(stretches);
    if (most > this.#scratch.length) this.#scratch = new Uint8Array(most * 2);
    let at = 0;
    for (const stretch of stretches) {
      at = writeEntry(this.#scratch, at, stretch, {
        sequence: this.#sequence++,
        durableTo: this.#durableTo,
        secret: this.#secret,
      });
    }
    return at;
  }
}

/** What the next run's journal follows. */
type Left = Pick<JournalLeft, "lastSequence" | "unknown" | "files">;

/** Whether one place in a log lies behind another. */
function isFurther(one: Place, other: Place): boolean {
  return one.segmentBase > other.segmentBase ||
    one.segmentBase === other.segmentBase && one.position > other.position;
}

type Place = Pick<EntrySource, "segmentBase" | "position">;

function bytesOf(stretches: readonly EntrySource[]): number {
  let bytes = 0;
  for (const { folder, bytes: payload } of stretches) bytes += maxEntryBytes(folder, payload);
  return bytes;
}

/** Null when the store could not do it. */
function withoutStoreError<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}

/** Through the thread pool; meanwhile other rounds take another handle. */
function syncOnThread(handle: Handle): Promise<void> {
  handle.isSyncing = true;
  return handle.blob.sync().finally(() => handle.isSyncing = false);
}

async function syncAll(logs: Iterable<Journaled>): Promise<void> {
  for (const log of [...logs]) await log.sync(); // one at a time: it is behind, and must not be in the way
}

/** Room for the marks of some 30,000 logs. */
const MAX_MARK_BYTES = 4 << 20;
/** A log with so much in the current file has its own file synced. */
const SYNC_BEHIND_BYTES = 2 << 20;
/** With more than this the thread pool's overlap is worth more. */
const MAX_BYTES_IN_PLACE = 96 << 10;
/** So many syncs of more than so long, one after the other, and the device is left to threads for so many times as long. */
const SLOW_SYNCS = 8, SLOW_SYNC_MS = 1, SLOW_REST = 20;
/** The same after a single one that took very long. */
const STALL_MS = 4, STALL_REST = 5;
/** One list, so that a head which says so already is not written again. */
const NO_FILES: readonly FileEnd[] = [];
