/**
 * FrozenLog: the metadata log of a directory as it lies there, to look at before anything in the directory is touched:
 * opening a log mends its end and its indexes, and what is not ours must be left as it is.
 */
import { BufferPool } from "../bytes/pool.ts";
import * as batch from "../protocol/records/batch.ts";
import { endOfSegment, wrongBatch } from "../storage/recovery/continuity.ts";
import { Segment } from "../storage/log/segment.ts";
import { segmentBasesOf } from "../storage/log/segment_files.ts";
import type { Store } from "../storage/store.ts";
import type { RecordLog } from "./metadata_log.ts";

export class FrozenLog implements Pick<RecordLog, "logStartOffset" | "logEndOffset" | "read"> {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly #batches: Generator<Uint8Array>;

  constructor(store: Store, folder: string) {
    const bases = segmentBasesOf(store.list(folder).map(({ name }) => name));
    this.logStartOffset = bases[0] ?? 0;
    let end = this.logStartOffset;
    for (const bytes of batchesOf(store, folder, bases)) end = batch.lastOffset(bytes) + 1;
    this.logEndOffset = end;
    this.#batches = batchesOf(store, folder, bases);
  }

  /** The next batch that holds `from` or what follows; offsets asked for ascend. */
  read(from: number): Uint8Array | null {
    for (let next = this.#batches.next(); !next.done; next = this.#batches.next()) {
      if (batch.lastOffset(next.value) >= from) return next.value;
    }
    return null;
  }
}

/** The valid batches, each gone with the next step. */
function* batchesOf(
  store: Store,
  folder: string,
  bases: readonly number[],
): Generator<Uint8Array> {
  const pool = new BufferPool({ keepBytes: 0 });
  let nextOffset = bases[0] ?? 0;
  for (const base of bases) {
    if (base !== nextOffset) return;
    const endOffset = endOfSegment(base, null);
    const segment = new Segment({ store, folder, pool }, base, 0);
    try {
      for (const [bytes] of segment.scan()) {
        if (wrongBatch(bytes, 0, { nextOffset, mayHaveGaps: false, endOffset }) !== null) return;
        nextOffset = batch.lastOffset(bytes) + 1;
        yield bytes;
      }
    } finally {
      segment.close();
    }
  }
}
