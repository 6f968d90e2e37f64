/**
 * A partition that producers write to, for simulations: real batches in memory, judged by the ProducerState that serves,
 * on a disk that is told when to sync, may refuse to write, and forgets at a crash what it had not synced.
 */
import type { Uuid } from "../../src/bytes/uuid.ts";
import type { CoordinatorLog } from "../../src/coordination/coordinator_log.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import * as batch from "../../src/protocol/records/batch.ts";
import { readRecords } from "../../src/protocol/records/record.ts";
import { type Appended, type AppendOptions, refused } from "../../src/storage/log/appended.ts";
import { readEndTxnMarker } from "../../src/storage/producers/end_txn_marker.ts";
import { ProducerState } from "../../src/storage/producers/producer_state.ts";

const DONE = Promise.resolve();

export class ProducedLog implements CoordinatorLog {
  readonly topicId = "c2ltdWxhdGVkLXRvcGljLQ" as Uuid;
  readonly config = { "max.message.bytes": 1 << 20 };
  readonly logStartOffset = 0;
  offline: string | null = null;
  logEndOffset = 0;
  isRefusing = false;
  /** The canary: acknowledges what a crash takes back. */
  liesAboutSync = false;
  producers = new ProducerState();
  readonly #nowMs: () => number;
  #batches: Uint8Array[] = [];
  #synced = 0;
  #waiting: PromiseWithResolvers<void>[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  append(bytes: Uint8Array, options: AppendOptions): Appended {
    if (this.isRefusing || this.offline !== null) return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    const hasProducer = batch.producerId(bytes) >= 0, nowMs = this.#nowMs();
    if (hasProducer) {
      const verdict = this.producers.check(bytes, options, nowMs);
      if (verdict.kind === "error") return refused(verdict.code);
      if (verdict.kind === "duplicate") return this.#appended(verdict.baseOffset);
    }
    const baseOffset = this.logEndOffset;
    batch.assign(bytes, 0, baseOffset, options.leaderEpoch);
    this.#batches.push(bytes);
    this.logEndOffset = batch.lastOffset(bytes) + 1;
    if (hasProducer) this.producers.apply(bytes, baseOffset, nowMs);
    return this.#appended(baseOffset);
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

  /** Everything written so far is kept from now on. */
  sync(): void {
    this.#synced = this.#batches.length;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve();
  }

  /** The disk takes nothing of what is on its way: whoever waits hears so, and the offsets are free again. */
  failWrites(): void {
    const waiting = this.#waiting, { verifications } = this.producers;
    this.#cut(this.#synced);
    this.producers.verifications = verifications; // as LogProducers has it
    for (const { reject } of waiting) reject(new Error("no space"));
  }

  /** The power fails: of what was not synced a part is left, from the front. */
  crash(keep: (unsynced: number) => number): void {
    this.#cut(this.#synced + keep(this.#batches.length - this.#synced));
    this.#synced = this.#batches.length;
    this.isRefusing = false;
  }

  /** What a replay of the log knows of producers. */
  replayed(): ProducerState {
    const state = new ProducerState();
    for (const one of this.#batches) {
      if (batch.producerId(one) >= 0) state.apply(one, batch.baseOffset(one));
    }
    return state;
  }

  /** Where what is synced ends: consumers see nothing behind it. */
  get highWatermark(): number {
    return this.#endOf(this.#synced);
  }

  get lastStableOffset(): number {
    return this.producers.firstUnstableOffset(this.highWatermark) ?? this.highWatermark;
  }

  /** What a reader of what is committed sees, in order; with the offsets of data that no marker has decided on. */
  committed(): { values: string[]; undecided: number[] } {
    const values: string[] = [], open = new Map<number, { values: string[]; first: number }>();
    for (const one of this.#batches.slice(0, this.#synced)) {
      const producerId = batch.producerId(one);
      if (batch.isControl(one)) {
        const ended = open.get(producerId);
        open.delete(producerId);
        if (readEndTxnMarker(one)?.isCommit) values.push(...ended?.values ?? []);
        continue;
      }
      const of = open.get(producerId) ?? { values: [], first: batch.baseOffset(one) };
      open.set(producerId, of);
      for (const { value } of readRecords(one)) of.values.push(new TextDecoder().decode(value!));
    }
    return { values, undecided: [...open.values()].map(({ first }) => first) };
  }

  #appended(baseOffset: number): Appended {
    const durable = this.liesAboutSync || this.#synced === this.#batches.length
      ? DONE
      : this.#wait();
    const lastOffset = this.logEndOffset - 1;
    return { errorCode: ErrorCode.NONE, baseOffset, lastOffset, written: DONE, durable };
  }

  #wait(): Promise<void> {
    const kept = Promise.withResolvers<void>();
    this.#waiting.push(kept);
    kept.promise.catch(() => {}); // not everyone waits for what they wrote
    return kept.promise;
  }

  #endOf(batches: number): number {
    return batches === 0 ? 0 : batch.lastOffset(this.#batches[batches - 1]) + 1;
  }

  #cut(batches: number): void {
    this.#batches.length = batches;
    this.logEndOffset = this.#endOf(batches);
    this.#waiting = [];
    this.producers = this.replayed();
  }
}
