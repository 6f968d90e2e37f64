/**
 * CompactionWriter: the `.cleaned` segment that a group of segments is compacted into.
 *
 * Batches are gathered and written in large pieces, and the pieces synced every few megabytes: one sync of a whole
 * segment at the end would keep the device from everybody else's for as long as it takes.
 */
import * as batch from "../../protocol/records/batch.ts";
import { Segment, type SegmentContext } from "../segments/segment.ts";
import { CLEANED } from "../segments/segment_files.ts";

const BUFFER_BYTES = 1 << 18;
const SYNC_BYTES = 4 << 20;

export class CompactionWriter {
  readonly segment: Segment;
  readonly #context: SegmentContext;
  readonly #indexIntervalBytes: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #buffered = 0;
  #unsynced = 0;

  constructor(context: SegmentContext, baseOffset: number, indexIntervalBytes: number) {
    this.#context = { ...context, suffix: CLEANED };
    this.segment = new Segment(this.#context, baseOffset, 0);
    this.#indexIntervalBytes = indexIntervalBytes;
  }

  append(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > BUFFER_BYTES) this.#flush();
    const position = this.segment.log.size + this.#buffered;
    if (bytes.length > BUFFER_BYTES) this.#write(bytes);
    else {
      this.#buffer.set(bytes, this.#buffered);
      this.#buffered += bytes.length;
    }
    const summary = {
      baseOffset: batch.baseOffset(bytes),
      lastOffset: batch.lastOffset(bytes),
      maxTimestampMs: batch.maxTimestamp(bytes),
    };
    this.segment.reindex(summary, position, bytes.length, this.#indexIntervalBytes);
  }

  /** Whether so much is written that it had better be synced now. */
  get isSyncDue(): boolean {
    return this.#unsynced >= SYNC_BYTES;
  }

  async sync(): Promise<void> {
    this.#unsynced = 0;
    await this.segment.log.sync();
  }

  /** Everything on the device, indexes too: they are not rebuilt where the log was known to be whole. */
  async finish(): Promise<void> {
    this.#flush();
    this.segment.flushIndexes(true);
    const { log, offsetIndex, timeIndex, txnIndex } = this.segment;
    await log.sync();
    await offsetIndex.sync();
    await timeIndex.sync();
    await txnIndex.sync();
  }

  close(): void {
    this.segment.close();
  }

  #flush(): void {
    if (this.#buffered === 0) return;
    this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Uint8Array): void {
    this.segment.log.append(bytes);
    this.#unsynced += bytes.length;
  }
}
