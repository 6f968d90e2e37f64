/** batchesOf: the batches of a log file, one after the other, whatever can be read from: a source, or a backup. */
import * as batch from "../protocol/records/batch.ts";

export interface Readable {
  readonly size: number;
  read(position: number, into: Uint8Array): number;
}

/** Each whole batch with its position; ends at the first that is not whole. The bytes die with the next step. */
export function* batchesOf(file: Readable): Generator<[Uint8Array, number]> {
  let buffer = new Uint8Array(CHUNK_BYTES);
  for (let position = 0; position + batch.BATCH_OVERHEAD <= file.size;) {
    const read = file.read(position, buffer);
    let at = 0, next = 0;
    while (at + batch.BATCH_OVERHEAD <= read) {
      next = batch.sizeInBytes(buffer, at);
      if (next < batch.BATCH_OVERHEAD || at + next > read) break;
      yield [buffer.subarray(at, at + next), position + at];
      at += next;
    }
    if (at > 0) position += at;
    else {
      if (next <= read || position + next > file.size) return;
      buffer = new Uint8Array(next); // larger than the buffer, and within the file
    }
  }
}

const CHUNK_BYTES = 1 << 20;
