/**
 * Snappy, as Kafka's clients write it: blocks in the framing of snappy-java ("xerial"), or one bare block.
 *
 *     frame: 82 'SNAPPY' 00, version int32, compatible version int32, then blocks: length int32, block;
 *            another header may stand where a block's length would, and one to three bytes at the end are passed over
 *     block: unsigned varint of the decompressed length, then elements; a tag's low two bits say which:
 *            0 literal (length - 1 in the upper six bits, or 60–63: in 1–4 bytes that follow)
 *            1 copy, 4–11 bytes, 11-bit distance · 2 copy, 1–64 bytes, 16-bit distance · 3 the same, 32-bit distance
 *
 * Own code, because the packages allocate whatever a block declares.
 */
import { type BlockDecoder, Fault } from "../../bytes/block_decoder.ts";
import { readInt32, writeInt32 } from "../../bytes/int64.ts";
import { readUnsignedVarint, varintEnd, writeUnsignedVarint } from "../../bytes/varint.ts";
import { CompressionError } from "./compression_error.ts";
import { copyLiteral, hashOfWord, matchLength } from "./matching.ts";

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0];
/** Its first four bytes, as a block's length would be read. */
const MAGIC_HEAD = 0x82534e41 | 0;
const FRAME_HEADER = 16;
/** snappy-java's default; its readers take any. */
const BLOCK_BYTES = 32768;
/** No element yields more than 64 bytes from 3, so a block that claims more than 22-fold lies. */
const MAX_RATIO = 22;

const broken = (why: string) => CompressionError.broken("snappy", why);

/** What is returned lies in the decoder's memory, as its output. */
export function decompressSnappy(
  from: Uint8Array,
  maxBytes: number,
  decoder: BlockDecoder,
): Uint8Array {
  const blocks = findBlocks(from);
  let total = 0;
  for (const block of blocks) {
    total += declaredLength(from, block);
    if (total > maxBytes) throw CompressionError.tooLarge("snappy", maxBytes);
  }
  decoder.begin(maxBytes);
  for (const block of blocks) {
    const size = declaredLength(from, block), at = varintEnd, start = block.end - size;
    if (isOneLiteral(from, at, start, size)) decoder.store(from.subarray(start, block.end));
    else {
      const fault = decoder.snappy(from.subarray(at, block.end), size);
      if (fault !== Fault.none) throw brokenBlock(fault, decoder, at, size);
    }
  }
  return decoder.output();
}

interface Block {
  readonly at: number;
  readonly end: number;
}

/** As snappy-java's SnappyInputStream finds them, which goes on behind the header of a further stream. */
function findBlocks(from: Uint8Array): Block[] {
  if (!isHeader(from, 0)) return [{ at: 0, end: from.length }];
  if (from.length < FRAME_HEADER) throw cutHeader(from.length);
  const blocks: Block[] = [];
  let at = FRAME_HEADER;
  while (from.length - at >= 4) {
    const size = readInt32(from, at);
    if (size === MAGIC_HEAD) {
      if (from.length - at < FRAME_HEADER) throw cutHeader(from.length - at);
      if (!isHeader(from, at)) break; // taken for the end there
      at += FRAME_HEADER;
      continue;
    }
    at += 4;
    if (size < 1 || size > from.length - at) {
      throw broken(`a block of ${size} bytes at ${at}, ${from.length - at} remain`);
    }
    blocks.push({ at, end: at += size });
  }
  return blocks;
}

function isHeader(from: Uint8Array, at: number): boolean {
  return MAGIC.every((byte, i) => from[at + i] === byte);
}

const cutHeader = (bytes: number) => broken(`its header is ${bytes} bytes, not ${FRAME_HEADER}`);

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

/** Whether elements from `at` on are one literal, which begins at `start`: such are blocks that do not compress. */
function isOneLiteral(b: Uint8Array, at: number, start: number, size: number): boolean {
  const lengthBytes = start - at - 1;
  if (lengthBytes < 1 || b[at] !== 59 + lengthBytes << 2) return false;
  let length = 0;
  for (let i = lengthBytes; i > 0; i--) length = length * 256 + b[at + i];
  return length === size - 1;
}

function brokenBlock(fault: Fault, decoder: BlockDecoder, start: number, size: number) {
  const stopped = decoder.stopped(), { to, length, distance } = stopped, at = start + stopped.at;
  switch (fault) {
    case Fault.cutLength:
      return broken(`a literal's length is cut off at ${at}`);
    case Fault.literals:
      return broken(`a literal of ${length + 1} bytes at ${at} does not fit`);
    case Fault.cutDistance:
      return broken("it ends within a copy");
    case Fault.match:
      return broken(`a copy of ${length} bytes from ${distance} back does not fit at ${to}`);
    default:
      return broken(`a block holds ${to} bytes and declares ${size}`);
  }
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
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  let at = first, literal = first;
  while (at + 4 <= end) {
    const word = view.getInt32(at, true), hash = hashOfWord(word, HASH_BITS);
    const match = seen[hash] - 1;
    seen[hash] = at + 1;
    if (match < first || view.getInt32(match, true) !== word) {
      at += 1 + (at - literal >> 5); // hurries through what does not compress
      continue;
    }
    to = writeLiteral(b, literal, at, into, to);
    const distance = at - match;
    let length = matchLength(view, match, at, end);
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
  return copyLiteral(b, at, end, into, to);
}
