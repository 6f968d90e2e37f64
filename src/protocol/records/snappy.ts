/**
 * Snappy, as Kafka's clients write it: blocks in the framing of snappy-java ("xerial"), or one bare block.
 *
 *     frame: 82 'SNAPPY' 00, version int32, compatible version int32, then blocks: length int32, block
 *     block: unsigned varint of the decompressed length, then elements; a tag's low two bits say which:
 *            0 literal (length - 1 in the upper six bits, or 60–63: in 1–4 bytes that follow)
 *            1 copy, 4–11 bytes, 11-bit distance · 2 copy, 1–64 bytes, 16-bit distance · 3 the same, 32-bit distance
 *
 * Own code, because the packages allocate whatever a block declares.
 */
import { readInt32, writeInt32 } from "../../bytes/int64.ts";
import { readUnsignedVarint, varintEnd, writeUnsignedVarint } from "../../bytes/varint.ts";
import { CompressionError } from "./compression_error.ts";
import type { Scratch } from "./scratch.ts";

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];
const FRAME_HEADER = 16;
/** snappy-java's default; its readers take any. */
const BLOCK_BYTES = 32768;
/** No element yields more than 64 bytes from 3, so a block that claims more than 22-fold lies. */
const MAX_RATIO = 22;

const broken = (why: string) => CompressionError.broken("snappy", why);

/** What is returned lies in `scratch`. */
export function decompressSnappy(from: Uint8Array, maxBytes: number, scratch: Scratch): Uint8Array {
  const blocks = findBlocks(from);
  let total = 0;
  for (const block of blocks) {
    total += declaredLength(from, block);
    if (total > maxBytes) throw CompressionError.tooLarge("snappy", maxBytes);
  }
  const into = scratch.take(total);
  let to = 0;
  for (const block of blocks) {
    const size = declaredLength(from, block);
    decodeBlock(from, varintEnd, block.end, into, to, to + size);
    to += size;
  }
  return into.subarray(0, total);
}

interface Block {
  readonly at: number;
  readonly end: number;
}

function findBlocks(from: Uint8Array): Block[] {
  if (!MAGIC.every((byte, i) => from[i] === byte)) return [{ at: 0, end: from.length }];
  if (from.length < FRAME_HEADER) throw broken(`its header is ${from.length} bytes, not 16`);
  const blocks: Block[] = [];
  let at = FRAME_HEADER;
  while (at < from.length) {
    const size = from.length - at >= 4 ? readInt32(from, at) : -1;
    at += 4;
    if (size < 1 || size > from.length - at) {
      throw broken(`a block of ${size} bytes at ${at}, ${Math.max(0, from.length - at)} remain`);
    }
    blocks.push({ at, end: at += size });
  }
  return blocks;
}

/** Leaves varintEnd where the block's elements begin. */
function declaredLength(from: Uint8Array, { at, end }: Block): number {
  let size;
  try {
    size = readUnsignedVarint(from, at);
  } catch {
    throw broken(`a block at ${at} has no length`);
  }
  if (varintEnd > end || size > (end - varintEnd) * MAX_RATIO) {
    throw broken(`a block of ${end - at} bytes declares ${size}`);
  }
  return size;
}

