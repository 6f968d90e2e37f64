/**
 * Varints as Kafka writes them: seven bits a byte, least significant first, the top bit says "more follows".
 * Signed ones are zigzag-coded first, so that small negative numbers stay short.
 *
 * A read returns the value and leaves the position after it in `varintEnd`, which saves allocating a pair:
 *
 *     const length = readVarint(b, at);
 *     at = varintEnd;
 *
 * Take `varintEnd` before the next read. A varint that runs past the array, or past 5 bytes (10 for a varlong),
 * throws RangeError. A varlong is a number and saturates at ±(2^53 - 1), as an int64 does.
 */
export let varintEnd = 0;

/** An unsigned 32-bit varint. Bits past the 32nd are dropped, as in Kafka's ByteUtils. */
export function readUnsignedVarint(b: Uint8Array, at: number): number {
  const end = b.length;
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= end) throw truncated(at);
    const byte = b[at++];
    value |= (byte & 127) << shift;
    if (byte < 128) {
      varintEnd = at;
      return value >>> 0;
    }
  }
  throw new RangeError(`Cannot read a varint at ${at - 5}: it is longer than 5 bytes`);
}

/** A zigzag-coded int32. */
export function readVarint(b: Uint8Array, at: number): number {
  const raw = readUnsignedVarint(b, at);
  return raw >>> 1 ^ -(raw & 1);
}

/** A zigzag-coded int64 as a number, saturated at ±Number.MAX_SAFE_INTEGER. */
export function readVarlong(b: Uint8Array, at: number): number {
  const end = b.length;
  let low = 0, high = 0; // the first 28 bits, and the next 42
  for (let i = 0; i < 10; i++) {
    if (at >= end) throw truncated(at);
    const byte = b[at++];
    if (i < 4) low |= (byte & 127) << 7 * i;
    else high += (byte & 127) * 2 ** (7 * (i - 4));
    if (byte < 128) {
      if (i === 9 && byte > 1) break; // more than 64 bits
      varintEnd = at;
      return zigzag(low, high);
    }
  }
  throw new RangeError(`Cannot read a varlong at ${at - 10}: it is longer than 64 bits`);
}

/** A zigzag-coded int64, all of it. */
export function readVarlongExactly(b: Uint8Array, at: number): bigint {
  let raw = 0n;
  for (let i = 0; i < 10; i++) {
    if (at >= b.length) throw truncated(at);
    const byte = b[at++];
    raw |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) {
      varintEnd = at;
      return BigInt.asIntN(64, raw >> 1n ^ -(raw & 1n));
    }
  }
  throw new RangeError(`Cannot read a varlong at ${at - 10}: it is longer than 64 bits`);
}

function zigzag(low: number, high: number): number {
  const half = high % 2 * 134217728 + (low >>> 1) + Math.floor(high / 2) * 268435456;
  const value = low & 1 ? -half - 1 : half;
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return value < -Number.MAX_SAFE_INTEGER ? -Number.MAX_SAFE_INTEGER : value;
}

function truncated(at: number): RangeError {
  return new RangeError(`Cannot read a varint: it runs past the end at ${at}`);
}

/** Writes an unsigned 32-bit varint; returns the position after it. */
export function writeUnsignedVarint(into: Uint8Array, at: number, value: number): number {
  value >>>= 0;
  while (value > 127) {
    into[at++] = value & 127 | 128;
    value >>>= 7;
  }
  into[at++] = value;
  return at;
}

/** Writes a zigzag-coded int32; returns the position after it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  return writeUnsignedVarint(into, at, value << 1 ^ value >> 31);
}

/** Writes a whole number between ±Number.MAX_SAFE_INTEGER zigzag-coded; returns the position after it. */
export function writeVarlong(into: Uint8Array, at: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(into, at, value);
  const odd = value < 0 ? 1 : 0;
  let half = odd ? -(value + 1) : value; // the coded value is 2 * half + odd, which may pass 2^53
  into[at++] = half % 64 * 2 + odd | 128;
  half = Math.floor(half / 64);
  for (; half > 127; half = Math.floor(half / 128)) into[at++] = half % 128 | 128;
  into[at++] = half;
  return at;
}

/** Bytes that writeUnsignedVarint takes. */
export function unsignedVarintSize(value: number): number {
  return value === 0 ? 1 : Math.ceil((32 - Math.clz32(value)) / 7);
}

/** Bytes that writeVarint takes. */
export function varintSize(value: number): number {
  return unsignedVarintSize(value << 1 ^ value >> 31);
}

/** Bytes that writeVarlong takes. */
export function varlongSize(value: number): number {
  let half = value < 0 ? -(value + 1) : value;
  let size = 1;
  for (half = Math.floor(half / 64); half > 0; half = Math.floor(half / 128)) size++;
  return size;
}
