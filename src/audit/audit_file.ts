/**
 * AuditFile: the file of the audit and those that it was before. It is opened for every batch of lines, so that one that
 * was moved away or removed meanwhile is missed, and another one is begun.
 *
 * A batch that could not be appended is not there, and may be tried again; one that could not be synced is there for all
 * that is known, is not written again, and the next goes to another file: a failed fsync is not believed when it is tried
 * twice.
 */
import { type Blob, type Store, StoreError } from "../storage/store.ts";
import { hasFile, linesOf, parsedLine, rotatedFiles, rotatedName } from "./audit_lines.ts";
import {
  chained,
  FIRST_LINK,
  type HashLine,
  headName,
  headText,
  type Link,
  readHead,
} from "./chain.ts";
import type { Body } from "./event.ts";

export interface AuditFileOptions {
  /** The folder that the file is in. */
  readonly store: Store;
  /** Its name there. */
  readonly name: string;
  readonly rotateBytes: number;
  readonly rotateDaily: boolean;
  /** Renamed files that stay; 0: all. */
  readonly keep: number;
  /** Null: lines are not chained. */
  readonly hash: HashLine | null;
  readonly nowMs: () => number;
  /** Told of what does not keep lines from being written. */
  readonly onProblem: (event: string, details: Record<string, unknown>) => void;
}

/** What was found at the end of the file, for the first line that is written. */
export interface FoundEnd {
  /** A line was cut off by a crash. */
  readonly torn?: true;
  /** Lines that the head knows are gone. */
  readonly missing_from?: number;
  readonly missing_to?: number;
}

/** The lines are in the file, but nobody knows whether on the device. */
export class UnsyncedError extends Error {
  override readonly name = "UnsyncedError";
}

/** Most last lines are found in so much of a file's end; the longest that Runnel writes in the larger one. */
const TAIL_BYTES = 256 * 1024, LONG_TAIL_BYTES = 2 << 20;
/** How long it is before a rotation that failed is tried again. */
const RETRY_ROTATION_MS = 60_000;

export class AuditFile {
  readonly found: FoundEnd;
  readonly #options: AuditFileOptions;
  #last: Link;
  /** Of the file as it was left. */
  #size: number;
  /** The day of its last line, in days since 1970. */
  #day: number;
  /** The last line has no end. */
  #isCut: boolean;
  /** Its bytes may not all be on the device. */
  #isUnsynced: boolean;
  /** Its name is on the device. */
  #isNamed = false;
  /** Lines are to be on the device, which the first of all says. */
  #isDurable = false;
  /** The last append failed: behind #size may be a part of it. */
  #hasFailed = false;
  /** It could not be synced, and no line goes to it any more. */
  #isSuspect = false;
  #rotateAfterMs = -Infinity;

