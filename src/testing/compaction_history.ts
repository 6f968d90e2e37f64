/**
 * A random history of one partition, for tests: plain, idempotent and transactional producers, every codec, tombstones
 * and headers; with what was written, to hold against what a consumer reads after compaction.
 */
import { BufferPool } from "../bytes/pool.ts";
import { randomUuid } from "../bytes/uuid.ts";
import { FakeClock } from "./fake_clock.ts";
import { type TopicConfig, topicConfigDefaults } from "../config/topic_configs.ts";
import * as batch from "../protocol/records/batch.ts";
import { buildBatch } from "../protocol/records/build.ts";
import type { CompressionType } from "../protocol/records/compression.ts";
import { buildEndTxnBatch } from "../protocol/records/control_record.ts";
import { type LogRecord, readRecords } from "../protocol/records/record.ts";
import { readEndTxnMarker } from "../storage/producers/end_txn_marker.ts";
import { GroupCommit } from "../storage/durability/group_commit.ts";
import { createLog, openLog } from "../storage/log/open_log.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import type { Store } from "../storage/store.ts";
import { readNow } from "./read_now.ts";

export const TOPIC_ID = randomUuid();
const REF = { topicId: TOPIC_ID, topic: "t", partition: 0 };

/** A clock whose monotonic side runs a little a look, so that paced work rests often. */
export class BusyClock extends FakeClock {
  override monotonicMs(): number {
    this.#looks++;
    return super.monotonicMs() + this.#looks / 10;
  }
  #looks = 0;
}

export function testContext(store: Store, clock: FakeClock): LogContext {
  const fail = (error: unknown) => {
    throw error;
  };
  return {
    store,
    clock,
    commit: new GroupCommit({ policy: "fsync", intervalMs: 0, journal: null, onFailure: fail }),
    pool: new BufferPool({ keepBytes: 1 << 20 }),
    producers: DEFAULT_PRODUCER_LIMITS,
    onProblem: () => {},
    later: () => {}, // ".deleted" files stay, as when the broker stops before they are due
  };
}

export function compactedConfig(overrides: Partial<TopicConfig> = {}): TopicConfig {
  return {
    ...topicConfigDefaults(),
    "cleanup.policy": ["compact"],
    "segment.bytes": 1500,
    "index.interval.bytes": 200,
    "min.cleanable.dirty.ratio": 0,
    "delete.retention.ms": 10_000,
    ...overrides,
  };
}

export function newLog(context: LogContext, config = compactedConfig()): PartitionLog {
  return createLog(context, REF, config);
}

/** Opens the log as after an unclean stop. */
export async function reopened(
  context: LogContext,
  recoveryPoint: number,
  config = compactedConfig(),
): Promise<PartitionLog> {
  const checkpoint = { recoveryPoint, logStartOffset: undefined, clean: false, journal: [] };
  const { log, damage } = await openLog(context, REF, config, checkpoint);
  if (damage !== null) throw new Error(damage);
  return log;
}

/** A record as written; null key or value as it is. */
export interface Written {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string;
  readonly value: string | null;
  readonly header: string;
}

interface Producer {
  readonly id: number;
  readonly isTransactional: boolean;
  epoch: number;
  sequence: number;
  /** Offsets of the open transaction. */
  pending: Written[];
}

