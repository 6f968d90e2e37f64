/**
 * Tagged fields (KIP-482) that nobody here knows: passed over, within limits.
 *
 *     count uvarint, then for each: tag uvarint, size uvarint, that many bytes
 */
import { ProtocolError, readUvarint, uvarintSize } from "../bytes/reader.ts";

export const MAX_TAGGED_FIELDS = 10_000;

/** Returns where the list of tagged fields at `at` ends. */
export function skipTaggedFields(bytes: Uint8Array, at: number): number {
  const count = readUvarint(bytes, at);
  if (count > MAX_TAGGED_FIELDS) {
    throw new ProtocolError(`${count} tagged fields, at most ${MAX_TAGGED_FIELDS}`);
  }
  at += uvarintSize(bytes, at);
  for (let i = 0; i < count; i++) {
    readUvarint(bytes, at);
    at += uvarintSize(bytes, at);
    const size = readUvarint(bytes, at);
    at += uvarintSize(bytes, at);
    if (size > bytes.length - at) {
      throw new ProtocolError(`A tagged field of ${size} bytes cannot be in ${bytes.length - at}`);
    }
    at += size;
  }
  return at;
}
