/** Reads the lines of audit files, as bytes: nothing is known of who wrote into them meanwhile. */
import type { Blob, Store } from "../storage/store.ts";

/** More is no line that Runnel writes; it is given in parts. */
const MAX_LINE_BYTES = 1 << 20;
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

export interface ReadLine {
  /** Without its end. */
  readonly bytes: Uint8Array;
  /** Whether it has one: a line that was cut off by a crash has none. */
  readonly isWhole: boolean;
}

/** The lines of a blob from a position on. */
export function* linesOf(blob: Pick<Blob, "size" | "read">, from = 0): Generator<ReadLine> {
  let left = new Uint8Array(0);
  for (let position = from; position < blob.size;) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, blob.size - position));
    const read = blob.read(position, chunk);
    if (read === 0) break;
    position += read;
    const bytes = new Uint8Array(left.length + read);
    bytes.set(left);
    bytes.set(chunk.subarray(0, read), left.length);
    let begin = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
      yield { bytes: bytes.subarray(begin, end), isWhole: true };
      begin = end + 1;
    }
    left = bytes.slice(begin);
    if (left.length > MAX_LINE_BYTES) {
      yield { bytes: left, isWhole: true };
      left = new Uint8Array(0);
    }
  }
  if (left.length > 0) yield { bytes: left, isWhole: false };
}

/** A line as an object; null where it is none. */
export function parsedLine(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** "audit.log.20261130.000000001234": renamed on that day, with that number as its last. */
export function rotatedName(file: string, timeMs: number, seq: number): string {
  const day = new Date(timeMs).toISOString().slice(0, 10).replaceAll("-", "");
  return `${file}.${day}.${String(seq).padStart(12, "0")}`;
}

/** The files that `file` was before, the oldest first. */
export function rotatedFiles(store: Pick<Store, "list">, file: string): string[] {
  const seqOf = (name: string) => Number(name.slice(-12));
  return store.list("").filter(({ name, isFolder }) =>
    !isFolder && name.startsWith(`${file}.`) && /^\d{8}\.\d{12}$/.test(name.slice(file.length + 1))
  ).map(({ name }) => name).sort((a, b) => seqOf(a) - seqOf(b) || (a < b ? -1 : 1));
}

/** Whether the store has such a file. */
export function hasFile(store: Pick<Store, "list">, file: string): boolean {
  return store.list("").some(({ name, isFolder }) => name === file && !isFolder);
}
