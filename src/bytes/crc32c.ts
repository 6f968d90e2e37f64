/**
 * CRC-32C (Castagnoli), the checksum of record batches: reflected, polynomial 0x1EDC6F41, register starting at and
 * finally XORed with 0xFFFFFFFF.
 *
 * Short input goes through eight tables in JavaScript ("slicing by 8"). Long input is copied into WebAssembly memory
 * and folded there (see crc32c_fold.ts) to at most 255 bytes with the same checksum, which the tables finish.
 */
import { Folder } from "./crc32c_fold.ts";

/** Below this many bytes the copy and the call cost more than folding saves. */
const FOLD_FROM = 384;

const POLYNOMIAL = 0x82f63b78; // reflected
const TABLES = buildTables();
let folder: Folder | null = null;

/** The checksum of `bytes` from `from` up to `to`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  const register = to - from < FOLD_FROM
    ? updateByTables(-1, bytes, from, to)
    : updateByFolding(-1, bytes, from, to);
  return ~register >>> 0;
}

function updateByFolding(register: number, bytes: Uint8Array, from: number, to: number): number {
  folder ??= new Folder(updateByTables);
  const { memory, capacity } = folder;
  while (from < to) {
    const chunkEnd = Math.min(to, from + capacity);
    const size = chunkEnd - from;
    memory.set(bytes.subarray(from, chunkEnd), 0);
    // The register of a reflected CRC is the same as its four bytes XORed into the first four of the message.
    for (let i = 0; i < 4 && i < size; i++) memory[i] ^= register >>> 8 * i;
    const left = size < 4 ? register >>> 8 * size : 0;
    register = left ^ updateByTables(0, memory, folder.fold(size), size);
    from = chunkEnd;
  }
  return register;
}

/** Feeds bytes into a CRC register (not yet inverted). */
function updateByTables(
  register: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  const t = TABLES;
  let c = register;
  let i = from;
  for (const last = to - 8; i <= last; i += 8) {
    c ^= bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | bytes[i + 3] << 24;
    c = t[1792 + (c & 255)] ^ t[1536 + (c >>> 8 & 255)] ^ t[1280 + (c >>> 16 & 255)] ^
      t[1024 + (c >>> 24)] ^ t[768 + bytes[i + 4]] ^ t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^ t[bytes[i + 7]];
  }
  for (; i < to; i++) c = t[(c ^ bytes[i]) & 255] ^ c >>> 8;
  return c;
}

/** Entry 256 * n + v: the register after byte v and n zero bytes. */
function buildTables(): Int32Array {
  const t = new Int32Array(8 * 256);
  for (let v = 0; v < 256; v++) {
    let c = v;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? c >>> 1 ^ POLYNOMIAL : c >>> 1;
    t[v] = c;
  }
  for (let i = 256; i < t.length; i++) t[i] = t[t[i - 256] & 255] ^ t[i - 256] >>> 8;
  return t;
}
