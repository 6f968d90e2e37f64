/**
 * DurableEnd: the one owner of how far a log's bytes have come on their way to the device.
 *
 * Of every segment that may have bytes which its own file does not keep yet, and of the log by walking them:
 *
 *     admitted ≥ written ≥ durable, synced
 *
 * | end | moves when |
 * |---|---|
 * | admitted | a batch has its offset and its place in the file |
 * | written | write(2) has returned |
 * | synced | an fdatasync of the segment's own file that began after the write has ended, and the file's name is on the device |
 * | durable | the bytes survive power loss and may be acknowledged: with a journal when a round of it has taken them up, and so knows how far acknowledgements can have come; without one when they are synced |
 *
 * Bytes and offset of an end always move together. A sealed segment stays here until its last byte is synced. Whatever
 * completes speaks to the segment it began with: when that was replaced, removed or taken back meanwhile, nobody listens
 * any more. The invariants are asserted where they could break; a break is a bug, and ends the work at hand.
 */
import { syncPartitionMetadata } from "../directory/partition_metadata.ts";
import type { Store } from "../store.ts";

/** What is needed of a segment. */
export interface EndedSegment {
  readonly baseOffset: number;
  readonly log: { readonly size: number };
  /**
   * fdatasync of the log and of the aborted transactions, which a start does not look for below the recovery point.
   * Whether that made a file, whose name is not on the device yet.
   */
  sync(): Promise<boolean>;
}

/** How many bytes of the segment's file, and the offset behind them. */
interface End {
  readonly bytes: number;
  readonly offset: number;
}

export interface DurableEndOptions<S extends EndedSegment> {
  readonly store: Store;
  readonly folder: string;
  /** The active segment. */
  readonly active: S;
  readonly logEndOffset: number;
  /** Whether the files were made just now, so that their names are not on the device. */
  readonly isNew: boolean;
  /** Whether rounds of a journal say what is durable; else every sync does. */
  readonly isJournaled: boolean;
  /** Told whenever the durable end has moved. */
  readonly onDurable: () => void;
}

class SegmentEnds<S extends EndedSegment> {
  readonly segment: S;
  admittedBytes: number;
  written: End;
  durable: End;
  synced: End;
  /** Up to where a round of the journal has taken them. */
  takenBytes: number;
  isSealed = false;
  /** Whether the file's name is on the device. */
  isNamed: boolean;

  constructor(segment: S, at: End, isNamed: boolean) {
    this.segment = segment;
    this.written = this.durable = this.synced = at;
    this.admittedBytes = this.takenBytes = at.bytes;
    this.isNamed = isNamed;
  }

  get isWritten(): boolean {
    return this.written.bytes === this.admittedBytes;
  }

  /** Whether nothing that is written is owed to the device. */
  get isSynced(): boolean {
    return this.isNamed && this.synced.bytes === this.written.bytes;
  }

  /** Up to there. Never less than before: one round may overtake the other. */
  becameDurable(end: End): void {
    if (end.bytes > this.durable.bytes) this.durable = end;
    this.check();
  }

  /** The invariant of the table above. */
  check(): void {
    const { admittedBytes, written, durable, synced } = this;
    if (
      admittedBytes >= written.bytes && isAtLeast(written, durable) && isAtLeast(written, synced)
    ) return;
    const ends = JSON.stringify({ admittedBytes, written, durable, synced });
    throw new Error(`Segment ${this.segment.baseOffset} has ends out of order: ${ends}`);
  }
}

function isAtLeast(upper: End, lower: End): boolean {
  return upper.bytes >= lower.bytes && upper.offset >= lower.offset;
}

/** Written bytes of one segment that are not durable yet, taken by one round of the journal. */
export class Behind<S extends EndedSegment> {
  readonly segment: S;
  readonly position: number;
  readonly bytes: number;
  readonly #ends: SegmentEnds<S>;
  readonly #end: End;

  constructor(ends: SegmentEnds<S>, position: number) {
    this.segment = ends.segment;
    this.position = position;
    this.bytes = ends.written.bytes - position;
    this.#ends = ends;
    this.#end = ends.written;
  }

  /** Says so to the segment; DurableEnd.durable() draws the conclusions. */
  becameDurable(): void {
    this.#ends.becameDurable(this.#end);
  }
}

