/**
 * PartitionHistory: the producers and consumers of one partition in a random history. Plain producers send and forget;
 * idempotent ones send up to five batches at a time, and after a failure or a start send all again that are not
 * answered, in order, as clients do.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { readRecords } from "../protocol/records/record.ts";
import { refused } from "../storage/log/appended.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { StoreError } from "../storage/store.ts";
import { type Attempt, type FoundRecord, Ledger, type SentRecord } from "./ledger.ts";
import type { SeededRandom } from "./seeded_random.ts";

interface Producer {
  readonly id: number;
  nextSequence: number;
  /** Sent and not answered, in order. */
  pending: { attempt: Attempt; isOnItsWay: boolean }[];
  /** All that it sent, newest last, up to five. */
  latest: Attempt[];
}

export interface SendOptions {
  readonly isLarge: boolean;
  readonly nowMs: number;
  readonly complain: (complaint: string) => void;
  readonly note: (what: string) => void;
}

export class PartitionHistory {
  readonly topicId: Uuid;
  readonly folder: string;
  readonly partition: number;
  readonly ledger: Ledger;
  readonly #label: string;
  readonly #random: SeededRandom;
  #producers: Producer[];
  #named = 0;
  /** Answers of an earlier session are nobody's business. */
  #session = 0;
  #nowMs = 0;

  constructor(options: {
    topicId: Uuid;
    folder: string;
    partition: number;
    isCompacted: boolean;
    label: string;
    random: SeededRandom;
  }) {
    this.topicId = options.topicId;
    this.folder = options.folder;
    this.partition = options.partition;
    this.ledger = new Ledger(options.isCompacted);
    this.#label = options.label;
    this.#random = options.random;
    this.#producers = [1, 2].map(newProducer); // the same ids in every incarnation
  }

  /** A batch of a plain producer, or of an idempotent one. */
  send(log: PartitionLog, options: SendOptions): void {
    this.#nowMs = options.nowMs;
    if (this.#random.oneIn(2)) this.#plain(log, options);
    else this.#idempotent(log, this.#random.pick(this.#producers), options);
  }

  /** What a consumer sees, held against the ledger. */
  async judge(log: PartitionLog, isRestart: boolean): Promise<string[]> {
    try {
      return await this.#judge(log, isRestart);
    } catch (error) {
      if ((error as Error).name !== "CorruptBatchError") throw error;
      return [`not intact: ${(error as Error).message}`];
    }
  }

  async #judge(log: PartitionLog, isRestart: boolean): Promise<string[]> {
    const logStart = log.logStartOffset, end = log.highWatermark;
    const found: FoundRecord[] = [];
    const complaints: string[] = [];
    for (let at = logStart; at < end;) {
      const bytes = await log.read(at, { maxBytes: 1 << 16, bound: "hw", minOneBatch: true });
      if (bytes === null) break;
      for (const position of batch.batches(bytes)) {
        const one = bytes.slice(position, position + batch.sizeInBytes(bytes, position));
        if (!batch.isIntact(one)) return [`not intact: the batch at ${at}`];
        if (batch.lastOffset(one) < at) complaints.push(`reordered: a batch before ${at}`);
        for (const record of readRecords(one)) {
          if (record.offset >= logStart) found.push(foundRecord(record, one));
        }
        at = batch.lastOffset(one) + 1;
      }
      log.pool.give(bytes);
    }
    const { logStartOffset } = log;
    if (logStartOffset !== logStart) return []; // retention came between
    complaints.push(...this.ledger.judge(found, { logStart, end, isRestart }));
    if (isRestart && log.highWatermark < log.logEndOffset) {
      complaints.push(`the high watermark is ${log.highWatermark}, the end ${log.logEndOffset}`);
    }
    if (isRestart && complaints.length === 0) complaints.push(...this.#judgeEpochs(log, found));
    return complaints;
  }

  /** An epoch begins where its first record is, at every start (KIP-101). */
  #judgeEpochs(log: PartitionLog, found: readonly FoundRecord[]): string[] {
    const complaints: string[] = [];
    const entries = new Map(
      log.epochs.entries.map(({ epoch, startOffset }) => [epoch, startOffset]),
    );
    const seen = new Set<number>();
    for (const { offset, leaderEpoch } of found) {
      if (seen.has(leaderEpoch)) continue;
      seen.add(leaderEpoch);
      const start = entries.get(leaderEpoch);
      const isRight = start !== undefined && start <= offset;
      if (!isRight) {
        complaints.push(`epoch ${leaderEpoch} begins at ${start}, has a record at ${offset}`);
      }
    }
    return complaints;
  }

