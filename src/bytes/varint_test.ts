/**
 * Proves that varints are read as written, at every size and at the edges of their types, against BigInt arithmetic;
 * and that what is cut off, too long or too large never passes silently.
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  readUnsignedVarint,
  readVarint,
  readVarlong,
  unsignedVarintSize,
  varintEnd,
  varintSize,
  varlongSize,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from "./varint.ts";

const SAFE = Number.MAX_SAFE_INTEGER;

/** Powers of two and their neighbours, both signs. */
function edges(bits: number): number[] {
  const values = [0];
  for (let i = 0; i <= bits; i++) values.push(2 ** i - 1, 2 ** i, 2 ** i + 1);
  return values.flatMap((v) => [v, -v]);
}

/** The bytes of a signed varint of any size, by definition. */
function encode(value: bigint): number[] {
  let raw = BigInt.asUintN(64, value << 1n ^ value >> 63n);
  const bytes = [];
  for (; raw > 127n; raw >>= 7n) bytes.push(Number(raw & 127n | 128n));
  return [...bytes, Number(raw)];
}

Deno.test("varint writes and reads every int32 edge as Kafka does", () => {
  const b = new Uint8Array(8);
  for (const v of edges(31).filter((v) => v >= -(2 ** 31) && v < 2 ** 31)) {
    const end = writeVarint(b, 1, v);
    assertEquals([...b.subarray(1, end)], encode(BigInt(v)), `${v}`);
    assertEquals([readVarint(b, 1), varintEnd, varintSize(v)], [v + 0, end, end - 1]);
  }
});

Deno.test("unsigned varint writes and reads every uint32 edge", () => {
  const b = new Uint8Array(8);
  for (const v of edges(32).filter((v) => v >= 0 && v < 2 ** 32)) {
    const end = writeUnsignedVarint(b, 1, v);
    assertEquals([readUnsignedVarint(b, 1), varintEnd, unsignedVarintSize(v)], [
      v + 0,
      end,
      end - 1,
    ]);
  }
});

Deno.test("varlong writes and reads every edge of the safe integers", () => {
  const b = new Uint8Array(12);
  for (const v of edges(53).filter((v) => Math.abs(v) <= SAFE)) {
    const end = writeVarlong(b, 1, v);
    assertEquals([...b.subarray(1, end)], encode(BigInt(v)), `${v}`);
    assertEquals([readVarlong(b, 1), varintEnd, varlongSize(v)], [v + 0, end, end - 1]);
  }
});

Deno.test("varlong beyond 2^53 saturates instead of losing precision", () => {
  for (const v of [2n ** 53n, 2n ** 60n + 1n, 2n ** 63n - 1n]) {
    assertEquals(readVarlong(Uint8Array.from(encode(v)), 0), SAFE);
    assertEquals(readVarlong(Uint8Array.from(encode(-v - 1n)), 0), -SAFE);
  }
});

Deno.test("a varint that runs past the end is refused at every cut", () => {
  const whole = encode(2n ** 62n);
  for (let n = 0; n < whole.length; n++) {
    assertThrows(
      () => readVarlong(Uint8Array.from(whole.slice(0, n)), 0),
      RangeError,
      "past the end",
    );
    if (n < 5) {
      assertThrows(
        () => readVarint(Uint8Array.from(whole.slice(0, n)), 0),
        RangeError,
        "past the end",
      );
    }
  }
});

Deno.test("a varint of more than 5 bytes and a varlong of more than 64 bits are refused", () => {
  const endless = new Uint8Array(20).fill(0x80);
  assertThrows(() => readUnsignedVarint(endless, 0), RangeError, "longer than 5 bytes");
  assertThrows(() => readVarlong(endless, 0), RangeError, "longer than 64 bits");
  const tooWide = new Uint8Array(10).fill(0xff);
  tooWide[9] = 2;
  assertThrows(() => readVarlong(tooWide, 0), RangeError, "longer than 64 bits");
});
