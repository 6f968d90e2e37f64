/**
 * ProducerState: idempotence and open transactions of one partition. Pure: no clock, no I/O; the state is what
 * replaying the log's batches through apply() gives, so recovery and live traffic share one path.
 *
 * check() says what to do with a batch before it is written, apply() takes up a batch that was written. Answers are
 * those of Kafka's ProducerStateManager and ProducerAppendInfo:
 * - A batch whose sequences are those of one of the producer's last five is a retry and gets its first offset;
 *   older retries, and gaps, are OUT_OF_ORDER_SEQUENCE_NUMBER.
 * - A new epoch starts at sequence 0. A producer the partition does not know may start anywhere: retention may have
 *   removed all it knew.
 * - An older epoch is INVALID_PRODUCER_EPOCH.
 * - A batch outside a transaction from a producer that has one open is INVALID_TXN_STATE; and so is the first batch of
 *   one that the coordinator was not asked about, or whose answer was overtaken by a marker (verifications.ts).
 * - A transaction that a replay finds open is asked about again with its next batch, be that one which is there already: a
 *   power loss may have left the records and not the coordinator's word on them (handlers/orphaned_transactions.ts). One of
 *   a later epoch has to wait until what was left is ended: CONCURRENT_TRANSACTIONS.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import * as batch from "../../protocol/records/batch.ts";
import { type EndTxnMarker, readEndTxnMarker } from "./end_txn_marker.ts";
import { ProducerEntry, type RememberedBatch } from "./producer_entry.ts";
import type { ProducerSnapshotEntry } from "./producer_snapshot.ts";
import { type Verification, Verifications } from "./verifications.ts";

export interface ProducerLimits {
  /** Producers remembered per partition; past it those unheard of for the longest time are forgotten. */
  readonly maxProducers: number;
  /** producer.id.expiration.ms */
  readonly expirationMs: number;
}

export const DEFAULT_PRODUCER_LIMITS: ProducerLimits = {
  maxProducers: 10_000,
  expirationMs: 86_400_000,
};

/** What an append says of itself, beside its bytes. */
export interface ProducerClaim {
  /** Whose batch it is: only clients' have sequences. */
  readonly origin: "client" | "coordinator" | "controller";
  /** Of the transaction that a marker ends: 0 (as without), 1 or 2. */
  readonly transactionVersion?: number;
  /** Whether a marker is of the one coordinator that there is, which no other can have fenced. */
  readonly isOwnCoordinators?: boolean;
  /**
   * What the coordinator was asked with, of a batch whose transaction is not open here; null when it was not asked.
   * Without it nothing is asked for (transaction.partition.verification.enable is false).
   */
  readonly verification?: Verification | null;
}

/** Whose transaction it is, and of which epoch. */
export interface OpenTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What to do with a batch. */
export type Verdict =
  | { readonly kind: "append" }
  | { readonly kind: "duplicate" } & RememberedBatch
  | { readonly kind: "error"; readonly code: number };

/** A transaction whose marker was written. Of an aborted one the transaction index is told. */
export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** The marker's. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
  /** First offset of the oldest transaction still open then, or the one after the marker. */
  readonly lastStableOffset: number;
}

