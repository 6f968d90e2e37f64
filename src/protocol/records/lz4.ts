/**
 * LZ4 frames, as Kafka's clients write and read them (Kafka: Lz4BlockInputStream).
 *
 *     frame: magic 184D2204 (little-endian, as all here), FLG, BD, [content size 8], header checksum, blocks, 0 int32,
 *            [content checksum 4]
 *     FLG:   bits 7–6 version 01 · 5 blocks independent · 4 block checksums · 3 content size · 2 content checksum
 *     BD:    bits 6–4: largest block 64 KiB (4), as Kafka's own writer has it, 256 KiB, 1 MiB, 4 MiB (7)
 *     block: length int32, top bit: stored as it is; then its bytes, [checksum 4]
 *     within a block: token (literal length, match length - 4, four bits each; 15: more bytes follow, 255 each),
 *            literals, distance int16; the last sequence has literals only
 *
 * Refused, because Kafka's readers refuse it: linked blocks. Not compared, as there: the content checksum and size (the
 * batch has its own checksum). Own code, because the packages allocate what a frame declares, or read no checksums.
 */
import { type BlockDecoder, Fault } from "../../bytes/block_decoder.ts";
import { BLOCK_BYTES, Lz4Encoder } from "../../bytes/lz4_encoder.ts";
import { CompressionError } from "./compression_error.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = [0x04, 0x22, 0x4d, 0x18];
const VERSION = 0x40, INDEPENDENT = 0x20, BLOCK_CHECKSUM = 0x10, CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const STORED = 0x80000000;

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

/** Made when there is something to compress; a block is done with before the next begins. */
let encoder: Lz4Encoder | null = null;

export function compressLz4(from: Uint8Array): Uint8Array {
  encoder ??= new Lz4Encoder();
  const blocks = Math.ceil(from.length / BLOCK_BYTES);
  const into = new Uint8Array(7 + from.length + blocks * 4 + 4);
  into.set([...MAGIC, VERSION | INDEPENDENT, 0x40]);
  into[6] = xxhash32(into, 4, 6) >>> 8;
  let to = 7;
  for (let at = 0; at < from.length; at += BLOCK_BYTES) {
    const plain = from.subarray(at, at + BLOCK_BYTES), packed = encoder.encoded(plain);
    const isStored = packed.length >= plain.length, block = isStored ? plain : packed;
    writeUint32(into, to, isStored ? block.length | STORED : block.length);
    into.set(block, to + 4);
    to += 4 + block.length;
  }
  writeUint32(into, to, 0);
  return into.subarray(0, to + 4);
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) into[at + i] = value >>> 8 * i;
}