function decodeBlock(
  b: Uint8Array,
  at: number,
  end: number,
  into: Uint8Array,
  first: number,
  last: number,
): void {
  let to = first;
  while (at < end) {
    const tag = b[at++];
    let length: number, distance: number;
    switch (tag & 3) {
      case 0: {
        length = tag >> 2;
        if (length >= 60) {
          const extra = length - 59;
          if (extra > end - at) throw broken(`a literal's length is cut off at ${at}`);
          length = 0;
          for (let i = extra - 1; i >= 0; i--) length = length * 256 + b[at + i];
          at += extra;
        }
        length++;
        if (length > end - at || length > last - to) {
          throw broken(`a literal of ${length} bytes at ${at} does not fit`);
        }
        if (length > 32) into.set(b.subarray(at, at + length), to);
        else for (let i = 0; i < length; i++) into[to + i] = b[at + i];
        at += length;
        to += length;
        continue;
      }
      case 1:
        if (at >= end) throw broken("it ends within a copy");
        length = (tag >> 2 & 7) + 4;
        distance = (tag & 0xe0) << 3 | b[at++];
        break;
      case 2:
        if (end - at < 2) throw broken("it ends within a copy");
        length = (tag >> 2) + 1;
        distance = b[at] | b[at + 1] << 8;
        at += 2;
        break;
      default:
        if (end - at < 4) throw broken("it ends within a copy");
        length = (tag >> 2) + 1;
        distance = (b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24) >>> 0;
        at += 4;
    }
    if (distance === 0 || distance > to - first || length > last - to) {
      throw broken(`a copy of ${length} bytes from ${distance} back does not fit at ${to - first}`);
    }
    for (const stop = to + length; to < stop; to++) into[to] = into[to - distance];
  }
  if (to !== last) throw broken(`a block holds ${to - first} bytes and declares ${last - first}`);
}

export function compressSnappy(from: Uint8Array): Uint8Array {
  const blocks = Math.ceil(from.length / BLOCK_BYTES);
  const into = new Uint8Array(FRAME_HEADER + from.length + (from.length >> 5) + blocks * 64);
  into.set(MAGIC);
  into[11] = into[15] = 1;
  const seen = new Int32Array(1 << HASH_BITS);
  let to = FRAME_HEADER;
  for (let at = 0; at < from.length; at += BLOCK_BYTES) {
    const end = encodeBlock(from, at, Math.min(at + BLOCK_BYTES, from.length), into, to + 4, seen);
    writeInt32(into, to, end - to - 4);
    to = end;
  }
  return into.subarray(0, to);
}

const HASH_BITS = 13;

/** Greedy matching by a hash of the next four bytes; `seen` holds position + 1. Returns the end of what was written. */
function encodeBlock(
  b: Uint8Array,
  first: number,
  end: number,
  into: Uint8Array,
  to: number,
  seen: Int32Array,
): number {
  to = writeUnsignedVarint(into, to, end - first);
  let at = first, literal = first;
  while (at + 4 <= end) {
    const hash = hashOf4(b, at, HASH_BITS);
    const match = seen[hash] - 1;
    seen[hash] = at + 1;
    if (match < first || !same4(b, match, at)) {
      at += 1 + (at - literal >> 5); // hurries through what does not compress
      continue;
    }
    to = writeLiteral(b, literal, at, into, to);
    const distance = at - match;
    let length = 4;
    while (at + length < end && b[match + length] === b[at + length]) length++;
    at += length;
    literal = at;
    for (; length > 0; length -= 64) {
      into[to++] = Math.min(length, 64) - 1 << 2 | 2;
      into[to++] = distance;
      into[to++] = distance >> 8;
    }
  }
  return writeLiteral(b, literal, end, into, to);
}

function writeLiteral(
  b: Uint8Array,
  at: number,
  end: number,
  into: Uint8Array,
  to: number,
): number {
  const length = end - at;
  if (length === 0) return to;
  if (length <= 60) into[to++] = length - 1 << 2;
  else if (length <= 256) {
    into[to++] = 60 << 2;
    into[to++] = length - 1;
  } else {
    into[to++] = 61 << 2;
    into[to++] = length - 1;
    into[to++] = length - 1 >> 8;
  }
  into.set(b.subarray(at, end), to);
  return to + length;
}

/** A hash of the four bytes at `at`. */
export function hashOf4(b: Uint8Array, at: number, bits: number): number {
  const word = b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24;
  return Math.imul(word, 0x9e3779b1) >>> 32 - bits;
}

/** Whether the same four bytes stand at both places. */
export function same4(b: Uint8Array, one: number, other: number): boolean {
  return b[one] === b[other] && b[one + 1] === b[other + 1] && b[one + 2] === b[other + 2] &&
    b[one + 3] === b[other + 3];
}
