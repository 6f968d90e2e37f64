/**
 * MetadataCut: the file `runnel-metadata-cut` in the root of a data directory: commits at the end of the metadata log are
 * gone. It is there before the first byte goes, and until a start has gone above whatever they had given out.
 *
 *     runnel-metadata-cut 1
 *     batches 1012
 *     accepted
 *     crc 9f8e7d6c
 *
 * `batches`: as many may be gone; 0 once a start has gone above them. Each can have given out one block of producer ids
 * and have raised a leader epoch by one. The third line is `torn` where an interrupted write was all that was cut, and
 * `accepted` where somebody has decided by `runnel storage repair` to do without commits: then folders that only those knew
 * do not keep a broker from starting, until it has stopped in order. Kafka ignores the file.
 */
import { crc32c } from "../bytes/crc32c.ts";
import { BATCH_OVERHEAD } from "../protocol/records/batch.ts";
import type { Store } from "../storage/store.ts";

export interface MetadataCut {
  readonly batches: number;
  readonly isAccepted: boolean;
}

/** So many commits at most begin in a stretch of a log. */
export function batchesIn(bytes: number): number {
  return Math.ceil(bytes / BATCH_OVERHEAD);
}

/** Null when there is no file. One that cannot be read says that something is gone, and not that it may be. */
export function readMetadataCut(store: Store): MetadataCut | null {
  const bytes = store.readAll(METADATA_CUT_FILE);
  if (bytes === null) return null;
  const match = FORM.exec(new TextDecoder().decode(bytes));
  if (match === null || checksum(match[1]) !== match[4]) return UNREADABLE;
  return { batches: Number(match[2]), isAccepted: match[3] === "accepted" };
}

/** When it resolves the file is on the device. What an earlier one says that no start has heard of is kept. */
export async function noteMetadataCut(store: Store, cut: MetadataCut): Promise<void> {
  const before = readMetadataCut(store);
  const batches = cut.batches + (before?.batches ?? 0);
  await write(store, { batches, isAccepted: cut.isAccepted || before?.isAccepted === true });
}

/** A start has gone above everything. `wasClean`: the broker before it had stopped in order. */
export async function settleMetadataCut(
  store: Store,
  cut: MetadataCut,
  wasClean: boolean,
): Promise<void> {
  const isStill = cut.isAccepted && !(wasClean && cut.batches === 0);
  if (!isStill) return store.remove(METADATA_CUT_FILE); // should that be undone, a start skips a few ids more
  if (cut.batches > 0) await write(store, { batches: 0, isAccepted: true });
}

async function write(store: Store, { batches, isAccepted }: MetadataCut): Promise<void> {
  const what = isAccepted ? "accepted" : "torn";
  const body = `${METADATA_CUT_FILE} 1\nbatches ${batches}\n${what}\n`;
  await store.replace(
    METADATA_CUT_FILE,
    new TextEncoder().encode(`${body}crc ${checksum(body)}\n`),
  );
}

function checksum(body: string): string {
  return crc32c(new TextEncoder().encode(body)).toString(16).padStart(8, "0");
}

const METADATA_CUT_FILE = "runnel-metadata-cut";
const FORM = /^(runnel-metadata-cut 1\nbatches (\d{1,12})\n(accepted|torn)\n)crc ([0-9a-f]{8})\n$/;
const UNREADABLE: MetadataCut = { batches: 1000, isAccepted: false };
