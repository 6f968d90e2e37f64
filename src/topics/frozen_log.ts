/**
 * FrozenLog: the metadata log of a directory as it lies there, to look at before anything in the directory is touched:
 * opening a log mends its end and its indexes, and what is not ours must be left as it is.
 *
 * Its batches are a chain (BatchChain) over all segments. What lies behind the last good one is a torn tail or damage:
 *
 * | what lies there | is |
 * |---|---|
 * | the beginning of a batch, zeros, or bytes that are nothing | torn: what a write leaves that a crash interrupted |
 * | a batch that is whole but for one bit, or whose header alone is wrong | damage: no interrupted write leaves that |
 * | anything, with an intact batch behind it or a later segment | damage: a commit is written when the one before it is durable |
 */
import { isOneBitOff } from "../bytes/one_bit.ts";
import { crc32c } from "../bytes/crc32c.ts";
import * as batch from "../protocol/records/batch.ts";
import { BatchChain } from "../protocol/records/batch_chain.ts";
import type { Blob, Store } from "../storage/store.ts";
import { MAX_BATCH_BYTES } from "./metadata_batch.ts";
import type { RecordLog } from "./metadata_log.ts";

/** What lies behind the last good batch. */
export interface Tail {
  readonly kind: "torn" | "damage";
  /** "__cluster_metadata-0/00000000000000000000.log" */
  readonly file: string;
  readonly position: number;
  readonly bytes: number;
  /** A sentence after "the batch at offset 17". */
  readonly problem: string;
}

export class FrozenLog implements Pick<RecordLog, "logStartOffset" | "logEndOffset" | "read"> {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Of the good batches, over all segments. */
  readonly bytes: number;
  readonly tail: Tail | null;
  readonly #batches: Generator<Uint8Array, void>;

  /** `maxLeaderEpoch`: no batch can have a later one. */
  constructor(store: Store, folder: string, maxLeaderEpoch = Infinity) {
    const bases = basesIn(store, folder);
    this.logStartOffset = bases[0] ?? 0;
    const chain = chainFrom(this.logStartOffset, maxLeaderEpoch);
    const walk = walkOver(store, folder, bases, chain);
    let bytes = 0, step = walk.next();
    for (; !step.done; step = walk.next()) bytes += step.value.length;
    this.bytes = bytes;
    this.tail = step.value;
    this.logEndOffset = chain.nextOffset;
    const again = chainFrom(this.logStartOffset, maxLeaderEpoch);
    this.#batches = withoutTail(walkOver(store, folder, bases, again));
  }

  /** The next batch that holds `from` or what follows; offsets asked for ascend. */
  read(from: number): Uint8Array | null {
    for (let next = this.#batches.next(); !next.done; next = this.#batches.next()) {
      if (batch.lastOffset(next.value) >= from) return next.value;
    }
    return null;
  }

  close(): void {
    this.#batches.return();
  }
}

function chainFrom(nextOffset: number, maxLeaderEpoch: number): BatchChain {
  return new BatchChain({ nextOffset, mayHaveGaps: false, maxLeaderEpoch });
}

function basesIn(store: Store, folder: string): number[] {
  const bases: number[] = [];
  for (const { name, isFolder } of store.list(folder)) {
    const match = isFolder ? null : /^(\d{20})\.log$/.exec(name);
    if (match !== null) bases.push(Number(match[1]));
  }
  return bases;
}

function* withoutTail(walk: Generator<Uint8Array, unknown>): Generator<Uint8Array, void> {
  yield* walk;
}

/** The good batches, each gone with the next step; then what lies behind them. */
function* walkOver(
  store: Store,
  folder: string,
  bases: readonly number[],
  chain: BatchChain,
): Generator<Uint8Array, Tail | null> {
  for (const [i, base] of bases.entries()) {
    const file = `${folder}/${String(base).padStart(20, "0")}.log`;
    const hasLater = i + 1 < bases.length;
    if (base !== chain.nextOffset) {
      const problem = `should begin this segment, which begins at offset ${base}`;
      return { kind: "damage", file, position: 0, bytes: 0, problem };
    }
    const blob = store.open(file);
    try {
      const position = yield* walkSegment(blob, chain);
      if (position === blob.size) continue;
      const rest = bytesAt(blob, position, Math.min(blob.size - position, LARGEST_TAIL));
      const problem = chain.problem(rest) ?? "lies there";
      const kind = hasLater || blob.size - position > LARGEST_TAIL || isDamage(rest)
        ? "damage"
        : "torn";
      return { kind, file, position, bytes: blob.size - position, problem };
    } finally {
      blob.close();
    }
  }
  return null;
}

/** Returns the position behind the last good batch. */
function* walkSegment(blob: Blob, chain: BatchChain): Generator<Uint8Array, number> {
  let position = 0;
  for (let window = READ_BYTES; position < blob.size;) {
    const bytes = bytesAt(blob, position, Math.min(window, blob.size - position));
    let at = 0;
    for (let end = batch.endOf(bytes, at); end > 0; end = batch.endOf(bytes, at)) {
      const one = bytes.subarray(at, end);
      if (chain.take(one) !== null) return position + at;
      yield one;
      at = end;
    }
    position += at;
    if (at > 0) continue;
    // Not whole: it needs a larger window, or is not whole in the file.
    const size = bytes.length < batch.LOG_OVERHEAD ? -1 : batch.sizeInBytes(bytes);
    if (size <= bytes.length || size > MAX_BATCH_BYTES || position + size > blob.size) break;
    window = size;
  }
  return position;
}

/** Whether a stretch that is no good batch is more than an interrupted write leaves. */
function isDamage(rest: Uint8Array): boolean {
  if (rest.length >= batch.BATCH_OVERHEAD && isSummed(rest, rest.length)) return true;
  const end = batch.endOf(rest, 0);
  if (end > 0) {
    if (isSummed(rest, end)) return true; // it is intact, and does not belong here
    if (isOneBitOff(rest, batch.crc(rest), batch.CRC_FROM, end)) return true;
    if (rest[end - 1] !== 0) return true; // written to its end, and yet wrong
  }
  return hasIntactBatch(rest);
}

/** Whether the batch that begins at 0 matches its checksum when it ends at `end`, whatever its length says. */
function isSummed(rest: Uint8Array, end: number): boolean {
  return batch.crc(rest) === crc32c(rest, batch.CRC_FROM, end);
}

/** Whether an intact batch lies anywhere behind the beginning; also when that takes too long to say. */
function hasIntactBatch(rest: Uint8Array): boolean {
  let budget = SEARCH_BYTES;
  for (let at = 1; at + batch.BATCH_OVERHEAD <= rest.length; at++) {
    if (rest[at + 16] !== batch.MAGIC_V2) continue;
    const end = batch.endOf(rest, at);
    if (end < 0) continue;
    if (batch.isIntact(rest, at)) return true;
    budget -= end - at;
    if (budget < 0) return true;
  }
  return false;
}

function bytesAt(blob: Blob, position: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  return bytes.subarray(0, blob.read(position, bytes));
}

const READ_BYTES = 1 << 20;
/** One commit at most is on its way when a crash comes. */
const LARGEST_TAIL = 2 * MAX_BATCH_BYTES;
/** Of checksums, for a stretch that looks like batches everywhere. */
const SEARCH_BYTES = 256 << 20;
