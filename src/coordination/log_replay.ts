/**
 * LogReplay: a coordinator's log, read from its start to its end into a shard.
 *
 * What is read becomes state, so every batch is checked (BatchChain), the last one must end where the log does, and a
 * record that cannot be understood is a failure: there is the whole state or none.
 */
import * as batch from "../protocol/records/batch.ts";
import { BatchChain } from "../protocol/records/batch_chain.ts";
import { readEndTxn } from "../protocol/records/control_record.ts";
import { readRecords } from "../protocol/records/record.ts";
import type { CoordinatorLog } from "./coordinator_log.ts";
import type { Kinds, Shard } from "./shard.ts";

/** What takes up records and markers. */
type Reader = Pick<Shard<Kinds>, "replay" | "marker">;

export class LogReplay {
  readonly #log: CoordinatorLog;
  readonly #reader: Reader;
  readonly #startOffset: number;
  readonly #chain = new BatchChain({ nextOffset: 0, mayHaveGaps: true });

  constructor(log: CoordinatorLog, reader: Reader) {
    this.#log = log;
    this.#reader = reader;
    this.#startOffset = log.logStartOffset;
  }

  /**
   * Reads to where the log ends by then: markers may be written while it is read. Gives way to others between chunks;
   * `give` takes a chunk's memory back, and when `goOn` says no it stops. `atEnd` is called at the end, in the turn in which
   * that was found: whoever hears of it later may have missed what was appended behind. Throws for what is damaged or not
   * understood.
   */
  async run(
    give: (chunk: Uint8Array) => void,
    goOn: () => boolean,
    atEnd: () => void,
  ): Promise<void> {
    const log = this.#log, chain = this.#chain;
    let known: Known | null = null, isFromKnown = true;
    for (let next = this.#startOffset; next < log.logEndOffset;) {
      if (log.offline !== null) throw new Error(log.offline);
      // From the last batch known on: one whose offset was damaged would be passed over as older than `next`.
      const overlap: Known | null = isFromKnown ? known : null;
      const from = overlap === null ? next : next - 1;
      const maxBytes = READ_BYTES + (overlap?.sizeBytes ?? 0);
      const chunk = await log.read(from, { maxBytes, bound: "leo", minOneBatch: true });
      if (chunk === null) break;
      try {
        if (!goOn()) return;
        known = this.#take(chunk, overlap) ?? known;
      } finally {
        give(chunk);
      }
      if (chain.nextOffset <= next && overlap === null) break;
      isFromKnown = chain.nextOffset > next; // else the next one is so large that it has to come alone
      next = Math.max(next, chain.nextOffset);
      if (next < log.logEndOffset) await new Promise((resolve) => setTimeout(resolve));
      if (!goOn()) return;
    }
    if (!goOn()) return;
    if (log.offline !== null) throw new Error(log.offline);
    this.#mustEnd();
    atEnd();
  }

  /** Takes in what the chunk holds behind the batch that is known, with which it may begin; the last one taken. */
  #take(chunk: Uint8Array, overlap: Known | null): Known | null {
    const chain = this.#chain;
    let last: Known | null = null;
    for (let at = 0; at < chunk.length; at += batch.sizeInBytes(chunk, at)) {
      if (at === 0 && overlap !== null && isKnown(chunk, overlap)) continue;
      const problem = chain.problem(chunk, at) ?? this.#outOfBounds(chunk, at);
      if (problem !== null) {
        throw new Error(
          `The batch at offset ${Math.max(chain.nextOffset, this.#startOffset)} ${problem}`,
        );
      }
      chain.take(chunk, at);
      this.#takeBatch(chunk, at);
      last = { crc: batch.crc(chunk, at), sizeBytes: batch.sizeInBytes(chunk, at) };
    }
    return last;
  }

  #takeBatch(chunk: Uint8Array, at: number): void {
    const isControl = batch.isControl(chunk, at), producerId = batch.producerId(chunk, at);
    const pendingOf = batch.isTransactional(chunk, at) ? producerId : null;
    for (const { offset, key, value, timestampMs } of readRecords(chunk, at)) {
      if (offset < this.#startOffset || key === null) continue;
      try {
        if (!isControl) this.#reader.replay({ key, value }, { timestampMs, producerId: pendingOf });
        else {
          const marker = readEndTxn({ key, value });
          if (marker !== null) this.#reader.marker(producerId, marker.isCommit);
        }
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`The record at offset ${offset} cannot be understood: ${why}`, { cause });
      }
    }
  }

  /** A batch that is wholly before or behind the log cannot be where it lies. */
  #outOfBounds(chunk: Uint8Array, at: number): string | null {
    const last = batch.lastOffset(chunk, at);
    const start = this.#startOffset, end = this.#log.logEndOffset;
    return last >= start && last < end
      ? null
      : `ends at offset ${last}, and the log goes from ${start} to ${end}`;
  }

  /** Only where the active segment is empty may compaction have taken the last batches. */
  #mustEnd(): void {
    const { segments = [], logEndOffset: end } = this.#log;
    const read = Math.max(this.#chain.nextOffset, this.#startOffset);
    if (read === end || segments.at(-1)?.baseOffset === end) return;
    throw new Error(`There is no batch at offset ${read}, and the log ends at ${end}`);
  }
}

const READ_BYTES = 1 << 20;

/** A batch by what it holds. */
interface Known {
  readonly crc: number;
  readonly sizeBytes: number;
}

function isKnown(chunk: Uint8Array, { crc, sizeBytes }: Known): boolean {
  return batch.endOf(chunk, 0) === sizeBytes && batch.crc(chunk) === crc;
}