export class History {
  /** Every record that is not a control record, by offset. */
  readonly written = new Map<number, Written>();
  /** Those that a read_committed consumer may see. */
  readonly committed = new Map<number, Written>();
  readonly #log: PartitionLog;
  readonly #random: () => number;
  readonly #clock: FakeClock;
  readonly #keys: number;
  readonly #producers: Producer[] = [1, 2, 3, 11, 12, 13].map((id) => ({
    id,
    isTransactional: id > 10,
    epoch: 0,
    sequence: 0,
    pending: [],
  }));
  #counter = 0;

  constructor(log: PartitionLog, clock: FakeClock, random: () => number, keys = 12) {
    this.#log = log;
    this.#clock = clock;
    this.#random = random;
    this.#keys = keys;
  }

  /** Writes one batch or marker and waits until it is kept. */
  async step(): Promise<void> {
    this.#clock.advance(1 + this.#below(50));
    const choice = this.#random();
    if (choice < 0.4) return await this.#data(null);
    const producer = this.#producers[this.#below(this.#producers.length)];
    if (!producer.isTransactional || producer.pending.length === 0 || choice < 0.7) {
      return await this.#data(producer);
    }
    await this.#end(producer, this.#random() < 0.5);
  }

  /** Ends every open transaction. */
  async settle(): Promise<void> {
    for (const producer of this.#producers) {
      if (producer.pending.length > 0) await this.#end(producer, true);
    }
  }

  /** One plain batch with these records. */
  async put(...pairs: [key: string, value: string | null][]): Promise<void> {
    const records = pairs.map(([key, value]) => ({ key, value, timestampMs: this.#clock.nowMs() }));
    await this.#append(records, null, 0);
  }

  /** What a consumer's table holds in the end: the last value of every key. */
  table(): Map<string, string> {
    return tableOf(this.committed.values());
  }

  async #data(producer: Producer | null): Promise<void> {
    const records = Array.from({ length: 1 + this.#below(5) }, () => ({
      key: `key-${this.#below(this.#keys)}${"x".repeat(this.#below(2) * 20)}`,
      value: this.#random() < 0.2 ? null : `value-${this.#counter++}`,
      timestampMs: this.#clock.nowMs() - this.#below(20),
    }));
    await this.#append(records, producer, this.#below(5) as CompressionType);
  }

  async #append(
    records: { key: string; value: string | null; timestampMs: number }[],
    producer: Producer | null,
    compression: CompressionType,
  ): Promise<void> {
    const header = `h${this.#counter}`;
    const appended = this.#log.append(
      buildBatch({
        records: records.map(({ key, value, timestampMs }) => ({
          timestampMs,
          key: utf8.encode(key),
          value: value === null ? null : utf8.encode(value),
          headers: [{ key: header, value: null }],
        })),
        compression,
        producerId: producer?.id,
        producerEpoch: producer?.epoch,
        baseSequence: producer?.sequence,
        isTransactional: producer?.isTransactional,
      }),
      { origin: "client", leaderEpoch: 0 },
    );
    if (appended.errorCode !== 0) throw new Error(`append was refused: ${appended.errorCode}`);
    if (producer !== null) producer.sequence += records.length;
    for (const [i, record] of records.entries()) {
      const one = { ...record, offset: appended.baseOffset + i, header };
      this.written.set(one.offset, one);
      if (producer?.isTransactional) producer.pending.push(one);
      else this.committed.set(one.offset, one);
    }
    await appended.durable;
  }

  async #end(producer: Producer, isCommit: boolean): Promise<void> {
    const bumps = this.#random() < 0.5; // as transaction version 2 does
    if (bumps) {
      producer.epoch++;
      producer.sequence = 0;
    }
    const appended = this.#log.append(
      buildEndTxnBatch({
        isCommit,
        coordinatorEpoch: 0,
        producerId: producer.id,
        producerEpoch: producer.epoch,
        timestampMs: this.#clock.nowMs(),
      }),
      { origin: "coordinator", leaderEpoch: 0 },
    );
    if (appended.errorCode !== 0) throw new Error(`marker was refused: ${appended.errorCode}`);
    if (isCommit) { for (const one of producer.pending) this.committed.set(one.offset, one); }
    producer.pending = [];
    await appended.durable;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

export function tableOf(records: Iterable<Written>): Map<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of [...records].sort((a, b) => a.offset - b.offset)) {
    if (value === null) table.delete(key);
    else table.set(key, value);
  }
  return table;
}

/** What a consumer is given, read in small pieces; read_committed skips as Kafka's CompletedFetch does. */
export function consume(log: PartitionLog, isolation: "committed" | "uncommitted"): Written[] {
  const bound = isolation === "committed" ? "lso" : "hw";
  const found: Written[] = [];
  let from = log.logStartOffset;
  for (;;) {
    const bytes = readNow(log, from, { maxBytes: 700, bound, minOneBatch: true });
    if (bytes === null) return found;
    const ahead = isolation === "committed" ? log.abortedTransactions(from, bytes) : [];
    const aborted = new Set<number>();
    ahead.sort((a, b) => b.firstOffset - a.firstOffset);
    for (const at of batch.batches(bytes)) {
      const last = batch.lastOffset(bytes, at), producerId = batch.producerId(bytes, at);
      while (ahead.length > 0 && ahead[ahead.length - 1].firstOffset <= last) {
        aborted.add(ahead.pop()!.producerId);
      }
      const one = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
      if (!batch.isIntact(one)) throw new Error(`the batch at offset ${from} has a bad checksum`);
      if (readEndTxnMarker(one)?.isCommit === false) aborted.delete(producerId);
      const isSkipped = batch.isControl(one) ||
        batch.isTransactional(one) && aborted.has(producerId);
      if (!isSkipped) { for (const record of readRecords(one)) found.push(asWritten(record)); }
      from = last + 1;
    }
  }
}

function asWritten({ offset, timestampMs, key, value, headers }: LogRecord): Written {
  return {
    offset,
    timestampMs,
    key: utf8Text.decode(key!),
    value: value && utf8Text.decode(value),
    header: headers[0].key,
  };
}

const utf8 = new TextEncoder();
const utf8Text = new TextDecoder();
