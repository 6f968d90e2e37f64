/**
 * Replay: takes batches of the metadata log into a catalogue. Records between BEGIN_TRANSACTION and END_TRANSACTION
 * count only once the end is there (KIP-868).
 */
import * as batch from "../protocol/records/batch.ts";
import type { Store } from "../storage/store.ts";
import { type Catalogue, type CatalogueChange, noChange } from "./catalogue.ts";
import { type BatchReader, type QuorumRecords, readBatches } from "./metadata_batch.ts";
import { snapshotOffset } from "./metadata_snapshot.ts";
import type { RecordLog } from "./metadata_log.ts";
import { MetadataLogError } from "./metadata_log_error.ts";
import {
  decodeRecord,
  type MetadataRecord,
  type NewRecord,
  UnknownRecordError,
} from "./metadata_record.ts";

export class Replay {
  readonly #catalogue: Catalogue;
  #transaction: MetadataRecord[] | null = null;
  #kraftVersion = 0;
  #voters: readonly number[] = [];
  #quorum: QuorumRecords = { kraftVersion: null, voters: null };

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get isInTransaction(): boolean {
    return this.#transaction !== null;
  }

  /** 1: the voters stand in the log. */
  get kraftVersion(): number {
    return this.#kraftVersion;
  }

  get voters(): readonly number[] {
    return this.#voters;
  }

  /** What a snapshot must hold of the quorum. */
  get quorum(): QuorumRecords {
    return this.#quorum;
  }

  /** Applies every record from offset `from` on; returns the offset after the last. */
  batches(bytes: Uint8Array, from: number, change?: CatalogueChange): number {
    const reader: BatchReader = {
      record: ({ offset, value }) => {
        if (value === null) {
          throw new MetadataLogError(`The metadata record at offset ${offset} has no value`);
        }
        // Without someone to tell, each record gets a change of its own, so that a long log piles nothing up.
        this.#take(decoded(value, offset), change ?? noChange());
      },
      kraftVersion: (version, bytes) => {
        this.#kraftVersion = version;
        this.#quorum = { ...this.#quorum, kraftVersion: bytes.slice() };
      },
      voters: (ids, bytes) => {
        this.#voters = ids;
        this.#quorum = { ...this.#quorum, voters: bytes.slice() };
      },
    };
    return readBatches(bytes, from, reader);
  }

  #take(record: MetadataRecord, change: CatalogueChange): void {
    switch (record.kind) {
      case "BeginTransactionRecord":
        this.#transaction = [];
        return;
      case "AbortTransactionRecord":
        this.#transaction = null;
        return;
      case "EndTransactionRecord":
        for (const pending of this.#transaction ?? []) this.#catalogue.apply(pending, change);
        this.#transaction = null;
        return;
      default:
        if (this.#transaction !== null) this.#transaction.push(record);
        else this.#catalogue.apply(record, change);
    }
  }
}

/** What a replay found: the log end, and how much lies behind the snapshot it began with. */
export interface Replayed {
  readonly endOffset: number;
  readonly bytes: number;
  /** Of the first batch behind the snapshot, or null. */
  readonly oldestMs: number | null;
}

/** Reads the log to its end, after the newest snapshot when its beginning is gone. */
export function replayLog(
  replay: Replay,
  { store, log, folder }: {
    store: Store;
    log: Pick<RecordLog, "logStartOffset" | "logEndOffset" | "read">;
    folder: string;
  },
): Replayed {
  let bytesBehind = 0, oldestMs: number | null = null;
  const snapshot = startingSnapshot(store, folder, log.logStartOffset);
  if (snapshot !== null) replay.batches(snapshot.bytes, 0);
  let next = Math.max(log.logStartOffset, snapshot?.endOffset ?? 0);
  while (next < log.logEndOffset) {
    const bytes = log.read(next, { maxBytes: READ_BYTES, bound: "leo", minOneBatch: true });
    const after = bytes === null ? next : replay.batches(bytes, next);
    bytesBehind += bytes?.length ?? 0;
    if (bytes !== null) oldestMs ??= batch.baseTimestamp(bytes);
    if (after === next) {
      throw new MetadataLogError(
        `Cannot read ${store.name}/${folder}: no whole batch at offset ${next}, and the log ends at ${log.logEndOffset}`,
      );
    }
    next = after;
  }
  return { endOffset: next, bytes: bytesBehind, oldestMs };
}

/** The records of a snapshot file that holds nothing but data to be written again: bootstrap.checkpoint. */
export function snapshotRecords(file: Uint8Array): NewRecord[] {
  const records: NewRecord[] = [];
  readBatches(file, 0, {
    record: ({ offset, value }) => records.push(decoded(value!, offset)),
    kraftVersion: () => {},
    voters: () => {},
  });
  return records;
}

const READ_BYTES = 1024 * 1024;

/**
 * The snapshot a replay begins with: `<end offset>-<epoch>.checkpoint`. While the log still has its beginning only the
 * one at offset 0 counts, in which `kafka-storage format --standalone` puts the voters.
 */
function startingSnapshot(
  store: Store,
  folder: string,
  logStartOffset: number,
): { bytes: Uint8Array; endOffset: number } | null {
  const found = store.list(folder)
    .map(({ name }) => ({ name, endOffset: snapshotOffset(name) ?? -1 }))
    .filter(({ endOffset }) => endOffset >= 0)
    .filter(({ endOffset }) => logStartOffset === 0 ? endOffset === 0 : endOffset >= logStartOffset)
    .at(-1);
  if (found === undefined) {
    if (logStartOffset === 0) return null;
    throw new MetadataLogError(
      `Cannot replay ${store.name}/${folder}: it begins at offset ${logStartOffset} and has no snapshot of what was before`,
    );
  }
  return { bytes: store.readAll(`${folder}/${found.name}`)!, endOffset: found.endOffset };
}

function decoded(value: Uint8Array, offset: number): MetadataRecord {
  try {
    return decodeRecord(value);
  } catch (error) {
    if (!(error instanceof UnknownRecordError)) throw error;
    throw new UnknownRecordError(`Offset ${offset} of the metadata log: ${error.message}`, {
      cause: error,
    });
  }
}
