/**
 * LZ4 frames, as Kafka's clients write and read them (Kafka: Lz4BlockInputStream).
 *
 *     frame: magic 184D2204 (little-endian, as all here), FLG, BD, [content size 8], header checksum, blocks, 0 int32,
 *            [content checksum 4]
 *     FLG:   bits 7–6 version 01 · 5 blocks independent · 4 block checksums · 3 content size · 2 content checksum
 *     BD:    bits 6–4: largest block 64 KiB (4), 256 KiB, 1 MiB, 4 MiB (7)
 *     block: length int32, top bit: stored as it is; then its bytes, [checksum 4]
 *     within a block: token (literal length, match length - 4, four bits each; 15: more bytes follow, 255 each),
 *            literals, distance int16; the last sequence has literals only
 *
 * Refused, because Kafka's readers refuse it: linked blocks. Not compared, as there: the content checksum and size (the
 * batch has its own checksum). Own code, because the packages allocate what a frame declares, or read no checksums.
 */
import { type BlockDecoder, Fault } from "../../bytes/block_decoder.ts";
import { CompressionError } from "./compression_error.ts";
import { copyLiteral, hashOfWord, matchLength } from "./matching.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = [0x04, 0x22, 0x4d, 0x18];
const VERSION = 0x40, INDEPENDENT = 0x20, BLOCK_CHECKSUM = 0x10, CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const STORED = 0x80000000;
/** Kafka's own writer uses the smallest. */
const BLOCK_BYTES = 65536;

const broken = (why: string) => CompressionError.broken("lz4", why);

/** What is returned lies in the decoder's memory, as its output. */
export function decompressLz4(
  from: Uint8Array,
  maxBytes: number,
  decoder: BlockDecoder,
): Uint8Array {
  const { flags, blockBytes, headerEnd } = readHeader(from);
  decoder.begin(maxBytes);
  let at = headerEnd;
  for (;;) {
    const word = uint32(from, at);
    at += 4;
    if (word === 0) break;
    const isStored = word >= STORED, size = isStored ? word - STORED : word, end = at + size;
    if (size > blockBytes || end > from.length) {
      throw broken(`a block of ${size} bytes at ${at}, where ${from.length - at} remain`);
    }
    if (flags & BLOCK_CHECKSUM) {
      if (uint32(from, end) !== xxhash32(from, at, end)) {
        throw broken(`wrong checksum of block ${at}`);
      }
    }
    const block = from.subarray(at, end), left = maxBytes - decoder.written;
    if (isStored) {
      if (size > left) throw CompressionError.tooLarge("lz4", maxBytes);
      decoder.store(block);
    } else {
      const fault = decoder.lz4(block, Math.min(left, blockBytes));
      if (fault === Fault.room && left <= blockBytes) {
        throw CompressionError.tooLarge("lz4", maxBytes);
      }
      if (fault !== Fault.none) throw brokenBlock(fault, decoder, at, end);
    }
    at = end + (flags & BLOCK_CHECKSUM ? 4 : 0);
  }
  if (flags & CONTENT_CHECKSUM) uint32(from, at);
  return decoder.output();
}

function readHeader(b: Uint8Array): { flags: number; blockBytes: number; headerEnd: number } {
  if (b.length < 7 || !MAGIC.every((byte, i) => b[i] === byte)) {
    throw broken("no frame begins here");
  }
  const flags = b[4], descriptor = b[5];
  if ((flags & 0xc0) !== VERSION) throw broken(`frame version ${flags >> 6}, not 1`);
  if (!(flags & INDEPENDENT)) throw broken("blocks are linked, which Kafka's readers refuse");
  if (flags & 3 || descriptor & 0x8f || descriptor < 0x40) {
    throw broken(`flags ${flags.toString(16)} ${descriptor.toString(16)} are not defined`);
  }
  const headerEnd = 7 + (flags & CONTENT_SIZE ? 8 : 0);
  if (headerEnd > b.length) throw broken("its header is cut off");
  if (b[headerEnd - 1] !== (xxhash32(b, 4, headerEnd - 1) >>> 8 & 255)) {
    throw broken("wrong checksum of the header");
  }
  return { flags, blockBytes: 1 << 8 + 2 * (descriptor >> 4), headerEnd };
}

