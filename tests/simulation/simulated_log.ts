/**
 * A partition's log for simulations: real record batches in memory, with a disk that is told when to sync, may refuse
 * to write, and forgets at a crash what it had not synced.
 */
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { CoordinatorLog } from "../../src/coordination/coordinator_log.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import type { Appended, AppendOptions } from "../../src/storage/log/appended.ts";

const DONE = Promise.resolve();

export class SimulatedLog implements CoordinatorLog {
  readonly topicId = "c2ltdWxhdGVkLXRvcGljLQ" as Uuid;
  readonly config = { "max.message.bytes": 1 << 20 };
  readonly offline = null;
  readonly logStartOffset = 0;
  logEndOffset = 0;
  isRefusing = false;
  isKeptInOrder = true;
  /** The canary: acknowledges what a crash takes back. */
  liesAboutSync = false;
  /** Whether it is written when told, so that only what is not written can fail. */
  writesLate = false;
  #batches: Uint8Array[] = [];
  #written = 0;
  #writing: PromiseWithResolvers<void>[] = [];
  #synced = 0;
  #waiting: PromiseWithResolvers<void>[] = [];

  append(bytes: Uint8Array, { leaderEpoch }: AppendOptions): Appended {
    if (this.isRefusing) {
      const errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
      return { errorCode, baseOffset: -1, lastOffset: -1, written: DONE, durable: DONE };
    }
    const baseOffset = this.logEndOffset;
    batch.assign(bytes, 0, baseOffset, leaderEpoch);
    this.#batches.push(bytes);
    this.logEndOffset = batch.lastOffset(bytes) + 1;
    const durable = this.liesAboutSync ? DONE : this.#wait();
    const written = this.#write(), lastOffset = this.logEndOffset - 1;
    return { errorCode: ErrorCode.NONE, baseOffset, lastOffset, written, durable };
  }

  read(from: number): Uint8Array | null {
    const rest = this.#batches.filter((one) => batch.lastOffset(one) >= from);
    if (rest.length === 0) return null;
    const whole = new Uint8Array(rest.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of rest) {
      whole.set(one, at);
      at += one.length;
    }
    return whole;
  }

  /** What is on its way is written: the process may end, and the power not. */
  write(): void {
    this.#written = this.#batches.length;
    for (const { resolve } of this.#writing.splice(0)) resolve();
  }

  /** What is on its way is written, and kept from now on; of that only so many batches, the first. */
  sync(batches = this.#waiting.length): void {
    this.write();
    this.syncWritten(batches);
  }

  /** What was written so far is kept from now on. */
  syncWritten(batches = this.#waiting.length): void {
    const kept = this.#waiting.splice(0, Math.min(batches, this.#written - this.#synced));
    this.#synced = this.#batches.length - this.#waiting.length;
    for (const { resolve } of kept) resolve();
  }

  /** The disk takes nothing of what is on its way: whoever waits hears so, and the offsets are free again. */
  failWrites(): void {
    this.#takeBack(this.writesLate ? this.#written : this.#synced);
    this.isRefusing = false;
  }

  /** The disk takes all but the last batch: a failed write takes back what came after it, and nothing before. */
  failLast(): void {
    const first = this.writesLate ? this.#written : this.#synced;
    if (this.#batches.length > first) this.#takeBack(this.#batches.length - 1);
  }

  #takeBack(left: number): void {
    const lost = [
      ...this.#writing.splice(Math.max(0, left - this.#written)),
      ...this.#waiting.splice(left - this.#synced),
    ];
    this.#cut(left);
    for (const { reject } of lost) reject(new Error("no space"));
  }

  #cut(left: number): void {
    this.#batches.length = left;
    this.#written = Math.min(this.#written, left);
    const last = this.#batches.at(-1);
    this.logEndOffset = last === undefined ? 0 : batch.lastOffset(last) + 1;
  }

  /** When the last batch is written. */
  #write(): Promise<void> {
    if (!this.writesLate) {
      this.#written = this.#batches.length;
      return DONE;
    }
    const written = Promise.withResolvers<void>();
    this.#writing.push(written);
    written.promise.catch(() => {}); // not everyone waits for that
    return written.promise;
  }

  #wait(): Promise<void> {
    const kept = Promise.withResolvers<void>();
    this.#waiting.push(kept);
    return kept.promise;
  }

  /** The power fails: of what was not synced a part is left, from the front. */
  crash(keep: (unsynced: number) => number): void {
    this.#cut(this.#synced + keep(this.#batches.length - this.#synced));
    this.#synced = this.#written = this.#batches.length;
    this.#waiting = [];
    this.#writing = [];
    this.isRefusing = false;
  }
}
