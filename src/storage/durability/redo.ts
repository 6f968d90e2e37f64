/**
 * Redo: after a crash, puts the bytes of the journal back into the segments they belong to.
 *
 * After kill -9 the page cache still has everything and nothing is written; after power loss a segment may be short,
 * or have holes, anywhere behind its last sync. An entry whose bytes are in place is skipped; from the first that
 * is not, the segment is cut there and the entries are appended: what was cut was never acknowledged by a sync,
 * or is in a later entry.
 */
import type { Uuid } from "../../bytes/uuid.ts";
import type { JournalEntry } from "./journal_entries.ts";
import { segmentName } from "../log/segment.ts";
import type { Store } from "../store.ts";

/** Redoes the entries of one partition, oldest first; the bytes written. `bases` are those of its segments, ascending. */
export async function redo(
  store: Store,
  folder: string,
  topicId: Uuid,
  { entries, bases, recoveryPoint }: {
    entries: readonly JournalEntry[];
    bases: readonly number[];
    recoveryPoint: number;
  },
): Promise<number> {
  // A segment that ends below the recovery point needs nothing, and may have been compacted or removed since.
  const isOwed = ({ segmentBase }: JournalEntry) =>
    !bases.some((base) => base > segmentBase && base <= recoveryPoint);
  const bySegment = Map.groupBy(
    entries.filter((entry) => entry.topicId === topicId && isOwed(entry)),
    (entry) => entry.segmentBase,
  );
  const present = new Set(store.list(folder).map(({ name }) => name));
  let written = 0;
  for (const [base, ofSegment] of bySegment) {
    const name = `${segmentName(base)}.log`;
    if (!present.has(name) && ofSegment[0].position > 0) continue; // retention has removed it since
    const blob = store.open(`${folder}/${name}`);
    for (const { position, payload } of ofSegment) {
      if (blob.size < position) break; // the start of the segment is lost: recovery reports it
      const found = new Uint8Array(Math.min(payload.length, blob.size - position));
      blob.read(position, found);
      if (found.length === payload.length && equal(found, payload)) continue;
      blob.truncate(position);
      blob.append(payload);
      written += payload.length;
    }
    await blob.sync();
    blob.close();
  }
  if (bySegment.size > 0) await store.syncFolder(folder);
  return written;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
