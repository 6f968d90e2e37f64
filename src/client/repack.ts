/**
 * repack: what a fetch brought of one partition, as batches to send elsewhere: without records of aborted transactions,
 * control records and gaps, each as it was compressed.
 *
 * A batch that is what a producer may send stays the bytes it is. One with gaps, with the broker's timestamps, of
 * another codec than is wanted or too large is made anew; small neighbours of one codec become one batch.
 */
import * as batch from "../protocol/records/batch.ts";
import {
  CompressionError,
  type CompressionType,
  isCompressionType,
} from "../protocol/records/compression.ts";
import { JoinedRecords, mayJoin } from "../protocol/records/joined_records.ts";
import {
  AbortedTransactions,
  CorruptBatchError,
  type FetchedPartition,
} from "./fetched_records.ts";

/** A batch without a producer. */
export interface Repacked {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Where the source goes on behind it. */
  readonly nextOffset: number;
}

export interface RepackOptions {
  /** In place of each batch's own. */
  readonly compression: CompressionType | null;
  /** What is larger is parted, as far as it has more than one record. */
  readonly maxBatchBytes: number;
}

/**
 * The batches from `position` on, and where the next fetch goes on: behind all that was read. Bytes may be views of the
 * answer's. Throws CorruptBatchError, RecordError, CompressionError.
 */
export function repack(
  partition: FetchedPartition,
  position: number,
  options: RepackOptions,
): { readonly batches: Repacked[]; readonly nextOffset: number } {
  const bytes = partition.records ?? new Uint8Array();
  const aborted = new AbortedTransactions(partition.abortedTransactions ?? []);
  const packer = new Packer(options);
  let nextOffset = position;
  // A fetch gives one whole batch at least, so this is none of a kind that is known.
  if (bytes.length > MAGIC_AT && batch.endOf(bytes, 0) === -1) mustBeReadable(bytes, 0);
  for (const at of batch.batches(bytes)) {
    mustBeReadable(bytes, at);
    const behind = batch.lastOffset(bytes, at) + 1, isHidden = aborted.hides(bytes, at);
    if (behind <= position) continue;
    if (!isHidden && batch.recordCount(bytes, at) > 0) packer.add(bytes, at, position);
    nextOffset = Math.max(nextOffset, behind);
  }
  return { batches: packer.finish(), nextOffset };
}

class Packer {
  readonly #options: RepackOptions;
  readonly #out: Repacked[] = [];
  readonly #joined = new JoinedRecords();
  #codec: CompressionType = 0;
  #nextOffset = 0;

  constructor(options: RepackOptions) {
    this.#options = options;
  }

  add(bytes: Uint8Array, at: number, position: number): void {
    const { compression, maxBatchBytes } = this.#options;
    const own = codecOf(bytes, at), codec = compression ?? own;
    const size = batch.sizeInBytes(bytes, at), behind = batch.lastOffset(bytes, at) + 1;
    const count = batch.recordCount(bytes, at);
    const isDense = count === batch.lastOffsetDelta(bytes, at) + 1 &&
      batch.baseOffset(bytes, at) >= position && !batch.isLogAppendTime(bytes, at);
    if (
      isDense && codec === own && size >= SMALL_BYTES[own === 0 ? "plain" : "compressed"] &&
      size <= maxBatchBytes
    ) {
      this.#flush();
      this.#out.push({ bytes: bytes.subarray(at, at + size), count, nextOffset: behind });
      return;
    }
    const isAlone = !mayJoin(bytes, at);
    if (isAlone || codec !== this.#codec) this.#flush();
    this.#codec = codec;
    const limit = Math.max(1, Math.min(maxBatchBytes - SLACK_BYTES, JOIN_BYTES));
    for (let from: number | null = position; from !== null;) {
      if (this.#joined.sizeInBytes >= limit) this.#flush();
      from = this.#joined.add(bytes, at, from, limit);
      this.#nextOffset = from ?? behind;
      if (from !== null) this.#flush();
    }
    if (isAlone) this.#flush();
  }

  finish(): Repacked[] {
    this.#flush();
    return this.#out;
  }

  #flush(): void {
    const { count } = this.#joined;
    if (count === 0) return;
    const bytes = this.#joined.build(this.#codec);
    this.#out.push({ bytes, count, nextOffset: this.#nextOffset });
  }
}

function mustBeReadable(bytes: Uint8Array, at: number): void {
  const what = `Cannot read the batch at offset ${batch.baseOffset(bytes, at)}`;
  if (batch.magic(bytes, at) !== batch.MAGIC_V2) {
    throw new CorruptBatchError(
      `${what}: its format is ${batch.magic(bytes, at)}, from before Kafka 0.11; needed is 2`,
    );
  }
  if (!batch.isIntact(bytes, at)) throw new CorruptBatchError(`${what}: its checksum is wrong`);
}

function codecOf(bytes: Uint8Array, at: number): CompressionType {
  const codec = batch.compression(bytes, at);
  if (isCompressionType(codec)) return codec;
  throw new CompressionError("broken", `Cannot copy: compression ${codec} is not defined`);
}

/** Below it a batch is joined with its neighbours; compressing again costs more than a request. */
const SMALL_BYTES = { plain: 64 << 10, compressed: 8 << 10 };
/** Where a joined batch stops growing, uncompressed. */
const JOIN_BYTES = 256 << 10;
/** What a batch takes beside its records, about. */
const SLACK_BYTES = 1 << 10;
/** In every format. */
const MAGIC_AT = 16;
