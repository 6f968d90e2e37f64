/** SegmentReader: the batches of a segment's file by position, for a walk: large pieces are read, and nothing is written. */
import * as batch from "../../protocol/records/batch.ts";
import { segmentName } from "../segments/segment.ts";
import type { Blob, Store } from "../store.ts";

export class SegmentReader {
  readonly size: number;
  readonly #blob: Blob | null;
  #buffer: Uint8Array<ArrayBuffer>;
  /** The stretch of the file that the buffer holds. */
  #from = 0;
  #filled = 0;

  /** Of a file that is there. */
  static open(store: Store, folder: string, base: number): SegmentReader {
    return new SegmentReader(store.open(`${folder}/${segmentName(base)}.log`));
  }

  /** Without a blob the segment is empty. */
  constructor(blob: Blob | null) {
    this.#blob = blob;
    this.size = blob?.size ?? 0;
    this.#buffer = new Uint8Array(Math.min(PIECE_BYTES, this.size));
  }

  /**
   * The whole batch at `position`, or null when there is none of the size that its header says, or `isRefused` says so
   * of its header. The bytes die with the next call.
   */
  batchAt(
    position: number,
    isRefused: (bytes: Uint8Array, at: number) => boolean,
  ): Uint8Array | null {
    if (position + batch.BATCH_OVERHEAD > this.size) return null;
    let at = this.#cover(position, batch.BATCH_OVERHEAD);
    const size = batch.sizeInBytes(this.#buffer, at);
    if (size < batch.BATCH_OVERHEAD || position + size > this.size) return null;
    if (isRefused(this.#buffer, at)) return null;
    if (at + size > this.#filled) at = this.#cover(position, size);
    return this.#buffer.subarray(at, at + size);
  }

  /** The header at `position`, or null where the file ends before. The bytes die with the next call. */
  headerAt(position: number): Uint8Array | null {
    if (position + batch.BATCH_OVERHEAD > this.size) return null;
    const at = this.#cover(position, batch.BATCH_OVERHEAD);
    return this.#buffer.subarray(at, at + batch.BATCH_OVERHEAD);
  }

  /** Up to `length` bytes from `position` on, in memory of their own. */
  piece(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - position)));
    return bytes.subarray(0, this.#blob?.read(position, bytes) ?? 0);
  }

  close(): void {
    this.#blob?.close();
  }

  /** Makes sure that the buffer holds these bytes; where they begin in it. */
  #cover(position: number, length: number): number {
    const at = position - this.#from;
    if (at >= 0 && at + length <= this.#filled) return at;
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    this.#from = position;
    this.#filled = this.#blob!.read(position, this.#buffer);
    return 0;
  }
}

const PIECE_BYTES = 1 << 18;
