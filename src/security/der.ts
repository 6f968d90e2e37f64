/**
 * DER: values one behind the other, each with a tag and a length (X.690, 8.1 and 10.1). As much of it as certificates are
 * made of: single-byte tags, definite lengths, nothing past the end of what holds it.
 */

export interface DerValue {
  readonly tag: number;
  /** Without tag and length. */
  readonly content: Uint8Array;
  /** With them. */
  readonly whole: Uint8Array;
}

export const SEQUENCE = 0x30, SET = 0x31, OBJECT_ID = 0x06, BOOLEAN = 0x01, OCTET_STRING = 0x04;

export class DerError extends Error {
  override readonly name = "DerError";
}

/** The values that `bytes` are. Throws DerError where they are none. */
export function derValues(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const value = derValue(bytes, at);
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** The values within one that has to be of that tag. */
export function derWithin(value: DerValue | undefined, tag: number): DerValue[] {
  if (value?.tag !== tag) {
    throw new DerError(`tag ${value?.tag ?? "none"}: needs ${tag}`);
  }
  return derValues(value.content);
}

/** "2.5.4.3" */
export function oidText(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const [index, byte] of content.entries()) {
    arc = arc << 7n | BigInt(byte & 0x7f);
    if (byte >= 0x80) {
      if (index === content.length - 1) throw new DerError("an object identifier is cut off");
      continue;
    }
    if (arcs.length === 0) {
      const first = arc < 80n ? arc / 40n : 2n;
      arcs.push(first, arc - first * 40n);
    } else arcs.push(arc);
    arc = 0n;
  }
  if (arcs.length === 0) throw new DerError("an object identifier is empty");
  return arcs.join(".");
}

function derValue(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at], first = bytes[at + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f) throw new DerError(`no value at byte ${at}`);
  let length = first, begin = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError(`a length of ${count} bytes at byte ${at}`);
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[begin + i] ?? NaN);
    begin += count;
  }
  const end = begin + length;
  if (!(end <= bytes.length)) throw new DerError(`a value at byte ${at} ends past what holds it`);
  return { tag, content: bytes.subarray(begin, end), whole: bytes.subarray(at, end) };
}
