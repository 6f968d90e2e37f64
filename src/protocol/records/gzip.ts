/**
 * Gzip, as Kafka's readers take it (java.util.zip.GZIPInputStream): members one after the other, and what follows them
 * and is no member is passed over.
 *
 *     member:  1F 8B, method 8, flags, time 4, 2 more, [extra: size uint16 (little-endian), bytes], [name, 0],
 *              [comment, 0], [checksum of the header uint16], deflated bytes, CRC-32, size modulo 2^32
 *     flags:   1 checksum of the header · 2 extra · 3 name · 4 comment
 *
 * node:zlib decodes members that fill the input at one go. Only where it objects is every member decoded by itself.
 */
import { crc32, gunzipSync, inflateRawSync } from "node:zlib";
import { CompressionError } from "./compression_error.ts";
import { inflatedBy, type Inflating, joined } from "./zlib.ts";

const FIXED_HEADER = 10, TRAILER = 8;
const HEADER_CHECKSUM = 0x02, EXTRA = 0x04, NAME = 0x08, COMMENT = 0x10;
/** No member is as short as that: Java does not look at so few bytes behind one. */
const SHORTEST_REST = 18;

const broken = (why: string) => CompressionError.broken("gzip", why);

export function decompressGzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length === 0) throw broken("it is empty"); // zlib takes it for nothing
  const inflating: Inflating = { name: "gzip", maxBytes, parts: [], size: 0 };
  try {
    inflatedBy(gunzipSync, bytes, inflating);
    return joined(inflating);
  } catch (error) {
    if (!(error instanceof CompressionError) || error.kind === "tooLarge") throw error;
    return memberByMember(bytes, maxBytes, error);
  }
}

function memberByMember(bytes: Uint8Array, maxBytes: number, fault: CompressionError): Uint8Array {
  const inflating: Inflating = { name: "gzip", maxBytes, parts: [], size: 0 };
  for (let at = 0; at === 0 || bytes.length - at > SHORTEST_REST;) {
    const body = headerEnd(bytes, at);
    if (body === null && at === 0) throw fault;
    if (body === null) break;
    at = body + inflatedAt(bytes.subarray(body), inflating) + TRAILER;
    if (at > bytes.length) throw broken(`it is cut off at ${bytes.length}`);
    const member = inflating.parts[inflating.parts.length - 1];
    if (uint32(bytes, at - 8) !== crc32(member)) throw broken("wrong checksum");
    if (uint32(bytes, at - 4) !== member.length) throw broken("wrong size");
  }
  return joined(inflating);
}

/** Decodes what begins here; how many bytes that was. */
function inflatedAt(bytes: Uint8Array, inflating: Inflating): number {
  let size = 0;
  const inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => {
    // With `info`, the answer tells how much was taken; its type does not know of that.
    const { buffer, engine } = inflateRawSync(bytes, { ...options, info: true }) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    size = engine.bytesWritten;
    return buffer;
  };
  inflatedBy(inflate, bytes, inflating);
  return size;
}

/** Where the member's bytes begin; null when this is no header. */
function headerEnd(b: Uint8Array, start: number): number | null {
  if (b.length - start < FIXED_HEADER) return null;
  if (b[start] !== 0x1f || b[start + 1] !== 0x8b || b[start + 2] !== 8) return null;
  const flags = b[start + 3];
  let at = start + FIXED_HEADER;
  if (flags & EXTRA) at += 2 + (b[at] | b[at + 1] << 8);
  for (const field of [NAME, COMMENT]) {
    if (!(flags & field)) continue;
    const zero = b.indexOf(0, at);
    if (zero === -1) return null;
    at = zero + 1;
  }
  if (flags & HEADER_CHECKSUM) {
    if ((b[at] | b[at + 1] << 8) !== (crc32(b.subarray(start, at)) & 0xffff)) return null;
    at += 2;
  }
  return at <= b.length ? at : null;
}

function uint32(b: Uint8Array, at: number): number {
  return (b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24) >>> 0;
}
