/** Proves that matches are as long as they are byte by byte, at every place a word may end. */
import { assertEquals } from "@std/assert";
import { copyLiteral, matchLength } from "./matching.ts";

Deno.test("a match ends at the first byte that differs, or at the end", () => {
  for (let same = 4; same < 24; same++) {
    for (let limit = same; limit < 24; limit++) {
      for (const other of [1, 0x80, 0xff]) {
        const bytes = new Uint8Array(3 + 64); // a view that does not begin at a word
        const b = bytes.subarray(3);
        for (let i = 0; i < 24; i++) b[i] = b[32 + i] = i * 37;
        b[32 + same] ^= other;
        const view = new DataView(b.buffer, b.byteOffset, b.length);
        assertEquals(matchLength(view, 0, 32, 32 + limit), same, `${same} of ${limit}, ${other}`);
      }
    }
    const b = new Uint8Array(64), view = new DataView(b.buffer);
    assertEquals(matchLength(view, 0, 1, 1 + same), same, "over itself");
  }
});

Deno.test("literals of every length are copied whole", () => {
  const from = crypto.getRandomValues(new Uint8Array(300));
  for (let length = 0; length < 200; length++) {
    const into = new Uint8Array(300);
    assertEquals(copyLiteral(from, 5, 5 + length, into, 7), 7 + length);
    assertEquals(into.subarray(7, 7 + length), from.subarray(5, 5 + length));
    assertEquals(into.subarray(7 + length).every((byte) => byte === 0), true);
  }
});
