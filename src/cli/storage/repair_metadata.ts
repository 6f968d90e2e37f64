/**
 * repairMetadata: cuts the metadata log where it stops being valid, and makes what the directory remembers of it agree,
 * so that a broker without a backup starts again. Refused where even that would not let it start.
 */
import { lowerMetadataEnd, readInventory } from "../../storage/directory/inventory.ts";
import type { Fault } from "../../storage/recovery/examine.ts";
import { lastJournaledRun } from "../../storage/recovery/held_numbers.ts";
import { cutAt } from "../../storage/recovery/repair.ts";
import { META_PROPERTIES } from "../../storage/directory/meta_properties.ts";
import { METADATA_FOLDER } from "../../storage/recovery/root_files.ts";
import { verifyPartitions } from "../../storage/recovery/verify.ts";
import { segmentBasesOf } from "../../storage/segments/segment_files.ts";
import { segmentName } from "../../storage/segments/segment.ts";
import type { Store } from "../../storage/store.ts";
import { batchesIn, noteMetadataCut } from "../../topics/metadata_cut.ts";
import { problemOnceCut, unclaimedPartitions } from "../../topics/start_evidence.ts";
import type { Known, KnownMetadata } from "./known_directory.ts";

export async function repairMetadata(
  store: Store,
  { isCut, known }: { readonly isCut: boolean; readonly known: Known },
  print: (line: string) => void,
): Promise<number> {
  const folder = METADATA_FOLDER, { metadata } = known;
  const why = known.findings.map(({ problem }) => problem).join("; ");
  if (metadata === null) {
    const what = why === "" ? `cannot be judged without a sound ${META_PROPERTIES}` : why;
    print(`${folder} ${what}. No cut mends that: restore the directory from a backup.`);
    print("Nothing has been changed.");
    return 1;
  }
  const { nodeId, log, catalogue } = metadata;
  if (known.findings.length === 0) {
    print(`${folder} is not damaged: nothing to repair`);
    return 0;
  }
  const still = problemOnceCut({ store, folder, nodeId, log, catalogue });
  if (still !== null || !known.isIncomplete) {
    print(`${folder} ${why}. No cut lets the broker start: restore the directory from a backup.`);
    print("Nothing has been changed.");
    return 1;
  }
  const end = `${folder} ${why}`, offset = log.logEndOffset;
  const lost =
    `whatever was changed from offset ${offset} on: topics, configurations, users, quotas`;
  const unknown = unclaimedPartitions({ store, folder, catalogue });
  const aside = unknown.length === 0
    ? ""
    : ` It does not know the topics of ${
      unknown.join(", ")
    } then, or not that they have such partitions: a start renames them to …-stray.`;
  if (!isCut) {
    print(`${end}. It would end at offset ${offset}, without ${lost}.${aside}`);
    print("Nothing has been changed. Restore it from a backup, or add --cut to do without.");
    return 1;
  }
  await noteMetadataCut(store, { batches: lostBatches(store, metadata), isAccepted: true });
  for await (const report of verifyPartitions(store, known.catalogued, known.lastBrokerEpoch)) {
    if (report.folder === folder) {
      await cutAt(store, folder, endOf(store, metadata), report.examined);
    }
  }
  const brokerEpoch = catalogue.broker(nodeId)?.brokerEpoch ?? -1;
  await lowerMetadataEnd(store, { endOffset: offset, bytes: log.bytes, brokerEpoch });
  print(`${folder} ends at offset ${offset} now, without ${lost}.${aside}`);
  return 0;
}

/** Behind the last good batch. */
function endOf(store: Store, { log: { tail, logEndOffset: offset } }: KnownMetadata): Fault {
  const bases = segmentBasesOf(store.list(METADATA_FOLDER).map(({ name }) => name));
  const problem = "the log is not whole";
  const pathOf = (base: number) => `${METADATA_FOLDER}/${segmentName(base)}.log`;
  const segmentBase = tail === null
    ? bases.at(-1)!
    : bases.findLast((base) => base <= offset && pathOf(base) <= tail.file)!;
  const isWithin = tail !== null && pathOf(segmentBase) === tail.file;
  const position = isWithin ? tail.position : sizeOf(store, pathOf(segmentBase));
  return { segmentBase, position, offset, problem };
}

/** How many commits can be gone at most: those that lie behind the cut, and those that nothing is left of. */
function lostBatches(store: Store, { log: { tail, logEndOffset } }: KnownMetadata): number {
  const recorded = readInventory(store);
  const reached = recorded === null || typeof recorded === "string"
    ? 0
    : recorded.metadata.endOffset;
  const unseen = Math.max(0, reached - logEndOffset, (lastJournaledRun(store) ?? 0) - logEndOffset);
  const later = segmentBasesOf(store.list(METADATA_FOLDER).map(({ name }) => name))
    .map((base) => `${METADATA_FOLDER}/${segmentName(base)}.log`)
    .filter((path) => tail !== null && path > tail.file);
  const bytes = later.reduce((sum, path) => sum + sizeOf(store, path), tail?.bytes ?? 0);
  return batchesIn(bytes) + unseen + UNKNOWN_BATCHES;
}

/** Commits behind the last that anything speaks of. */
const UNKNOWN_BATCHES = 1000;

function sizeOf(store: Store, path: string): number {
  const blob = store.open(path);
  const { size } = blob;
  blob.close();
  return size;
}
