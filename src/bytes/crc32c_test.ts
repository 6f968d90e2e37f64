/**
 * Proves that crc32c() is CRC-32C: published values (RFC 3720 B.4), and at every length around the changes of method
 * (tables, folding, several chunks) agreement with a bit-by-bit implementation.
 */
import { assertEquals } from "@std/assert";
import { crc32c } from "./crc32c.ts";

const hex = (bytes: Uint8Array) => crc32c(bytes).toString(16).padStart(8, "0");

Deno.test("crc32c() gives the published values", () => {
  assertEquals(hex(new TextEncoder().encode("123456789")), "e3069283");
  assertEquals(hex(new Uint8Array(0)), "00000000");
  assertEquals(hex(new Uint8Array(32)), "8a9136aa");
  assertEquals(hex(new Uint8Array(32).fill(255)), "62a8ab43");
  assertEquals(hex(Uint8Array.from({ length: 32 }, (_, i) => i)), "46dd794e");
  assertEquals(hex(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), "113fdb5c");
});

Deno.test("crc32c() agrees with the definition at every length up to 2 KiB", () => {
  const bytes = noise(2048);
  const want = prefixChecksums(bytes);
  for (let n = 0; n <= bytes.length; n++) assertEquals(crc32c(bytes, 0, n), want[n], `${n} bytes`);
});

Deno.test("crc32c() agrees with the definition across chunks of WebAssembly memory", () => {
  const bytes = noise(300_000);
  const want = prefixChecksums(bytes);
  for (const chunks of [1, 2]) {
    for (let n = chunks * 130_560 - 140; n < chunks * 130_560 + 140; n++) {
      assertEquals(crc32c(bytes, 0, n), want[n], `${n} bytes`);
    }
  }
  assertEquals(crc32c(bytes), want[bytes.length]);
});

Deno.test("crc32c() covers exactly the range asked for, wherever it begins", () => {
  const bytes = noise(1500);
  for (let from = 0; from < 20; from++) {
    for (const size of [0, 1, 7, 100, 383, 384, 1000]) {
      assertEquals(crc32c(bytes, from, from + size), crc32c(bytes.slice(from, from + size)));
    }
  }
});

Deno.test("crc32c() notices every single flipped bit of a folded message", () => {
  const bytes = noise(700);
  const want = crc32c(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    if (crc32c(bytes) === want) throw new Error(`Flipping bit ${bit} changed nothing`);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
});

function noise(size: number): Uint8Array {
  let x = 12345;
  return Uint8Array.from({ length: size }, () => (x = Math.imul(x, 1664525) + 1013904223) >>> 24);
}

/** Element n is the checksum of the first n bytes, bit by bit. */
function prefixChecksums(bytes: Uint8Array): number[] {
  const sums = [0];
  let c = -1;
  for (const byte of bytes) {
    c ^= byte;
    for (let i = 0; i < 8; i++) c = c & 1 ? c >>> 1 ^ 0x82f63b78 : c >>> 1;
    sums.push(~c >>> 0);
  }
  return sums;
}
