/**
 * Zstd, as Kafka's readers take it (zstd-jni's ZstdInputStream): frames one after the other, skippable ones passed over
 * wherever they stand. Anything else behind a frame is refused, and so is a first frame that is cut off; of a further one
 * what came before the cut is taken, be it nothing.
 *
 *     frame:      magic FD2FB528 (little-endian, as all here), descriptor, [window 1], [dictionary id 0–4],
 *                 [content size 0–8], blocks, [checksum 4]
 *     descriptor: bits 7–6 content size of 0 (1 when single), 2, 4, 8 bytes · 5 single segment: no window ·
 *                 2 checksum · 1–0 dictionary id of 0, 1, 2, 4 bytes
 *     block:      int24: bit 0 last · 2–1 kind (0 stored, 1 one byte repeated, 2 compressed) · size; then its bytes
 *     skippable:  magic 184D2A50 to 184D2A5F, size uint32, bytes
 *
 * node:zlib decodes a frame; where it ends is found here, because zlib takes the first frame for the whole, and what
 * came before a cut for a frame.
 */
import { zstdDecompressSync } from "node:zlib";
import { CompressionError } from "./compression_error.ts";
import { inflatedBy, type Inflating, joined } from "./zlib.ts";

const MAGIC = 0xfd2fb528, SKIPPABLE_MAGIC = 0x184d2a50;
const SINGLE_SEGMENT = 0x20, CHECKSUM = 0x04;
const DICTIONARY_BYTES = [0, 1, 2, 4], CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const BLOCK_HEADER = 3, REPEATED = 1, UNDEFINED = 3;

const broken = (why: string) => CompressionError.broken("zstd", why);

export function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length === 0) throw broken("it is empty");
  const inflating: Inflating = { name: "zstd", maxBytes, parts: [], size: 0 };
  for (let at = 0, end; at < bytes.length; at = end) {
    const kind = kindAt(bytes, at);
    if (kind === null) throw broken(`no frame begins at ${at}`);
    end = kind === "skippable" ? at + 8 + uint32(bytes, at + 4) : frameEnd(bytes, at);
    if (end > bytes.length && at === 0) throw broken(`it is cut off at ${bytes.length}`);
    if (kind === "frame") {
      inflatedBy(zstdDecompressSync, bytes.subarray(at, Math.min(end, bytes.length)), inflating);
    }
  }
  return joined(inflating);
}

/** What begins here, by as much of a magic as there is. */
function kindAt(b: Uint8Array, at: number): "frame" | "skippable" | null {
  const begins = (magic: number, mask: number) => {
    for (let i = 0; i < 4 && at + i < b.length; i++) {
      if ((b[at + i] & mask >>> 8 * i) !== (magic >>> 8 * i & mask >>> 8 * i & 255)) return false;
    }
    return true;
  };
  if (begins(MAGIC, 0xffffffff)) return "frame";
  return begins(SKIPPABLE_MAGIC, 0xfffffff0) ? "skippable" : null;
}

/** Where the frame ends; past the bytes when it is cut off. */
function frameEnd(b: Uint8Array, start: number): number {
  const descriptor = b[start + 4] ?? 0, isSingle = (descriptor & SINGLE_SEGMENT) !== 0;
  const sizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] || Number(isSingle);
  let at = start + 5 + Number(!isSingle) + DICTIONARY_BYTES[descriptor & 3] + sizeBytes;
  for (let isLast = false; !isLast;) {
    if (at + BLOCK_HEADER > b.length) return Infinity;
    const header = b[at] | b[at + 1] << 8 | b[at + 2] << 16, kind = header >> 1 & 3;
    if (kind === UNDEFINED) throw broken(`a block of an unknown kind at ${at}`);
    isLast = (header & 1) !== 0;
    at += BLOCK_HEADER + (kind === REPEATED ? 1 : header >>> 3);
  }
  return at + (descriptor & CHECKSUM ? 4 : 0);
}

/** Infinity where it is cut off. */
function uint32(b: Uint8Array, at: number): number {
  if (at + 4 > b.length) return Infinity;
  return (b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24) >>> 0;
}
