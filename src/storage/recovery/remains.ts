/**
 * remainsBehind: how many records can still be read where a log is not valid any more, and behind, for whoever decides
 * whether they may go.
 */
import * as batch from "../../protocol/records/batch.ts";
import { segmentName } from "../segments/segment.ts";
import type { Store } from "../store.ts";
import type { Fault } from "./examine.ts";
import { budgetOf, findIntact } from "./intact_search.ts";
import { SegmentReader } from "./segment_reader.ts";

export interface Remains {
  /** To the end of the segment and of all behind it. */
  readonly bytes: number;
  /** Of the batches with a right checksum among them; at least so many when not all could be looked for. */
  readonly records: number;
  /** The last offset of those, or null. */
  readonly lastOffset: number | null;
}

export async function remainsBehind(
  store: Store,
  folder: string,
  bases: readonly number[],
  { segmentBase, position, offset }: Fault,
): Promise<Remains> {
  let bytes = 0, records = 0, lastOffset: number | null = null;
  for (const base of bases) {
    if (base < segmentBase) continue;
    const reader = new SegmentReader(store.open(`${folder}/${segmentName(base)}.log`));
    const from = base === segmentBase ? position : 0;
    const budget = budgetOf(reader.size - from);
    bytes += Math.max(0, reader.size - from);
    for (let at = from; at < reader.size;) {
      const whole = reader.batchAt(at, (header, where) => batch.magic(header, where) !== 2);
      if (whole !== null && batch.isIntact(whole)) {
        records += batch.recordCount(whole);
        lastOffset = batch.lastOffset(whole);
        at += whole.length;
        continue;
      }
      const stretch = { from: at + 1, to: reader.size };
      const found = await findIntact(reader, stretch, { fromOffset: offset, budget });
      if (found === null || found.offset === null) break;
      at = found.position;
    }
    reader.close();
  }
  return { bytes, records, lastOffset };
}
