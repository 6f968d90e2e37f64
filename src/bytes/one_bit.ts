/**
 * One bit: whether bytes differ from what their CRC-32C was made of in a single bit. That is what a device or a cable
 * does; a write that was interrupted leaves bytes out.
 *
 * CRC is linear: flipping a bit changes the sum by a value that depends on the bit's distance from the end alone. So
 * all bits are tried in one pass, eight table look-ups a byte.
 */
import { crc32c } from "./crc32c.ts";

/** Whether flipping one bit of `bytes` from `from` to `to`, or of `stored`, makes the checksum right. */
export function isOneBitOff(
  bytes: Uint8Array,
  stored: number,
  from = 0,
  to: number = bytes.length,
): boolean {
  const wanted = (stored ^ crc32c(bytes, from, to)) >>> 0;
  if (wanted === 0) return false;
  if ((wanted & (wanted - 1)) === 0) return true; // in the sum itself
  const table = tableOf();
  const effects = Uint32Array.from({ length: 8 }, (_, bit) => table[1 << bit]);
  for (let left = to - from; left > 0; left--) {
    for (let bit = 0; bit < 8; bit++) {
      const effect = effects[bit];
      if (effect === wanted) return true;
      effects[bit] = effect >>> 8 ^ table[effect & 0xff];
    }
  }
  return false;
}

let table: Uint32Array | null = null;

function tableOf(): Uint32Array {
  return table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ CASTAGNOLI : sum >>> 1;
    return sum >>> 0;
  });
}

/** The polynomial, its bits reversed. */
const CASTAGNOLI = 0x82f63b78;
