/**
 * IndexPlan: the entries that a segment's offset and time index are to have, collected by a walk and written when the
 * walk has found the segment sound. An entry points at the batch that follows at least index.interval.bytes after the
 * last, as in LogSegment.append.
 */
import type { Segment } from "../segments/segment.ts";

export class IndexPlan {
  readonly #intervalBytes: number;
  /** Last offset, position, largest timestamp so far, its offset; entry after entry. */
  readonly #entries: number[] = [];
  #bytesSince: number;
  #largestMs = -1;
  #offsetOfLargest = -1;

  constructor(intervalBytes: number, isFromStart: boolean) {
    this.#intervalBytes = intervalBytes;
    this.#bytesSince = isFromStart ? 0 : Infinity;
  }

  note(lastOffset: number, maxTimestampMs: number, position: number, bytes: number): void {
    if (maxTimestampMs > this.#largestMs) {
      this.#largestMs = maxTimestampMs;
      this.#offsetOfLargest = lastOffset;
    }
    if (this.#bytesSince > this.#intervalBytes) {
      this.#entries.push(lastOffset, position, this.#largestMs, this.#offsetOfLargest);
      this.#bytesSince = 0;
    }
    this.#bytesSince += bytes;
  }

  /** Writes the entries behind those that the segment's indexes hold; `isSealed` adds the last timestamp. */
  write({ offsetIndex, timeIndex }: Segment, isSealed: boolean): void {
    offsetIndex.create();
    timeIndex.create();
    for (let i = 0; i < this.#entries.length; i += 4) {
      offsetIndex.append(this.#entries[i], this.#entries[i + 1]);
      if (this.#entries[i + 2] >= 0) {
        timeIndex.maybeAppend(this.#entries[i + 2], this.#entries[i + 3]);
      }
    }
    if (isSealed && this.#largestMs >= 0) {
      timeIndex.maybeAppend(this.#largestMs, this.#offsetOfLargest);
    }
    offsetIndex.flush();
    timeIndex.flush();
    this.#entries.length = 0; // a large log has many segments, and each is written once
  }
}