function uint32(b: Uint8Array, at: number): number {
  if (at + 4 > b.length) throw broken(`it is cut off at ${b.length}`);
  return (b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24) >>> 0;
}

function brokenBlock(fault: Fault, decoder: BlockDecoder, start: number, end: number) {
  const stopped = decoder.stopped(), { to, length, distance } = stopped, at = start + stopped.at;
  switch (fault) {
    case Fault.cutLength:
      return broken("it ends within a length");
    case Fault.literals:
      return broken(`${length} literals at ${at}, where ${end - at} remain`);
    case Fault.cutDistance:
      return broken("it ends within a distance");
    case Fault.match:
      return broken(`a match from ${distance} back at ${to}`);
    case Fault.end:
      return broken("a block ends without literals");
    default:
      return broken("a block is too long");
  }
}

export function compressLz4(from: Uint8Array): Uint8Array {
  const blocks = Math.ceil(from.length / BLOCK_BYTES);
  const into = new Uint8Array(7 + from.length + (from.length >> 7) + blocks * 32 + 4);
  into.set([...MAGIC, VERSION | INDEPENDENT, 0x40]);
  into[6] = xxhash32(into, 4, 6) >>> 8;
  const seen = new Int32Array(1 << HASH_BITS);
  let to = 7;
  for (let at = 0; at < from.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, from.length);
    let size = encodeBlock(from, at, end, into, to + 4, seen) - to - 4;
    if (size >= end - at) {
      into.set(from.subarray(at, end), to + 4);
      size = end - at;
      writeUint32(into, to, size | STORED);
    } else writeUint32(into, to, size);
    to += 4 + size;
  }
  writeUint32(into, to, 0);
  return into.subarray(0, to + 4);
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = value >>> 8 * i;
}

const HASH_BITS = 14;
/** The format: a block's last five bytes are literals, and no match begins in its last twelve. */
const LAST_LITERALS = 5, LAST_MATCH = 12;

/** Greedy matching by a hash of the next four bytes; `seen` holds position + 1. Returns the end of what was written. */
function encodeBlock(
  b: Uint8Array,
  first: number,
  end: number,
  into: Uint8Array,
  to: number,
  seen: Int32Array,
): number {
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  let at = first, literal = first;
  while (at + LAST_MATCH < end) {
    const word = view.getInt32(at, true), hash = hashOfWord(word, HASH_BITS);
    const match = seen[hash] - 1;
    seen[hash] = at + 1;
    if (match < first || at - match > 65535 || view.getInt32(match, true) !== word) {
      at += 1 + (at - literal >> 6); // hurries through what does not compress
      continue;
    }
    const length = matchLength(view, match, at, end - LAST_LITERALS);
    to = writeSequence(b, literal, at, length - 4, into, to);
    into[to++] = at - match;
    into[to++] = at - match >> 8;
    to = writeLength(into, to, length - 4);
    at += length;
    literal = at;
  }
  return writeSequence(b, literal, end, 0, into, to);
}

/** A token and its literals; the match's distance and further length are the caller's. */
function writeSequence(
  b: Uint8Array,
  at: number,
  end: number,
  match: number,
  into: Uint8Array,
  to: number,
): number {
  const length = end - at;
  into[to++] = Math.min(length, 15) << 4 | Math.min(match, 15);
  to = writeLength(into, to, length);
  return copyLiteral(b, at, end, into, to);
}

/** What a token's four bits could not hold. */
function writeLength(into: Uint8Array, to: number, length: number): number {
  if (length < 15) return to;
  for (length -= 15; length >= 255; length -= 255) into[to++] = 255;
  into[to++] = length;
  return to;
}
