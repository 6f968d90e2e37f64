/**
 * JournalFile: one of the two files that the journal writes in turn, overwritten in place. Its blocks are prepared ahead the
 * first time around, so that a sync finds neither a new size nor new blocks to record.
 */
import type { InPlaceBlob, Store } from "../store.ts";
import type { Uuid } from "../../bytes/uuid.ts";

/** A log whose own file must be synced before the journal forgets its entries. */
export interface Journaled {
  /** Makes everything written before the call durable in the log's own files. */
  sync(): Promise<void>;
  /** Whether its topic was deleted, so that nothing of it needs to be known. */
  readonly isGone: boolean;
  /** Whether it serves nothing any more, and cannot sync what it has. */
  readonly isClosed: boolean;
}

/** What a journal file has of a log; changed in place, as there is one for every log of every round. */
export interface Owed {
  /** Bytes that its own file may not have on the device yet. */
  bytes: number;
  /** Whether there is more of it than marks. */
  hasEntries: boolean;
  readonly topicId: Uuid;
  readonly folder: string;
  /** How far its last entry or mark reaches. */
  segmentBase: number;
  position: number;
}

/**
 * An open journal file. It takes one call at a time, so that a round is written through one while another one syncs. There
 * is one more than rounds, for what is said of the journal beside them.
 */
export interface Handle {
  readonly blob: InPlaceBlob;
  isSyncing: boolean;
}

export class JournalFile {
  readonly #handles: readonly Handle[];
  /** Logs with entries or marks here. */
  readonly logs = new Map<Journaled, Owed>();
  /** Resolved when their own files have everything of them on the device. */
  synced: Promise<void> = Promise.resolve();
  end = 0;
  /** Which file of the run it is, in the order they were begun. */
  turn = 0;
  /** Of the entry it begins with. */
  headSequence = 0;
  /** Of the one that ends it. */
  closeSequence = 0;
  /** The file had bytes up to here before, so that writing there changes neither its size nor its blocks. */
  #prepared = 0;

  constructor(store: Store, readonly name: string) {
    this.#handles = Array.from({ length: MAX_ROUNDS + 1 }, () => ({
      blob: store.openInPlace(name),
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

  /** Whether it may have what a log, which cannot sync any more, has nowhere else. */
  get isNeeded(): boolean {
    for (const [{ isClosed, isGone }, { hasEntries }] of this.logs) {
      if (hasEntries && isClosed && !isGone) return true;
    }
    return false;
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

/** Rounds that may be on their way at a time: with two the device is busy while one is written; three gained nothing. */
export const MAX_ROUNDS = 2;
/** How far a file is prepared for the entries to come. */
const ZEROS = new Uint8Array(1 << 20);