export class DurableEnd<S extends EndedSegment> {
  readonly #store: Store;
  readonly #folder: string;
  readonly #onDurable: () => void;
  readonly #isJournaled: boolean;
  /** Oldest first; the last is the active one. Made for the first append or roll: most logs are idle. */
  #segments: SegmentEnds<S>[] = [];
  #active: S;
  /** Everything below is synced, by the oldest of #segments or because there is none before it. */
  #syncedBelow: number;
  #admittedOffset: number;
  #writtenOffset: number;
  #durableOffset: number;
  /** Whether the files were there when the log was opened. */
  readonly #isOld: boolean;
  #isFolderNamed: boolean;
  #isClosed = false;

  constructor(options: DurableEndOptions<S>) {
    this.#store = options.store;
    this.#folder = options.folder;
    this.#onDurable = options.onDurable;
    this.#isJournaled = options.isJournaled;
    this.#active = options.active;
    this.#isOld = this.#isFolderNamed = !options.isNew;
    const end = options.logEndOffset;
    this.#admittedOffset =
      this.#writtenOffset =
      this.#durableOffset =
      this.#syncedBelow =
        end;
  }

  /** The log end. */
  get admittedOffset(): number {
    return this.#admittedOffset;
  }

  get writtenOffset(): number {
    return this.#writtenOffset;
  }

  get durableOffset(): number {
    return this.#durableOffset;
  }

  /** The recovery point: everything below is in the segments' own files, and on the device. */
  get syncedOffset(): number {
    return this.#syncedBelow;
  }

