/**
 * Compression of a batch's records: none, gzip, snappy, lz4 and zstd, by Kafka's ids.
 *
 * Decompressing is bounded: what would grow past `maxBytes`, or is no stream of its kind, throws CompressionError, and
 * a declared length is compared with the bound before anything is allocated. gzip and zstd are node:zlib's.
 *
 * Input may be several streams of its kind one behind the other, and what follows them is taken as Kafka's readers take
 * it, since every consumer has to read what is stored:
 *
 * | codec | further streams | anything else behind |
 * |---|---|---|
 * | gzip | members, decoded | passed over |
 * | snappy | headers of snappy-java, passed over | three bytes at most, passed over |
 * | lz4 | not read: a frame's end is the end | not read |
 * | zstd | frames, decoded; skippable ones passed over | refused |
 */
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { BlockDecoder } from "../../bytes/block_decoder.ts";
import { CompressionError } from "./compression_error.ts";
import { decompressGzip } from "./gzip.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";
import { decompressZstd } from "./zstd.ts";

export { CompressionError };

/** Kafka's ids, as the low three bits of a batch's attributes. */
export const CompressionType = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CompressionType = typeof CompressionType[keyof typeof CompressionType];
export type CompressionName = keyof typeof CompressionType;

/** Whether Kafka defines this id. */
export function isCompressionType(id: number): id is CompressionType {
  return id >= 0 && id <= 4;
}

/** Compresses; `level` matters to gzip (1–9) and zstd (-131072–22), as in compression.gzip.level and .zstd.level. */
export function compress(type: CompressionType, bytes: Uint8Array, level?: number): Uint8Array {
  const packed = compressForNow(type, bytes, level);
  return type === CompressionType.lz4 ? packed.slice() : packed;
}

/** The same for who is finished with the result before anything else is compressed: that may overwrite it. */
export function compressForNow(
  type: CompressionType,
  bytes: Uint8Array,
  level?: number,
): Uint8Array {
  switch (type) {
    case CompressionType.none:
      return bytes;
    case CompressionType.gzip:
      return gzipSync(bytes, { level: level ?? constants.Z_DEFAULT_COMPRESSION });
    case CompressionType.snappy:
      return compressSnappy(bytes);
    case CompressionType.lz4:
      return compressLz4(bytes);
    case CompressionType.zstd:
      return zstdCompressSync(bytes, {
        params: { [ZSTD_LEVEL_PARAMETER]: level ?? ZSTD_DEFAULT_LEVEL },
      });
  }
}

// Numbers of the zstd library itself: Deno 2.9 takes them but does not export their names.
const ZSTD_LEVEL_PARAMETER = 100, ZSTD_DEFAULT_LEVEL = 3;

/** Keeps what a batch of 1 MiB, the default of max.message.bytes, seldom grows beyond. */
const decoder = new BlockDecoder({ keepBytes: 16 << 20 });

/** Decompresses to at most `maxBytes`, or throws CompressionError. `none` returns the bytes themselves. */
export function decompress(type: CompressionType, bytes: Uint8Array, maxBytes: number): Uint8Array {
  const plain = decompressForNow(type, bytes, maxBytes);
  return type === CompressionType.snappy || type === CompressionType.lz4 ? plain.slice() : plain;
}

/** The same for who is finished with the result before anything else is decompressed: that may overwrite it. */
export function decompressForNow(
  type: CompressionType,
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  switch (type) {
    case CompressionType.none:
      if (bytes.length > maxBytes) {
        throw CompressionError.tooLarge("uncompressed records", maxBytes);
      }
      return bytes;
    case CompressionType.gzip:
      return decompressGzip(bytes, maxBytes);
    case CompressionType.snappy:
      return throughDecoder(decompressSnappy, bytes, maxBytes);
    case CompressionType.lz4:
      return throughDecoder(decompressLz4, bytes, maxBytes);
    case CompressionType.zstd:
      return decompressZstd(bytes, maxBytes);
  }
}

function throughDecoder(
  decompress: typeof decompressLz4,
  bytes: Uint8Array,
  maxBytes: number,
): Uint8Array {
  try {
    return decompress(bytes, maxBytes, decoder);
  } finally {
    decoder.end();
  }
}
