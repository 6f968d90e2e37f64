/**
 * Bootstrap: what `kafka-storage format` said of a cluster that has not begun: levels of features, credentials. Its records
 * are committed at the first start; until then they are no state. They stand in `bootstrap.checkpoint`, or, since Kafka
 * 4.4, in the metadata log's own snapshot at offset 0 (KIP-1170), which holds the voters in any case.
 */
import type { Store } from "../storage/store.ts";
import { MetadataLogError } from "./metadata_log_error.ts";
import { readBatches } from "./metadata_batch.ts";
import type { MetadataRecord } from "./metadata_record.ts";
import { applied, decoded, type Replay } from "./metadata_replay.ts";
import { snapshotProblem } from "./snapshot_file.ts";

export const BOOTSTRAP_FILE = "bootstrap.checkpoint";

/** What the directory was formatted with; null when it was not. Throws MetadataLogError for a damaged file. */
export function formattedWith(store: Store, replay: Replay): readonly MetadataRecord[] | null {
  if (replay.formatted.length > 0) return replay.formatted;
  const file = store.readAll(BOOTSTRAP_FILE);
  return file && bootstrapFileRecords(file, `${store.name}/${BOOTSTRAP_FILE}`);
}

/** The levels among it. */
export function formattedLevels(store: Store, replay: Replay): ReadonlyMap<string, number> {
  const records = formattedWith(store, replay) ?? [], levels = new Map<string, number>();
  for (const { kind, value } of records) {
    if (kind === "FeatureLevelRecord") levels.set(value.name, value.featureLevel);
  }
  return levels;
}

/** The records of bootstrap.checkpoint, a snapshot file that holds nothing but data to be written again. */
function bootstrapFileRecords(file: Uint8Array, where: string): MetadataRecord[] {
  const problem = snapshotProblem(file);
  if (problem !== null) {
    throw new MetadataLogError(
      `${where} ${problem}: format the directory anew, or remove the file to start with Runnel's features`,
    );
  }
  const records: MetadataRecord[] = [];
  applied(where, () =>
    readBatches(file, 0, {
      record: ({ offset, value }) => records.push(decoded(value!, offset)),
      kraftVersion: () => {},
      voters: () => {},
    }));
  return records;
}
