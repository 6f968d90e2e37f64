/** The `.log` files of a store as bytes, for tests that look at them from outside or damage them. */
import type { Store } from "../storage/store.ts";

/** Paths of a partition's segments that are in use. */
export function logFiles(store: Store, folder: string): string[] {
  const names = store.list(folder).map(({ name }) => name);
  return names.filter((name) => /^\d{20}\.log$/.test(name)).map((name) => `${folder}/${name}`);
}

/** Bytes of all segments of all partitions. */
export function logBytes(store: Store): number {
  let bytes = 0;
  for (const { name, isFolder } of store.list("")) {
    if (!isFolder) continue;
    for (const file of logFiles(store, name)) bytes += store.readAll(file)!.length;
  }
  return bytes;
}

export interface FlippedBit {
  readonly file: string;
  readonly at: number;
  /** Of the batch it lies in. */
  readonly baseOffset: number;
  /** The file's content with it. */
  readonly content: Uint8Array;
}

/**
 * Flips a bit in a batch that has another one behind it in its file: what lies behind tells damage from a torn end. Null
 * when there is none. Not in the leader epoch, which nothing in the batch protects.
 */
export function flippedBit(
  store: Store,
  file: string,
  below: (limit: number) => number,
): FlippedBit | null {
  const content = store.readAll(file)!;
  const batches = batchPositions(content);
  if (batches.length < 2) return null;
  const which = below(batches.length - 1), batchAt = batches[which];
  const baseOffset = Number(new DataView(content.buffer).getBigInt64(batchAt));
  let at = batchAt + below(batches[which + 1] - batchAt);
  if (at >= batchAt + EPOCH_AT && at < batchAt + MAGIC_AT) at = batchAt + MAGIC_AT;
  content[at] ^= 1 << below(8);
  return { file, at, baseOffset, content };
}

/** Where the batches of a segment begin. */
function batchPositions(content: Uint8Array): number[] {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const positions: number[] = [];
  for (let at = 0; at + OVERHEAD <= content.length;) {
    const bytes = EPOCH_AT + view.getInt32(at + 8);
    if (bytes < OVERHEAD || at + bytes > content.length) break;
    positions.push(at);
    at += bytes;
  }
  return positions;
}

const EPOCH_AT = 12, MAGIC_AT = 16, OVERHEAD = 61;
