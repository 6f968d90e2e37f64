/** Proves int64 reading and writing against DataView, at the edges of the safe integers and beyond. */
import { assertEquals } from "@std/assert";
import { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from "./int64.ts";

const SAFE = Number.MAX_SAFE_INTEGER;

Deno.test("int64 is written and read as DataView does, at every power of two", () => {
  const b = new Uint8Array(10), view = new DataView(b.buffer);
  for (let i = 0; i <= 53; i++) {
    for (const v of [2 ** i - 1, 2 ** i, 1 - 2 ** i, -(2 ** i), -1 - 2 ** i]) {
      if (Math.abs(v) > SAFE) continue;
      writeInt64(b, 1, v);
      assertEquals(view.getBigInt64(1), BigInt(v));
      assertEquals(readInt64(b, 1), v + 0);
    }
  }
});

Deno.test("int64 beyond 2^53 reads saturated", () => {
  const b = new Uint8Array(8), view = new DataView(b.buffer);
  for (const v of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n]) {
    view.setBigInt64(0, v);
    assertEquals(readInt64(b, 0), SAFE);
    view.setBigInt64(0, -v);
    assertEquals(readInt64(b, 0), -SAFE);
  }
});

Deno.test("int32 and int16 are signed", () => {
  const b = new Uint8Array(8);
  for (const v of [0, 1, -1, 127, -128, 32767, -32768]) {
    writeInt32(b, 1, v);
    writeInt16(b, 5, v);
    assertEquals([readInt32(b, 1), readInt16(b, 5)], [v, v]);
  }
  writeInt32(b, 0, 2147483647);
  assertEquals(readInt32(b, 0), 2147483647);
});
