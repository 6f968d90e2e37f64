/**
 * Snapshot file: whether the bytes of a `.checkpoint` are a whole one. It begins with a control batch whose first
 * record is the header and ends with one whose last record is the footer (KIP-630); between them offsets count up from
 * 0. A file without its footer was cut short, and what it lacks would look like topics that were deleted.
 */
import { readInt16 } from "../bytes/int64.ts";
import { batches, isControl, sizeInBytes } from "../protocol/records/batch.ts";
import { BatchChain } from "../protocol/records/batch_chain.ts";
import { readRecords } from "../protocol/records/record.ts";

/** Types of control records (Kafka: ControlRecordType). */
const SNAPSHOT_HEADER = 3, SNAPSHOT_FOOTER = 4;

/** Why the bytes are not a whole snapshot of this epoch, as a sentence after the file's name; null when they are. */
export function snapshotProblem(bytes: Uint8Array, epoch?: number): string | null {
  const chain = new BatchChain({ nextOffset: 0, mayHaveGaps: false });
  let end = 0, first = -1, last = -1;
  for (const at of batches(bytes)) {
    const problem = chain.take(bytes, at);
    if (problem !== null) return `is damaged: the batch at position ${at} ${problem}`;
    if (epoch !== undefined && chain.leaderEpoch !== epoch) {
      return `is not what its name says: the batch at position ${at} has epoch ${chain.leaderEpoch}`;
    }
    const types = controlTypes(bytes, at);
    if (at === 0) first = types[0] ?? -1;
    last = types.at(-1) ?? -1;
    end = at + sizeInBytes(bytes, at);
  }
  if (end < bytes.length) return `is damaged: there is no whole batch at position ${end}`;
  if (first !== SNAPSHOT_HEADER) return "does not begin with the header of a snapshot";
  if (last !== SNAPSHOT_FOOTER) return `was cut short: it has ${bytes.length} bytes and no footer`;
  return null;
}

/** Of a control batch's records; nothing for others. */
function controlTypes(bytes: Uint8Array, at: number): number[] {
  if (!isControl(bytes, at)) return [];
  return Array.from(
    readRecords(bytes, at),
    ({ key }) => key === null || key.length < 4 ? -1 : readInt16(key, 2),
  );
}
