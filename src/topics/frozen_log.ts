/**
 * FrozenLog: the metadata log of a directory as it lies there, to look at before anything in the directory is touched:
 * opening a log mends its end and its indexes, and what is not ours must be left as it is.
 */
import { BufferPool } from "../bytes/pool.ts";
import * as batch from "../protocol/records/batch.ts";
import { isValidBatch } from "../storage/recovery/recovery.ts";
import { Segment } from "../storage/log/segment.ts";
import type { Store } from "../storage/store.ts";
import { segmentBases, verifyPartition } from "../storage/recovery/verify.ts";
import type { RecordLog } from "./metadata_log.ts";

export class FrozenLog implements Pick<RecordLog, "logStartOffset" | "logEndOffset" | "read"> {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly #batches: Generator<Uint8Array>;

  constructor(store: Store, folder: string) {
    const bases = segmentBases(store, folder);
    this.logStartOffset = bases[0] ?? 0;
    this.logEndOffset = verifyPartition(store, folder, 0).nextOffset;
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
  let expected = 0;
  for (const base of bases) {
    const segment = new Segment({ store, folder, pool }, base, 0);
    try {
      for (const [bytes] of segment.scan()) {
        if (!isValidBatch(bytes, expected)) return;
        expected = batch.lastOffset(bytes) + 1;
        yield bytes;
      }
    } finally {
      segment.close();
    }
  }
}