  /** Finds the end of what is there. Throws StoreError where it cannot be read or written. */
  constructor(options: AuditFileOptions) {
    this.#options = options;
    const { store, name, hash, nowMs } = options;
    const before = rotatedFiles(store, name).at(-1);
    const blob = store.open(name);
    try {
      this.#size = blob.size;
      blob.append(new Uint8Array(0)); // whether it may be written is found out before anybody counts on it
      const own = endOf(blob, hash);
      const older = own.seq === null && before !== undefined
        ? endOfFile(store, before, hash)
        : null;
      const seq = own.seq ?? older?.seq ?? FIRST_LINK.seq;
      this.#isCut = own.isCut;
      this.#isUnsynced = this.#size > 0;
      this.#day = dayOf(own.timeMs ?? nowMs());
      const head = hash === null ? null : readHead(store.readAll(headName(name)));
      const isMissing = head !== null && head.seq > seq;
      this.#last = {
        seq: isMissing ? head.seq : seq,
        hash: own.hash ?? older?.hash ?? FIRST_LINK.hash,
      };
      this.found = {
        ...(own.isTorn && { torn: true }),
        ...(isMissing && { missing_from: seq + 1, missing_to: head.seq }),
      };
    } finally {
      blob.close();
    }
  }

  /** Of the last line that is in the file. */
  get last(): Link {
    return this.#last;
  }

  /**
   * Appends lines. Throws StoreError where none of them is in the file, and UnsyncedError where they are, but maybe not on
   * the device. One call at a time.
   */
  async write(bodies: readonly Body[], { sync }: { readonly sync: boolean }): Promise<void> {
    const nowMs = this.#options.nowMs();
    this.#isDurable ||= sync;
    await this.#rotateWhereDue(nowMs);
    const blob = this.#options.store.open(this.#options.name);
    try {
      this.#compare(blob);
      const { bytes, last } = chained(bodies, this.#last, this.#options.hash);
      this.#hasFailed = true;
      this.#isUnsynced = true;
      await blob.appendAsync(this.#isCut ? behindCut(bytes) : bytes);
      this.#hasFailed = false;
      this.#isCut = false;
      this.#last = last;
      this.#size = blob.size;
      this.#day = dayOf(nowMs);
      if (sync) await this.#sync(blob);
    } finally {
      blob.close();
    }
    this.#noteHead();
  }

  /** The file is as it was left; what a failed append has left behind that is cut back. */
  #compare(blob: Blob): void {
    const { name, onProblem } = this.#options;
    if (this.#hasFailed && blob.size > this.#size) blob.truncate(this.#size);
    if (blob.size === this.#size) return;
    onProblem("audit_file_changed", { file: name, bytes: blob.size, expected: this.#size });
    this.#size = blob.size;
    this.#isNamed = false; // another file, perhaps
    this.#isCut = !endsWhole(blob);
  }

  async #sync(blob: Blob): Promise<void> {
    try {
      await blob.sync();
      this.#isUnsynced = false;
      if (!this.#isNamed) await this.#options.store.syncFolder("");
      this.#isNamed = true;
    } catch (error) {
      this.#isSuspect = true;
      throw new UnsyncedError((error as Error).message);
    }
  }

  async #rotateWhereDue(nowMs: number): Promise<void> {
    const { rotateBytes, rotateDaily, store, name, onProblem } = this.#options;
    const isDue = this.#isSuspect || this.#size >= rotateBytes ||
      rotateDaily && dayOf(nowMs) > this.#day;
    if (!isDue || this.#size === 0 || nowMs < this.#rotateAfterMs && !this.#isSuspect) return;
    const to = rotatedName(name, nowMs, this.#last.seq);
    if (hasFile(store, to)) return; // of a file that has no whole line yet: it gets one first
    if (this.#isDurable && this.#isUnsynced && !this.#isSuspect) await this.#syncWhole();
    try {
      if (hasFile(store, name)) {
        this.#cutBack();
        store.rename(name, to);
      }
      this.#size = 0;
      this.#isCut = this.#isUnsynced = this.#isNamed = false;
      this.#isSuspect = false;
    } catch (error) {
      if (this.#isSuspect || !(error instanceof StoreError)) throw error;
      this.#rotateAfterMs = nowMs + RETRY_ROTATION_MS;
      return onProblem("audit_rotation_failed", { file: name, error });
    }
    store.open(name).close();
    this.#removeOld();
  }

  /** What a failed append has left behind would be lines that the next file has again. */
  #cutBack(): void {
    if (!this.#hasFailed) return;
    const blob = this.#options.store.open(this.#options.name);
    try {
      if (blob.size > this.#size) blob.truncate(this.#size);
    } finally {
      blob.close();
    }
    this.#hasFailed = false;
  }

  /** Lines that nobody waited for: later ones that somebody waits for must not be on the device without them. */
  async #syncWhole(): Promise<void> {
    const { store, name, onProblem } = this.#options;
    try {
      if (!hasFile(store, name)) return;
      const blob = store.open(name);
      try {
        await blob.sync();
      } finally {
        blob.close();
      }
    } catch (error) {
      onProblem("audit_rotation_failed", { file: name, error }); // it is not tried twice
    }
    this.#isUnsynced = false;
  }

  #removeOld(): void {
    const { store, name, keep, onProblem } = this.#options;
    if (keep === 0) return;
    for (const old of rotatedFiles(store, name).slice(0, -keep)) {
      try {
        store.remove(old);
      } catch (error) {
        onProblem("audit_removal_failed", { file: old, error });
      }
    }
  }

  /** Never fails: what it says is behind until it can be written again. */
  #noteHead(): void {
    const { store, name, hash, onProblem } = this.#options;
    if (hash === null) return;
    try {
      const head = store.openInPlace(headName(name));
      try {
        head.write(0, headText(this.#last));
      } finally {
        head.close();
      }
    } catch (error) {
      onProblem("audit_head_failed", { file: headName(name), error });
    }
  }
}

interface End {
  /** Of the last line that can be read; null where there is none. */
  readonly seq: number | null;
  /** Of the last line, whatever it is; null where there is none. */
  readonly hash: string | null;
  readonly timeMs: number | null;
  /** The last line is none: a crash cut it off, or what was to be said of such a one. */
  readonly isTorn: boolean;
  /** It has no end. */
  readonly isCut: boolean;
}

function endOfFile(store: Store, name: string, hash: HashLine | null): End {
  const blob = store.open(name);
  try {
    return endOf(blob, hash);
  } finally {
    blob.close();
  }
}

/** What the last lines of a file say. */
function endOf(blob: Blob, hash: HashLine | null): End {
  return endWithin(blob, TAIL_BYTES, hash) ?? endWithin(blob, LONG_TAIL_BYTES, hash) ?? NO_END;
}

/** Null where no line that can be read begins in so many bytes, and more are there. */
function endWithin(blob: Blob, tailBytes: number, hash: HashLine | null): End | null {
  const from = Math.max(0, blob.size - tailBytes);
  let seq: number | null = null, timeMs: number | null = null, count = 0;
  let last: Uint8Array | null = null, isTorn = false, isCut = false;
  for (const { bytes, isWhole } of linesOf(blob, from)) {
    if (count++ === 0 && from > 0) continue; // begins in the middle of a line
    const line = isWhole ? parsedLine(bytes) : null;
    isCut = !isWhole;
    isTorn = line === null;
    last = bytes;
    if (line === null) continue;
    if (Number.isSafeInteger(line.seq)) seq = line.seq as number;
    const parsedMs = Date.parse(String(line.time));
    if (!Number.isNaN(parsedMs)) timeMs = parsedMs;
  }
  if (seq === null && from > 0) return null;
  return { seq, hash: last === null ? null : hash?.(last) ?? "", timeMs, isTorn, isCut };
}

/** Nothing in it can be read: it is gone on behind. */
const NO_END: End = { seq: null, hash: null, timeMs: null, isTorn: true, isCut: true };

/** Whether there is nothing behind the end of the last line. */
function endsWhole(blob: Blob): boolean {
  const last = new Uint8Array(1);
  return blob.size === 0 || blob.read(blob.size - 1, last) === 1 && last[0] === "\n".charCodeAt(0);
}

/** What a crash left of a line becomes a line that is none, and the next one says so. */
function behindCut(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(bytes.length + 1);
  all[0] = "\n".charCodeAt(0);
  all.set(bytes, 1);
  return all;
}

function dayOf(timeMs: number): number {
  return Math.floor(timeMs / 86_400_000);
}
