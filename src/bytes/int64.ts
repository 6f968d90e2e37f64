/**
 * int64 as a number, big-endian. Reading saturates at ±(2^53 - 1): offsets and timestamps beyond that are answered
 * "out of range" anyway, and a saturated one stays on the same side of every bound. Bytes that must survive exactly
 * are copied, not read and written back.
 */
const TWO_32 = 4294967296;

/** The int64 at `at`, saturated at ±Number.MAX_SAFE_INTEGER. */
export function readInt64(b: Uint8Array, at: number): number {
  const high = b[at] << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
  const low = (b[at + 4] << 24 | b[at + 5] << 16 | b[at + 6] << 8 | b[at + 7]) >>> 0;
  if (high >= 0x200000) return Number.MAX_SAFE_INTEGER;
  if (high < -0x200000 || high === -0x200000 && low === 0) return -Number.MAX_SAFE_INTEGER;
  return high * TWO_32 + low;
}

/** Writes a whole number between ±Number.MAX_SAFE_INTEGER. */
export function writeInt64(into: Uint8Array, at: number, value: number): void {
  writeInt32(into, at, Math.floor(value / TWO_32));
  writeInt32(into, at + 4, value); // ToInt32 takes the low 32 bits of any safe integer, negative ones too
}

/** The signed int32 at `at`. */
export function readInt32(b: Uint8Array, at: number): number {
  return b[at] << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
}

/** Writes the low 32 bits of a whole number. */
export function writeInt32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

/** The signed int16 at `at`. */
export function readInt16(b: Uint8Array, at: number): number {
  return (b[at] << 24 | b[at + 1] << 16) >> 16;
}

/** Writes the low 16 bits of a whole number. */
export function writeInt16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}