  /**
   * Recovery found this segment, up to there in bytes and offset, and did not sync it: the recovery point lies at
   * `syncedOffset`. Called oldest first, before anything is admitted.
   */
  found(segment: S, end: End, syncedOffset: number): void {
    const ends = new SegmentEnds(segment, { bytes: 0, offset: segment.baseOffset }, true);
    ends.written = end;
    ends.admittedBytes = end.bytes;
    ends.isSealed = segment !== this.#active;
    if (this.#segments.length === 0) this.#syncedBelow = this.#durableOffset = syncedOffset;
    this.#segments.push(ends);
  }

  /** A batch goes to the active segment. */
  admit(bytes: number, endOffset: number): void {
    const ends = this.#activeEnds();
    ends.admittedBytes += bytes;
    this.#admittedOffset = endOffset;
  }

  /** write(2) has returned for the next `bytes` of a segment. Whether that completes a sealed one. */
  written(segment: S, bytes: number, endOffset: number): boolean {
    const ends = this.#endsOf(segment);
    if (ends === undefined) throw new Error(`${this.#folder}: a write to a segment that is gone`);
    ends.written = { bytes: ends.written.bytes + bytes, offset: endOffset };
    ends.check();
    this.#writtenOffset = endOffset;
    return ends.isSealed && ends.isWritten;
  }

  /** The active segment is sealed, and `next` is active. Whether all of the sealed one is written. */
  seal(next: S): boolean {
    const ends = this.#activeEnds();
    ends.isSealed = true;
    this.#active = next;
    this.#segments.push(new SegmentEnds(next, { bytes: 0, offset: this.#admittedOffset }, false));
    return ends.isWritten;
  }

  /** What was admitted and not written never was; `active` is the segment whose write failed. The log end. */
  takeBack(active: S): number {
    const at = this.#segments.findIndex(({ segment }) => segment === active);
    if (at < 0) throw new Error(`${this.#folder}: a write failed in a segment that is gone`);
    const [ends, ...later] = this.#segments.splice(at, Infinity);
    if (later.some(({ written }) => written.bytes > 0)) {
      throw new Error(`${this.#folder}: a later segment was written before ${active.baseOffset}`);
    }
    ends.admittedBytes = ends.written.bytes;
    ends.isSealed = false;
    this.#segments.push(ends);
    this.#active = active;
    this.#admittedOffset = this.#writtenOffset;
    this.#settle();
    return this.#admittedOffset;
  }

  /** These segments are no part of the log any more. */
  forget(segments: readonly S[]): void {
    const gone = new Set<EndedSegment>(segments);
    for (const { segment, isWritten } of this.#segments) {
      if (!gone.has(segment) || isWritten) continue;
      throw new Error(`${this.#folder}: segment ${segment.baseOffset} goes with writes on the way`);
    }
    this.#segments = this.#segments.filter(({ segment }) => !gone.has(segment));
    this.#settle();
  }

  /** What is written and not durable, one stretch a segment; each is taken by one round of the journal only. */
  takeBehind(): Behind<S>[] {
    const behind: Behind<S>[] = [];
    for (const ends of this.#segments) {
      const position = Math.max(ends.durable.bytes, ends.takenBytes), { bytes } = ends.written;
      if (position === bytes) continue;
      ends.takenBytes = bytes;
      behind.push(new Behind(ends, position));
    }
    return behind;
  }

  /** What was taken is durable now. */
  durable(behind: Behind<S>): void {
    behind.becameDurable();
    this.#settle();
  }

  /** fdatasync of everything written so far, with the names of new files. */
  sync(): Promise<void> {
    return this.#sync(this.#segments.slice());
  }

  /** The same, of sealed segments only. */
  syncSealed(): Promise<void> {
    return this.#sync(this.#segments.filter(({ isSealed }) => isSealed));
  }

  /** Nothing is owed any more: the log was deleted, or is damaged, or the broker stops. */
  close(): void {
    this.#isClosed = true;
    this.#segments = [];
  }

  async #sync(segments: readonly SegmentEnds<S>[]): Promise<void> {
    try {
      await this.#syncFiles(segments);
    } catch (error) {
      if (!this.#isClosed) throw error; // deleted meanwhile: its folder has another name by now
    }
  }

  async #syncFiles(segments: readonly SegmentEnds<S>[]): Promise<void> {
    const begun = segments.filter((ends) => !ends.isSynced)
      .map((ends) => ({ ends, written: ends.written }));
    if (begun.length === 0 && this.#isFolderNamed) return;
    const isNew = await Promise.all(
      begun.map(({ ends: { segment, synced }, written }) =>
        written.bytes > synced.bytes && segment.sync() // else a name alone is owed
      ),
    );
    if (this.#isClosed) return; // deleted meanwhile: its folder has another name by now
    if (isNew.includes(true) || begun.some(({ ends }) => !ends.isNamed) || !this.#isFolderNamed) {
      if (!this.#isFolderNamed) await syncPartitionMetadata(this.#store, this.#folder);
      if (this.#isClosed) return;
      await this.#store.syncFolder(this.#folder);
      if (!this.#isFolderNamed) await this.#store.syncFolder("");
      if (this.#isClosed) return;
      this.#isFolderNamed = true;
    }
    for (const { ends, written } of begun) {
      ends.isNamed = true;
      if (written.bytes > ends.synced.bytes) ends.synced = written;
      ends.check();
      if (!this.#isJournaled) ends.becameDurable(written);
    }
    this.#settle();
  }

  /** What the segments say together. */
  #settle(): void {
    while (this.#segments.length > 0) {
      const [oldest] = this.#segments;
      const isDone = oldest.isSealed && oldest.isWritten && oldest.isSynced &&
        oldest.durable.bytes === oldest.written.bytes;
      if (oldest.isNamed) this.#syncedBelow = Math.max(this.#syncedBelow, oldest.synced.offset);
      if (!isDone) break;
      this.#segments.shift();
    }
    let durable = this.#durableOffset;
    for (const ends of this.#segments) {
      durable = Math.max(durable, ends.durable.offset);
      if (ends.durable.bytes < ends.admittedBytes) break;
    }
    if (durable <= this.#durableOffset) return;
    this.#durableOffset = durable;
    this.#onDurable();
  }

  #activeEnds(): SegmentEnds<S> {
    const last = this.#segments.at(-1);
    if (last?.segment === this.#active) return last;
    const at = { bytes: this.#active.log.size, offset: this.#admittedOffset };
    const ends = new SegmentEnds(this.#active, at, this.#isOld);
    this.#segments.push(ends);
    return ends;
  }

  #endsOf(segment: S): SegmentEnds<S> | undefined {
    // Nearly always the active one.
    const last = this.#segments[this.#segments.length - 1];
    return last?.segment === segment
      ? last
      : this.#segments.find((ends) => ends.segment === segment);
  }
}
