/**
 * Replay: takes batches of the metadata log into a catalogue. Records between BEGIN_TRANSACTION and END_TRANSACTION
 * count only once the end is there (KIP-868).
 */
import * as batch from "../protocol/records/batch.ts";
import type { Store } from "../storage/store.ts";
import type { Catalogue } from "./catalogue.ts";
import { type CatalogueChange, noChange } from "./catalogue_change.ts";
import { type BatchReader, type QuorumRecords, readBatches } from "./metadata_batch.ts";
import { BatchChain } from "../protocol/records/batch_chain.ts";
import { parseSnapshotName } from "./metadata_snapshot.ts";
import { snapshotProblem } from "./snapshot_file.ts";
import type { RecordLog } from "./metadata_log.ts";
import { MetadataLogError } from "./metadata_log_error.ts";
import { decodeRecord, type MetadataRecord, UnknownRecordError } from "./metadata_record.ts";

export class Replay {
  readonly #catalogue: Catalogue;
  #transaction: MetadataRecord[] | null = null;
  #kraftVersion = 0;
  #voters: readonly number[] = [];
  #quorum: QuorumRecords = { kraftVersion: null, voters: null };
  readonly #formatted: MetadataRecord[] = [];

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

  /** What the snapshot at offset 0 holds beside the voters: to be committed at the first start, and no state before. */
  get formatted(): readonly MetadataRecord[] {
    return this.#formatted;
  }

  /** Applies every record from offset `from` on; returns the offset after the last. */
  batches(bytes: Uint8Array, from: number, change?: CatalogueChange): number {
    // Without someone to tell, each record gets a change of its own, so that a long log piles nothing up.
    return this.#read(bytes, from, (record) => this.#take(record, change ?? noChange()));
  }

  /** Takes the snapshot at offset 0 in. */
  beginning(bytes: Uint8Array): void {
    this.#read(bytes, 0, (record) => this.#formatted.push(record));
  }

  #read(bytes: Uint8Array, from: number, take: (record: MetadataRecord) => void): number {
    const reader: BatchReader = {
      record: ({ offset, value }) => {
        if (value === null) {
          throw new MetadataLogError(`The metadata record at offset ${offset} has no value`);
        }
        take(decoded(value, offset));
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
  /** Snapshots that could not be used, where an older one and the log have it all. */
  readonly warnings: readonly string[];
}

/** Reads the log to its end, after the newest snapshot when its beginning is gone. Every batch is checked. */
export async function replayLog(
  replay: Replay,
  { store, log, folder }: {
    store: Store;
    log: Pick<RecordLog, "logStartOffset" | "logEndOffset" | "read">;
    folder: string;
  },
): Promise<Replayed> {
  let bytesBehind = 0, oldestMs: number | null = null;
  const warnings: string[] = [];
  const snapshot = startingSnapshot(store, folder, log, warnings);
  const where = `${store.name}/${folder}`;
  if (snapshot !== null) {
    applied(`${where}/${snapshot.name}`, () => {
      if (snapshot.endOffset === 0) replay.beginning(snapshot.bytes);
      else replay.batches(snapshot.bytes, 0);
    });
  }
  let next = Math.max(log.logStartOffset, snapshot?.endOffset ?? 0),
    chain: BatchChain | null = null;
  while (next < log.logEndOffset) {
    const bytes = await log.read(next, { maxBytes: READ_BYTES, bound: "leo", minOneBatch: true });
    if (bytes === null) {
      throw new MetadataLogError(
        `Cannot read ${where}: no batch at offset ${next}, and the log ends at ${log.logEndOffset}`,
      );
    }
    // The first one may begin before what the snapshot has.
    chain ??= new BatchChain({
      nextOffset: Math.min(next, batch.baseOffset(bytes)),
      mayHaveGaps: false,
    });
    const end = checked(bytes, chain, where);
    applied(`${where} at offset ${next}`, () => replay.batches(bytes.subarray(0, end), next));
    bytesBehind += end;
    oldestMs ??= batch.baseTimestamp(bytes);
    if (chain.nextOffset <= next) {
      throw new MetadataLogError(
        `Cannot read ${where}: no whole batch at offset ${next}, and the log ends at ${log.logEndOffset}`,
      );
    }
    next = chain.nextOffset;
  }
  return { endOffset: next, bytes: bytesBehind, oldestMs, warnings };
}

/** Where the whole batches end; throws for one that does not belong there. */
function checked(bytes: Uint8Array, chain: BatchChain, where: string): number {
  let end = 0;
  for (const at of batch.batches(bytes)) {
    const problem = chain.take(bytes, at);
    if (problem !== null) {
      throw new MetadataLogError(
        `${where} is damaged: the batch at offset ${chain.nextOffset} ${problem}`,
      );
    }
    end = at + batch.sizeInBytes(bytes, at);
  }
  return end;
}

/** Records that contradict each other are told with the place they come from. */
export function applied<T>(where: string, apply: () => T): T {
  try {
    return apply();
  } catch (error) {
    if (error instanceof MetadataLogError) throw error;
    const isUnknown = error instanceof UnknownRecordError;
    throw new MetadataLogError(
      `Cannot replay ${where}: ${(error as Error).message}. Nothing has been changed. ` +
        (isUnknown
          ? "Start it with a version that knows this, or choose another directory with --storage-path"
          : "Look at it with `runnel storage verify`, and restore the directory from a backup"),
      { cause: error },
    );
  }
}

const READ_BYTES = 1024 * 1024;

/**
 * The snapshot a replay begins with: `<end offset>-<epoch>.checkpoint`. While the log still has its beginning only the
 * one at offset 0 counts, in which `kafka-storage format --standalone` puts the voters, and Kafka 4.4 the rest as well. One that is damaged is passed
 * over for an older one from which the log goes on.
 */
function startingSnapshot(
  store: Store,
  folder: string,
  { logStartOffset, logEndOffset }: Pick<RecordLog, "logStartOffset" | "logEndOffset">,
  warnings: string[],
): { name: string; bytes: Uint8Array; endOffset: number } | null {
  const problems: string[] = [];
  for (const { name } of store.list(folder).reverse()) {
    const parsed = parseSnapshotName(name);
    if (parsed === null) continue;
    const { endOffset, epoch } = parsed;
    const isUsable = logStartOffset === 0
      ? endOffset === 0
      : endOffset >= logStartOffset && endOffset <= logEndOffset;
    if (!isUsable) continue;
    const bytes = store.readAll(`${folder}/${name}`)!;
    const problem = snapshotProblem(bytes, epoch);
    if (problem === null) {
      warnings.push(...problems);
      return { name, bytes, endOffset };
    }
    problems.push(`${folder}/${name} ${problem}`);
  }
  if (logStartOffset === 0 && problems.length === 0) return null;
  const found = problems.length > 0
    ? problems.join("; ")
    : `it begins at offset ${logStartOffset} and has no snapshot of what was before`;
  throw new MetadataLogError(
    `Cannot replay ${store.name}/${folder}: ${found}. Nothing has been changed. ` +
      "Look at it with `runnel storage verify`, and restore what is missing from a backup",
  );
}

/** The record; an UnknownRecordError that names its offset otherwise. */
export function decoded(value: Uint8Array, offset: number): MetadataRecord {
  try {
    return decodeRecord(value);
  } catch (error) {
    if (!(error instanceof UnknownRecordError)) throw error;
    throw new UnknownRecordError(`Offset ${offset} of the metadata log: ${error.message}`, {
      cause: error,
    });
  }
}