const MAX_SEQUENCE = 2 ** 31 - 1;
const MAX_EPOCH = 2 ** 15 - 1;
const MAX_UNSEEN = 256;
const APPEND: Verdict = { kind: "append" };
const STALE_EPOCH = refusal(ErrorCode.INVALID_PRODUCER_EPOCH);
const OUT_OF_ORDER = refusal(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
const LEFT_OPEN = refusal(ErrorCode.CONCURRENT_TRANSACTIONS);
const NOT_IN_TRANSACTION = refusal(ErrorCode.INVALID_TXN_STATE);
const COORDINATOR_FENCED = refusal(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
/** Kafka has no limit and so no code for it; this one makes clients back off and try again. */
const TOO_MANY_OPEN = refusal(ErrorCode.THROTTLING_QUOTA_EXCEEDED);

export class ProducerState {
  readonly #limits: ProducerLimits;
  /** Maps are made with the first entry: most partitions never see a producer id. */
  #producers: Map<number, ProducerEntry> | null = null;
  /** First offset of each open transaction by producer id, ascending (offsets only grow). */
  #open: Map<number, number> | null = null;
  /** Completed transactions whose marker may lie above the high watermark, in the order they completed. */
  #unseen: Pick<CompletedTransaction, "firstOffset" | "lastOffset">[] | null = null;
  /** What the coordinator is being asked about. Outlives this state when that is read anew (LogProducers). */
  verifications: Verifications | null = null;
  /** Nobody who may expire was last heard of before this; -Infinity when that is not known. */
  #longestUnheardMs = -Infinity;

  constructor(limits: ProducerLimits = DEFAULT_PRODUCER_LIMITS) {
    this.#limits = limits;
  }

  /** The state a snapshot holds, without what has expired at `nowMs`. */
  static restore(
    entries: Iterable<ProducerSnapshotEntry>,
    nowMs: number,
    limits: ProducerLimits = DEFAULT_PRODUCER_LIMITS,
  ): ProducerState {
    const state = new ProducerState(limits);
    const open: [number, number][] = [];
    for (const snapshot of entries) {
      const entry = ProducerEntry.fromSnapshot(snapshot);
      if (state.#isExpired(entry, nowMs)) continue;
      (state.#producers ??= new Map()).set(entry.producerId, entry);
      if (entry.txnFirstOffset >= 0) open.push([entry.producerId, entry.txnFirstOffset]);
    }
    if (open.length > 0) state.#open = new Map(open.sort((a, b) => a[1] - b[1]));
    return state;
  }

  /** Producers remembered. */
  get size(): number {
    return this.#producers?.size ?? 0;
  }

  /** First offset of the oldest open transaction, or null. */
  get firstUndecidedOffset(): number | null {
    if (this.#open !== null) { for (const offset of this.#open.values()) return offset; }
    return null;
  }

  /**
   * The last stable offset if it lies below the high watermark, else null: where the oldest transaction began that
   * is open, or whose marker consumers cannot see yet.
   */
  firstUnstableOffset(highWatermark: number): number | null {
    let first = this.firstUndecidedOffset ?? highWatermark;
    if (this.#unseen !== null) {
      this.#unseen = this.#unseen.filter(({ lastOffset }) => lastOffset >= highWatermark);
      for (const { firstOffset } of this.#unseen) first = Math.min(first, firstOffset);
      if (this.#unseen.length === 0) this.#unseen = null;
    }
    return first < highWatermark ? first : null;
  }

  /** What to do with a batch that has a producer id. Changes nothing but when the producer was last heard of. */
  check(bytes: Uint8Array, claim: ProducerClaim, nowMs: number): Verdict {
    const { origin } = claim;
    if (batch.isControl(bytes)) return this.#checkMarker(bytes, claim);
    const entry = this.#producers?.get(batch.producerId(bytes));
    if (entry === undefined) return this.#checkUnknown(bytes, claim);
    entry.usedMs = nowMs;
    const epoch = batch.producerEpoch(bytes);
    if (origin === "client" && epoch === entry.epoch) {
      const found = entry.find(batch.baseSequence(bytes), batch.lastSequence(bytes));
      if (found !== null) {
        return this.#isKnown(entry, claim) ? { kind: "duplicate", ...found } : NOT_IN_TRANSACTION;
      }
    }
    if (epoch < entry.epoch) return STALE_EPOCH;
    const { isAdmitted } = entry, { verification } = claim;
    const isAsked = !isAdmitted && verification !== undefined;
    if (batch.isTransactional(bytes) && (!isOpen(entry, epoch) || isAsked)) {
      if (entry.txnFirstOffset >= 0 && epoch !== entry.epoch && isAsked) return LEFT_OPEN;
      const refused = this.#checkFirst(bytes, claim, entry.lastSequence === batch.NO_SEQUENCE);
      if (refused !== null) return refused;
    }
    if (origin === "client" && !isNext(entry, epoch, batch.baseSequence(bytes))) {
      return OUT_OF_ORDER;
    }
    if (entry.txnFirstOffset >= 0 && !batch.isTransactional(bytes)) return NOT_IN_TRANSACTION;
    return APPEND;
  }

  /**
   * Begins to ask the coordinator about a client's or a coordinator's batch: what it is to be appended with, null when its
   * transaction is open already, or the error code of an old epoch, or of one that comes too early. Who asked ends it
   * (Verifications.end).
   */
  beginVerification(
    bytes: Uint8Array,
    addsPartition: boolean,
    nowMs: number,
  ): Verification | number | null {
    const producerId = batch.producerId(bytes), producerEpoch = batch.producerEpoch(bytes);
    const entry = this.#producers?.get(producerId);
    if (entry !== undefined) {
      if (producerEpoch < entry.epoch) return ErrorCode.INVALID_PRODUCER_EPOCH;
      if (isOpen(entry, producerEpoch)) { if (entry.isAdmitted) return null; }
      else if (entry.txnFirstOffset >= 0 && !entry.isAdmitted) return LEFT_OPEN.code;
    }
    const baseSequence = batch.baseSequence(bytes);
    const first = { producerId, producerEpoch, baseSequence, addsPartition };
    return (this.verifications ??= new Verifications(this.#limits.maxProducers))
      .begin(first, nowMs);
  }

  /**
   * What to do with a control batch that ends a transaction. Under transaction version 2 (KIP-890, KIP-1228) every
   * transaction has an epoch of its own, so a marker of the current epoch is a late one, which must not end the
   * transaction that came after; except where there is nothing to end (a marker sent again after a reload or a lost
   * answer, KAFKA-19999: as in Kafka it is written again) or epochs have run out.
   */
  #checkMarker(
    bytes: Uint8Array,
    { transactionVersion = 0, isOwnCoordinators = false }: ProducerClaim,
  ): Verdict {
    const entry = this.#producers?.get(batch.producerId(bytes));
    if (entry === undefined) return APPEND;
    const epoch = batch.producerEpoch(bytes);
    if (epoch < entry.epoch) return STALE_EPOCH;
    if (transactionVersion >= 2 && epoch === entry.epoch) {
      if (entry.txnFirstOffset >= 0 && epoch !== MAX_EPOCH) return STALE_EPOCH;
    }
    if (isOwnCoordinators) return APPEND;
    const marker = readEndTxnMarker(bytes);
    if (marker !== null && marker.coordinatorEpoch < entry.coordinatorEpoch) {
      return COORDINATOR_FENCED;
    }
    return APPEND;
  }

  /**
   * Remembers a data batch from before a snapshot, which holds the newest of each producer only. Why the state cannot be
   * a snapshot behind this batch, or null: it knows the producer, unless that is forgotten by now, and no older batch.
   */
  recall(bytes: Uint8Array, nowMs: number): string | null {
    if (batch.isControl(bytes)) return null;
    const producerId = batch.producerId(bytes), epoch = batch.producerEpoch(bytes);
    const lastOffset = batch.lastOffset(bytes), timestampMs = batch.maxTimestamp(bytes);
    const entry = this.#producers?.get(producerId);
    if (entry === undefined) {
      const mayBeForgotten = nowMs - timestampMs >= this.#limits.expirationMs ||
        this.size >= this.#limits.maxProducers * 15 / 16 - 1;
      return mayBeForgotten ? null : `it misses producer ${producerId} at ${lastOffset}`;
    }
    const isNewer = epoch > entry.epoch || epoch === entry.epoch && lastOffset > entry.lastOffset;
    if (isNewer) {
      return `producer ${producerId} is at ${entry.lastOffset}, and in the log at ${lastOffset}`;
    }
    if (epoch !== entry.epoch) return null;
    const delta = batch.lastOffsetDelta(bytes);
    entry.recall(batch.lastSequence(bytes), lastOffset, delta, timestampMs);
    return null;
  }

  /**
   * Takes up a batch that begins at `baseOffset` in the log; the transaction it completed, or null. `nowMs` is when
   * it was appended. A replay leaves it out: the batch's own timestamp serves then, and markers count as visible.
   * `transactionVersion` is that of a marker's claim.
   */
  apply(
    bytes: Uint8Array,
    baseOffset: number,
    nowMs?: number,
    transactionVersion = 0,
  ): CompletedTransaction | null {
    const producerId = batch.producerId(bytes);
    if (producerId === batch.NO_PRODUCER_ID) return null;
    const marker = batch.isControl(bytes) ? readEndTxnMarker(bytes) : null;
    if (marker === null && batch.isControl(bytes)) return null;
    const entry = this.#entryFor(producerId, batch.producerEpoch(bytes));
    entry.usedMs = Math.max(entry.usedMs, nowMs ?? batch.maxTimestamp(bytes));
    if (marker !== null) {
      this.verifications?.ended(producerId, entry.epoch, transactionVersion);
      const completed = this.#endTransaction(entry, marker, bytes, baseOffset);
      if (completed !== null && nowMs !== undefined) this.#addUnseen(completed);
      return completed;
    }
    const delta = batch.lastOffsetDelta(bytes);
    entry.addBatch(batch.lastSequence(bytes), baseOffset + delta, delta, batch.maxTimestamp(bytes));
    if (batch.isTransactional(bytes)) this.verifications?.opened(producerId);
    if (!batch.isTransactional(bytes)) return null;
    if (nowMs !== undefined) entry.isAdmitted = true;
    if (entry.txnFirstOffset < 0) {
      entry.txnFirstOffset = baseOffset;
      (this.#open ??= new Map()).set(producerId, baseOffset);
    }
    return null;
  }

  /** Transactions that a replay found open, and nobody has said of that the coordinator knows them. */
  *unadmitted(): Generator<OpenTransaction> {
    for (const producerId of this.#open?.keys() ?? []) {
      const { isAdmitted, epoch: producerEpoch } = this.#producers!.get(producerId)!;
      if (!isAdmitted) yield { producerId, producerEpoch };
    }
  }

  /** The coordinator knows of the transaction, if that is the one that is open. */
  admit({ producerId, producerEpoch }: OpenTransaction): void {
    const entry = this.#producers?.get(producerId);
    if (entry !== undefined && isOpen(entry, producerEpoch)) entry.isAdmitted = true;
  }

  /** Whether the producer has a transaction open, of whatever epoch. */
  hasOpen(producerId: number): boolean {
    return this.#open?.has(producerId) ?? false;
  }

  /**
   * Forgets producers unheard of for expirationMs; one with an open transaction stays. Returns how many went. Who was last
   * heard of when is known from the last look, so most looks are at nobody.
   */
  removeExpired(nowMs: number): number {
    const before = this.size, { expirationMs } = this.#limits;
    this.verifications?.removeExpired(nowMs, expirationMs);
    if (nowMs - this.#longestUnheardMs < expirationMs) return 0;
    this.#longestUnheardMs = nowMs;
    for (const entry of this.#producers?.values() ?? []) {
      if (this.#isExpired(entry, nowMs)) this.#producers!.delete(entry.producerId);
      else if (entry.txnFirstOffset < 0) {
        this.#longestUnheardMs = Math.min(this.#longestUnheardMs, entry.usedMs);
      }
    }
    const removed = before - this.size;
    if (this.size === 0) this.#producers = null;
    return removed;
  }

  /** Whether the oldest open transaction has heard nothing of its producer for longer than `lateMs`. */
  hasLateTransaction(nowMs: number, lateMs: number): boolean {
    for (const producerId of this.#open?.keys() ?? []) {
      return nowMs - this.#producers!.get(producerId)!.usedMs > lateMs;
    }
    return false;
  }

  /** What a snapshot holds of every producer, in ascending order of ids so that equal states give equal bytes. */
  entries(): ProducerSnapshotEntry[] {
    const entries = [...this.#producers?.values() ?? []].map((entry) => entry.toSnapshot());
    return entries.sort((a, b) => a.producerId - b.producerId);
  }

  /** Whether a batch that is there already may be told so: not while its transaction may be one that nobody knows. */
  #isKnown(entry: ProducerEntry, { verification }: ProducerClaim): boolean {
    if (entry.isAdmitted || entry.txnFirstOffset < 0 || verification === undefined) return true;
    if (!this.verifications?.holds(verification)) return false;
    this.verifications.opened(entry.producerId);
    return entry.isAdmitted = true;
  }

  #checkUnknown(bytes: Uint8Array, claim: ProducerClaim): Verdict {
    if (!batch.isTransactional(bytes)) return APPEND;
    // A producer in a transaction cannot be forgotten, so there has to be an end to how many there may be.
    if ((this.#open?.size ?? 0) >= this.#limits.maxProducers) return TOO_MANY_OPEN;
    return this.#checkFirst(bytes, claim, true) ?? APPEND;
  }

  /** Why a batch may not open its transaction here, or null. `isNew` when no batch of the producer is known. */
  #checkFirst(bytes: Uint8Array, claim: ProducerClaim, isNew: boolean): Verdict | null {
    const { verification, origin } = claim, { verifications } = this;
    if (verification !== undefined && !verifications?.holds(verification)) {
      return NOT_IN_TRANSACTION;
    }
    if (verifications === null || origin !== "client") return null;
    const producerId = batch.producerId(bytes), baseSequence = batch.baseSequence(bytes);
    return verifications.isInOrder(producerId, baseSequence, isNew) ? null : OUT_OF_ORDER;
  }

  #entryFor(producerId: number, epoch: number): ProducerEntry {
    const known = this.#producers?.get(producerId);
    if (known !== undefined) {
      known.setEpoch(epoch);
      return known;
    }
    this.#producers ??= new Map();
    if (this.#producers.size >= this.#limits.maxProducers) this.#forgetOldest();
    const entry = new ProducerEntry(producerId, epoch);
    this.#producers.set(producerId, entry);
    return entry;
  }

  #endTransaction(
    entry: ProducerEntry,
    marker: EndTxnMarker,
    bytes: Uint8Array,
    markerOffset: number,
  ): CompletedTransaction | null {
    const { producerId, txnFirstOffset: firstOffset } = entry;
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.timestampMs = batch.maxTimestamp(bytes);
    entry.txnFirstOffset = -1;
    entry.isAdmitted = false;
    if (firstOffset < 0) return null;
    this.#open?.delete(producerId);
    if (this.#open?.size === 0) this.#open = null;
    return {
      producerId,
      firstOffset,
      lastOffset: markerOffset,
      isAborted: !marker.isCommit,
      lastStableOffset: this.firstUndecidedOffset ?? markerOffset + 1,
    };
  }

  /** Where nobody asks for the last stable offset the older half counts as one transaction, which is never too little. */
  #addUnseen(completed: CompletedTransaction): void {
    const unseen = this.#unseen ??= [];
    unseen.push(completed);
    if (unseen.length < MAX_UNSEEN) return;
    const older = unseen.splice(0, MAX_UNSEEN >> 1);
    const firstOffset = Math.min(...older.map((each) => each.firstOffset));
    unseen.unshift({ firstOffset, lastOffset: older[older.length - 1].lastOffset });
  }

  #isExpired(entry: ProducerEntry, nowMs: number): boolean {
    return entry.txnFirstOffset < 0 && nowMs - entry.usedMs >= this.#limits.expirationMs;
  }

  /** Forgets a sixteenth at once, so that a flood of new producers does not sort the rest for each of them. */
  #forgetOldest(): void {
    const idle = [...this.#producers!.values()].filter((entry) => entry.txnFirstOffset < 0);
    idle.sort((a, b) => a.usedMs - b.usedMs);
    const count = Math.max(1, this.#limits.maxProducers >> 4);
    for (const entry of idle.slice(0, count)) this.#producers!.delete(entry.producerId);
  }
}

/** Whether the producer has a transaction of this epoch open. */
function isOpen(entry: ProducerEntry, epoch: number): boolean {
  return entry.txnFirstOffset >= 0 && entry.epoch === epoch;
}

function isNext(entry: ProducerEntry, epoch: number, firstSequence: number): boolean {
  if (epoch !== entry.epoch) return firstSequence === 0;
  const last = entry.lastSequence;
  return firstSequence === (last === MAX_SEQUENCE ? 0 : last + 1);
}

function refusal(code: number) {
  return { kind: "error", code } as const;
}
