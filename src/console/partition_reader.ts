/**
 * PartitionReader: reads a partition's records as the user may, a fetch at a time, within what one look may cost: bytes of
 * logs, time, and what a batch may be once decompressed. Others have their turn in between.
 */
import type { Requests } from "../client/asking.ts";
import { check, KafkaError } from "../client/errors.ts";
import { AbortedTransactions } from "../client/fetched_records.ts";
import { Fetch } from "../protocol/messages/fetch.ts";
import * as batch from "../protocol/records/batch.ts";
import { CompressionError } from "../protocol/records/compression.ts";
import {
  type LogRecord,
  readRecordsIn,
  recordBytes,
  RecordError,
} from "../protocol/records/record.ts";
import type { Decoded } from "../protocol/schema.ts";
import { LIMITS, type RecordsAnswer } from "./api.ts";
import { pause } from "./looks.ts";
import { type BatchFacts, batchFacts } from "./record_row.ts";

/** Large memory is given back to the system at once: the collector, which sees little garbage, comes too late. */
const LARGE_BYTES = 256 * 1024;

function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LARGE_BYTES) buffer.transfer(0);
}

/** What one look may cost, and has cost. */
export class Effort {
  records = 0;
  bytes = 0;
  readonly #beganMs = performance.now();
  readonly #signal: AbortSignal;
  readonly #limits: { readonly maxBytes: number; readonly maxMs: number };

  constructor(
    signal: AbortSignal,
    limits: { readonly maxBytes: number; readonly maxMs: number } = {
      maxBytes: LIMITS.maxScanBytes,
      maxMs: LIMITS.maxScanMs,
    },
  ) {
    this.#signal = signal;
    this.#limits = limits;
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#beganMs);
  }

  /** Why it has to end; null: it need not. */
  get isOver(): "time" | "bytes" | null {
    if (this.#signal.aborted || performance.now() - this.#beganMs >= this.#limits.maxMs) {
      return "time";
    }
    return this.bytes >= this.#limits.maxBytes ? "bytes" : null;
  }
}

/**
 * Lets others have their turn when looks have had theirs. That is one for all: what the broker is asked by itself is
 * answered without one, so that a look, or one after another, would go on for as long as there is something.
 */
async function breathe(): Promise<void> {
  if (performance.now() - turnBeganMs < TURN_MS) return;
  await pause();
  turnBeganMs = performance.now();
}

let turnBeganMs = 0;
const TURN_MS = 8, FETCH_BYTES = 1 << 20;

export interface Found {
  readonly record: LogRecord;
  readonly facts: BatchFacts;
}

export interface Reading {
  /** Where to go on. */
  readonly nextOffset: number;
  /** Whether nothing is there behind it now. */
  readonly isAtEnd: boolean;
}

/** What a Fetch has of a partition. */
type Fetched = Decoded<typeof Fetch.response>["responses"][number]["partitions"][number];
type Problem = RecordsAnswer["problems"][number];

export interface PartitionReaderOptions {
  readonly requests: Requests;
  readonly topic: string;
  readonly isCommitted: boolean;
  readonly effort: Effort;
  readonly onProblem: (problem: Problem) => void;
}

export class PartitionReader {
  readonly #options: PartitionReaderOptions;

  constructor(options: PartitionReaderOptions) {
    this.#options = options;
  }

  /**
   * One fetch: hands records from `from` on (before `until`) to `take`, until it says false or the effort is over. Of a
   * record's bytes nothing may be kept: they are gone when this is done. Throws KafkaError.
   */
  async read(
    partition: number,
    { from, until = Infinity }: { readonly from: number; readonly until?: number },
    take: (found: Found) => boolean,
  ): Promise<Reading> {
    await breathe();
    const answer = await this.#fetch(partition, from);
    try {
      return await this.#go(answer, { partition, from, until }, take);
    } finally {
      if (answer.records !== null) free(answer.records);
    }
  }

  async #go(
    answer: Fetched,
    { partition, from, until }: {
      readonly partition: number;
      readonly from: number;
      readonly until: number;
    },
    take: (found: Found) => boolean,
  ): Promise<Reading> {
    const { topic, effort, isCommitted, onProblem } = this.#options;
    const bytes = answer.records ?? new Uint8Array();
    const aborted = new AbortedTransactions(answer.abortedTransactions ?? []);
    effort.bytes += bytes.length;
    let nextOffset = from;
    const end = isCommitted ? answer.lastStableOffset : answer.highWatermark;
    for (const at of batch.batches(bytes)) {
      if (effort.isOver !== null && nextOffset > from) return { nextOffset, isAtEnd: false };
      const last = batch.lastOffset(bytes, at);
      if (aborted.hides(bytes, at)) {
        nextOffset = Math.max(nextOffset, last + 1);
        continue;
      }
      const facts = batchFacts(bytes, at, partition);
      let plain: Uint8Array | null = null;
      try {
        plain = recordBytes(bytes, at, LIMITS.maxBatchBytes);
        if (plain.length !== 0 && facts.compression !== "none") effort.bytes += plain.length;
        for (const record of readRecordsIn(plain, bytes, at)) {
          if (record.offset < nextOffset) continue;
          if (record.offset >= until) return { nextOffset, isAtEnd: true };
          effort.records++;
          if (!take({ record, facts })) return { nextOffset: record.offset + 1, isAtEnd: false };
          nextOffset = record.offset + 1;
          await breathe(); // what is made of one record may take long
          if (effort.isOver !== null) return { nextOffset, isAtEnd: false };
        }
      } catch (error) {
        if (!(error instanceof CompressionError || error instanceof RecordError)) throw error;
        const offset = batch.baseOffset(bytes, at);
        onProblem({ partition, offset, reason: `${topic}-${partition}: ${error.message}` });
      } finally {
        if (plain !== null && plain.buffer !== bytes.buffer) free(plain);
      }
      nextOffset = Math.max(nextOffset, last + 1);
      await breathe();
    }
    return { nextOffset, isAtEnd: bytes.length === 0 || nextOffset >= Math.min(end, until) };
  }

  async #fetch(partition: number, fetchOffset: number): Promise<Fetched> {
    const { requests, topic, isCommitted } = this.#options;
    const response = await requests.request(Fetch, requests.versionFor(Fetch, BY_NAME), {
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: FETCH_BYTES,
      isolationLevel: isCommitted ? 1 : 0,
      topics: [{
        topic,
        partitions: [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }],
      }],
    });
    const about = `records of ${topic}-${partition} from ${fetchOffset}`;
    check(response.errorCode, about);
    const answer = response.responses[0]?.partitions[0];
    if (answer === undefined) throw new KafkaError(-1, about, "The answer left it out.");
    check(answer.errorCode, about);
    return answer;
  }
}

/** The last version that asks by a topic's name. */
const BY_NAME = 12;