  /** Sends acknowledged batches of each producer's last five again: each must get its first offset. */
  *retriesOfKnown(log: PartitionLog): Generator<string[]> {
    for (const producer of this.#producers) {
      const candidates = this.ledger.isCompacted ? producer.latest.slice(-1) : producer.latest;
      const known = candidates.filter((attempt) =>
        (attempt.state === "acked" || this.ledger.wasShown(attempt)) &&
        attempt.base >= log.logStartOffset &&
        this.ledger.sentBytes - attempt.sentBytes < RECALLED_BYTES
      );
      const attempt = known.length === 0 ? undefined : this.#random.pick(known);
      if (attempt === undefined) continue;
      const { errorCode, baseOffset } = this.#append(log, attempt);
      const isRight = errorCode === ErrorCode.NONE && baseOffset === attempt.base;
      const words = `${attempt.records[0].name} of producer ${producer.id}`;
      yield isRight
        ? []
        : [`retry: ${words} at ${attempt.base} was answered ${errorCode}, ${baseOffset}`];
    }
  }

  sessionEnded(): void {
    this.#session++;
    for (const producer of this.#producers) {
      for (const one of producer.pending) one.isOnItsWay = false;
    }
  }

  cutAt(offset: number): void {
    this.ledger.cutAt(offset);
    // Whoever cuts a log has lost what its producers know: they begin anew, as applications do then.
    this.#producers = this.#producers.map(({ id }) => newProducer(id + 2));
  }

  startAnswered(offset: number): void {
    this.ledger.startAtLeast = Math.max(this.ledger.startAtLeast, offset);
  }

  noteStart(offset: number): void {
    this.ledger.startAtMost = Math.max(this.ledger.startAtMost, offset);
  }

