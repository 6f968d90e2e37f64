/**
 * Reader: takes Kafka's primitive types off the front of a byte array that may lie.
 *
 * Every read is checked against the bytes that remain, and every failure is a ProtocolError. The exported
 * functions below the class are the pieces that generated decoders use directly.
 */
import { readInt32, readInt64 } from "./int64.ts";
import { readUuid, type Uuid } from "./uuid.ts";

/** Bytes that cannot be what they claim to be, or a value that cannot be written as declared. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

export class Reader {
  at: number;

  constructor(readonly bytes: Uint8Array, at = 0) {
    this.at = at;
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  int8(): number {
    return this.#take(1) << 24 >> 24;
  }

  int16(): number {
    return this.#take(2) << 16 >> 16;
  }

  uint16(): number {
    return this.#take(2);
  }

  int32(): number {
    return this.#take(4) | 0;
  }

  uint32(): number {
    return this.#take(4);
  }

  /** Saturates at ±(2^53 - 1). */
  int64(): number {
    return readInt64(this.bytes, this.#advance(8));
  }

  bigint64(): bigint {
    return readBigInt64(this.bytes, this.#advance(8));
  }

  float64(): number {
    const at = this.#advance(8);
    return readFloat64(this.bytes, at);
  }

  uuid(): Uuid {
    return readUuid(this.bytes, this.#advance(16));
  }

  uvarint(): number {
    const value = readUvarint(this.bytes, this.at);
    this.at += uvarintSize(this.bytes, this.at);
    return value;
  }

  /** The next `length` bytes, not copied. */
  view(length: number): Uint8Array {
    return readView(this.bytes, this.#advance(length), length);
  }

  /** The next `length` bytes as UTF-8. */
  text(length: number): string {
    return readText(this.bytes, this.#advance(length), length);
  }

  #take(size: number): number {
    let at = this.#advance(size), value = 0;
    for (const end = at + size; at < end; at++) value = value * 256 + this.bytes[at];
    return value;
  }

  #advance(size: number): number {
    if (size < 0 || size > this.remaining) {
      throw new ProtocolError(
        `${size} bytes are wanted at ${this.at} and ${this.remaining} remain`,
      );
    }
    const at = this.at;
    this.at += size;
    return at;
  }
}

/** The int64 at `at`, exactly. */
export function readBigInt64(bytes: Uint8Array, at: number): bigint {
  return BigInt(readInt32(bytes, at)) << 32n | BigInt(readInt32(bytes, at + 4) >>> 0);
}

/** The unsigned varint at `at`: at most five bytes, at most 2^31 - 1, since nothing Kafka counts is larger. */
export function readUvarint(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    if (at + i >= bytes.length) throw new ProtocolError(`A varint at ${at} runs past the end`);
    const byte = bytes[at + i];
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (value <= 0x7fff_ffff) return value;
      break;
    }
  }
  throw new ProtocolError(`A varint at ${at} is longer than 5 bytes or larger than 2147483647`);
}

/** Bytes the varint at `at` takes; it must have been read. */
export function uvarintSize(bytes: Uint8Array, at: number): number {
  let size = 1;
  while (bytes[at + size - 1] >= 0x80) size++;
  return size;
}

/** A view, not a copy. (Faster than subarray, which looks for a species.) */
export function readView(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
}

const float = new DataView(new ArrayBuffer(8));

export function readFloat64(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 8; i++) float.setUint8(i, bytes[at + i]);
  return float.getFloat64(0);
}

// Java replaces what is not UTF-8 and keeps a byte order mark; so does this.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Topic names and client ids are short ASCII: for those, calling into the runtime costs more than the loop. */
export function readText(bytes: Uint8Array, at: number, length: number): string {
  if (length > 48) return utf8.decode(readView(bytes, at, length));
  const end = at + length;
  let text = "", i = at;
  for (; i + 4 <= end; i += 4) {
    const a = bytes[i], b = bytes[i + 1], c = bytes[i + 2], d = bytes[i + 3];
    if ((a | b | c | d) > 127) return utf8.decode(readView(bytes, at, length));
    text += String.fromCharCode(a, b, c, d);
  }
  for (; i < end; i++) {
    if (bytes[i] > 127) return utf8.decode(readView(bytes, at, length));
    text += String.fromCharCode(bytes[i]);
  }
  return text;
}
