/** One bit: every bit of a small piece, and none of what is not one bit. */
import { assertEquals } from "@std/assert";
import { crc32c } from "./crc32c.ts";
import { isOneBitOff } from "./one_bit.ts";

const BYTES = Uint8Array.from({ length: 300 }, (_, i) => i * 7 + (i >> 3));
const SUM = crc32c(BYTES, 3, 290);

Deno.test("every flipped bit is known as one, in the bytes and in the sum", () => {
  for (let bit = 3 * 8; bit < 290 * 8; bit++) {
    const damaged = BYTES.slice();
    damaged[bit >> 3] ^= 1 << bit % 8;
    assertEquals(isOneBitOff(damaged, SUM, 3, 290), true, `bit ${bit}`);
  }
  for (let bit = 0; bit < 32; bit++) {
    assertEquals(isOneBitOff(BYTES, (SUM ^ 1 << bit) >>> 0, 3, 290), true, `bit ${bit} of the sum`);
  }
});

Deno.test("what is right, and what lacks more than a bit, is not", () => {
  assertEquals(isOneBitOff(BYTES, SUM, 3, 290), false);
  for (let at = 3; at < 289; at++) {
    const damaged = BYTES.slice();
    damaged[at] ^= 3;
    assertEquals(isOneBitOff(damaged, SUM, 3, 290), false, `two bits of byte ${at}`);
    damaged.fill(0, at, 290);
    const bits = BYTES.subarray(at, 290).reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0);
    if (bits > 1) assertEquals(isOneBitOff(damaged, SUM, 3, 290), false, `zeros from ${at}`);
  }
});