  #plain(log: PartitionLog, options: SendOptions): void {
    const attempt = this.#newAttempt(null, options.isLarge);
    const appended = this.#append(log, attempt);
    if (appended.errorCode !== ErrorCode.NONE) return void (attempt.state = "gone");
    attempt.base = appended.baseOffset;
    this.#noteSent(attempt, options);
    this.#whenAnswered(appended.durable, (isDurable) => {
      options.note(`${this.folder}: ${attempt.base} ${isDurable ? "acknowledged" : "failed"}`);
      if (isDurable) this.ledger.acknowledged(attempt).forEach(options.complain);
    });
  }

  #idempotent(log: PartitionLog, producer: Producer, options: SendOptions): void {
    const { pending } = producer;
    const mustRetry = pending.some(({ isOnItsWay }) => !isOnItsWay);
    if (mustRetry) {
      if (pending.some(({ isOnItsWay }) => isOnItsWay)) return; // its answer is awaited first
      for (const one of [...pending]) if (!this.#again(log, producer, one, options)) return;
      return;
    }
    if (pending.length >= 5) return;
    const sequence = producer.nextSequence;
    const attempt = this.#newAttempt({ id: producer.id, sequence }, options.isLarge);
    const one = { attempt, isOnItsWay: false };
    pending.push(one);
    producer.nextSequence += attempt.records.length;
    producer.latest = [...producer.latest.slice(-4), attempt];
    this.#again(log, producer, one, options);
  }

  /** Sends a batch, perhaps not for the first time; false when it was refused. */
  #again(
    log: PartitionLog,
    producer: Producer,
    one: Producer["pending"][number],
    options: SendOptions,
  ): boolean {
    const { attempt } = one, { complain, note } = options;
    const mustBeThere = attempt.base >= log.logStartOffset && this.ledger.wasShown(attempt);
    const { errorCode, baseOffset, durable } = this.#append(log, attempt);
    const name = attempt.records[0].name;
    if (errorCode !== ErrorCode.NONE) {
      note(
        `${this.folder}: ${name} by ${producer.id} as ${attempt.producer!.sequence}: ${errorCode}`,
      );
      const isExcused = UNAVAILABLE.includes(errorCode);
      if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && this.#isForgotten(log, attempt)) {
        this.#beginAnew(producer);
      } else if (!isExcused) {
        complain(`retry: ${name} of producer ${producer.id} was answered ${errorCode}`);
      }
      return false;
    }
    if (mustBeThere && baseOffset !== attempt.base) {
      complain(`retry: ${name} was shown at ${attempt.base}, is answered ${baseOffset}`);
    }
    attempt.base = baseOffset;
    attempt.state = "sent";
    one.isOnItsWay = true;
    this.#noteSent(attempt, options);
    this.#whenAnswered(durable, (isDurable) => {
      note(`${this.folder}: ${attempt.base} ${isDurable ? "acknowledged" : "failed"}`);
      one.isOnItsWay = false;
      if (!isDurable) return;
      producer.pending = producer.pending.filter((other) => other !== one);
      this.ledger.acknowledged(attempt).forEach(complain);
    });
    return true;
  }

  /**
   * Whether the log may have forgotten a batch, as Kafka's does, that came before the producer's last one: its records were
   * deleted, or compaction took it.
   */
  #isForgotten(log: PartitionLog, attempt: Attempt): boolean {
    if (attempt.base < 0) return false;
    return attempt.base < log.logStartOffset || this.ledger.isCompacted;
  }

  /** Under another id, as a client does that is told its sequence is out of order. */
  #beginAnew(producer: Producer): void {
    this.#producers = this.#producers.map((one) =>
      one === producer ? newProducer(one.id + 2) : one
    );
  }

  #noteSent({ base, records, producer }: Attempt, { note }: SendOptions): void {
    const by = producer === null ? "" : ` by ${producer.id} as ${producer.sequence}`;
    note(`${this.folder}: ${records.length} at ${base}${by}, ${records[0].valueBytes} bytes`);
  }

  #whenAnswered(durable: Promise<void>, then: (isDurable: boolean) => void): void {
    const session = this.#session;
    const answered = (isDurable: boolean) => {
      if (session === this.#session) then(isDurable);
    };
    durable.then(() => answered(true), () => answered(false));
  }

  #append(log: PartitionLog, { records, producer }: Attempt) {
    const bytes = buildBatch({
      records: records.map(({ name, key, isTombstone, valueBytes }) => ({
        timestampMs: this.#nowMs,
        key: key === null ? null : utf8.encode(key),
        value: isTombstone ? null : utf8.encode("value ".padEnd(valueBytes, ".")),
        headers: [{ key: name, value: null }],
      })),
      producerId: producer?.id,
      producerEpoch: producer === null ? undefined : 0,
      baseSequence: producer?.sequence,
    });
    try {
      return log.append(bytes, { origin: "client", leaderEpoch: log.leaderEpoch });
    } catch (error) { // the client's connection ends then
      if (!(error instanceof StoreError)) throw error;
      return refused(ErrorCode.KAFKA_STORAGE_ERROR);
    }
  }

  #newAttempt(producer: Attempt["producer"], isLarge: boolean): Attempt {
    const random = this.#random, { isCompacted } = this.ledger;
    const count = isLarge ? 1 : 1 + random.below(4);
    const records: SentRecord[] = Array.from({ length: count }, () => ({
      name: `${this.#label}.${this.#named++}`,
      key: isCompacted ? `key ${random.below(6)}` : null,
      isTombstone: isCompacted && random.oneIn(4),
      valueBytes: isLarge ? 270_000 + random.below(60_000) : random.below(120),
    }));
    const bytes = records.reduce((sum, { valueBytes }) => sum + valueBytes + 100, 0);
    return this.ledger.sending(records, producer, bytes);
  }
}

function newProducer(id: number): Producer {
  return { id, nextSequence: 0, pending: [], latest: [] };
}

function foundRecord(
  { offset, key, value, headers }: ReturnType<typeof readRecords> extends Iterable<infer R> ? R
    : never,
  one: Uint8Array,
): FoundRecord {
  return {
    offset,
    name: headers[0].key,
    key: key && utf8Text.decode(key),
    isTombstone: value === null,
    valueBytes: value?.length ?? 0,
    leaderEpoch: batch.partitionLeaderEpoch(one),
  };
}

/** Codes that only say that the partition cannot be written now. */
const UNAVAILABLE: readonly number[] = [
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
];
/** So far back a start looks for the batches that a producer may send again. */
const RECALLED_BYTES = 900_000;
const utf8 = new TextEncoder();
const utf8Text = new TextDecoder();
