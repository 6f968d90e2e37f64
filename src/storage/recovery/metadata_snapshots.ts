/**
 * Snapshots of the metadata log (KIP-630), as far as a directory can be judged without reading their records: whole batches
 * with right checksums from the first byte to the last, the last one a control batch, the footer.
 */
import * as batch from "../../protocol/records/batch.ts";
import type { Store } from "../store.ts";
import type { Finding } from "./verify.ts";

/** Damage where the log does not begin at 0, so that the snapshot is all there is of what came before. */
export function* metadataSnapshotProblems(
  store: Store,
  folder: string,
  logStartOffset: number,
): Generator<Finding> {
  for (const { name } of store.list(folder)) {
    if (!/^\d{20}-\d{10}\.checkpoint$/.test(name)) continue;
    const file = `${folder}/${name}`, problem = snapshotProblem(store.readAll(file)!);
    if (problem !== null) yield { kind: logStartOffset > 0 ? "damage" : "hint", file, problem };
  }
}

/** Why the bytes are no whole snapshot, or null. */
export function snapshotProblem(bytes: Uint8Array): string | null {
  let end = 0, hasFooter = false;
  for (const at of batch.batches(bytes)) {
    if (batch.magic(bytes, at) !== batch.MAGIC_V2 || !batch.isIntact(bytes, at)) break;
    end = at + batch.sizeInBytes(bytes, at);
    hasFooter = at > 0 && batch.isControl(bytes, at);
  }
  if (end < bytes.length) return `there is no valid batch at position ${end} of ${bytes.length}`;
  return hasFooter ? null : "its footer is missing: it was cut short";
}
