// Proves that the key map is a map within its memory, and that its hash is MurmurHash3's: known answers with the seed 0,
// and no collision where a weak hash has them.
import { assert, assertEquals } from "@std/assert";
import { hashed, hashKey } from "./hash.ts";
import { ENTRY_BYTES, OffsetMap } from "./map.ts";

const encoder = new TextEncoder();

function hexOf(text: string): string {
  const key = encoder.encode(text);
  hashKey(key, 0, key.length, new Uint32Array(4));
  return [...hashed].map((word) => word.toString(16).padStart(8, "0")).join("");
}

Deno.test("hashKey() is MurmurHash3 x86 128", () => {
  assertEquals(hexOf(""), "00000000000000000000000000000000");
  assertEquals(
    hexOf("The quick brown fox jumps over the lazy dog"),
    "2f1583c3ecee2c675d7bf66ce5e91d2c",
  );
});

Deno.test("every byte of a key, and its length, changes the hash", () => {
  const seen = new Set<string>();
  for (let length = 0; length <= 40; length++) {
    seen.add(hexOf("a".repeat(length)));
    for (let i = 0; i < length; i++) {
      seen.add(hexOf("a".repeat(i) + "b" + "a".repeat(length - i - 1)));
    }
  }
  assertEquals(seen.size, 41 + 40 * 41 / 2);
});

Deno.test("offsetMap keeps the last offset of each key, up to three quarters of its slots", () => {
  const maxBytes = 1000 * ENTRY_BYTES;
  const map = new OffsetMap({ maxBytes, expectedKeys: 1e9 });
  assert(map.bytes <= maxBytes, `${map.bytes} bytes`);
  const key = (i: number) => encoder.encode(`key-${i}`);
  for (let i = 0; i < 750; i++) assert(map.put(key(i), 0, key(i).length, i));
  for (let i = 0; i < 750; i++) assert(map.put(key(i), 0, key(i).length, 1000 + i)); // known keys fit
  assertEquals(map.put(key(750), 0, key(750).length, 5), false);
  assertEquals([map.size, map.get(key(750), 0, key(750).length)], [750, -1]);
  for (let i = 0; i < 750; i++) assertEquals(map.get(key(i), 0, key(i).length), 1000 + i);
});

Deno.test("offsetMap takes no more memory than the keys there may be", () => {
  assert(new OffsetMap({ maxBytes: 1 << 25, expectedKeys: 100 }).bytes < 4000);
  assert(new OffsetMap({ maxBytes: 1 << 25, expectedKeys: 1e9 }).bytes <= 1 << 25);
});

Deno.test("offsetMap tells a key by its bytes alone, wherever they lie", () => {
  const map = new OffsetMap({ maxBytes: 1 << 16, expectedKeys: 100 });
  const text = encoder.encode("xxkeyxxkeyx");
  map.put(text, 2, 5, 7);
  assertEquals(map.get(text, 7, 10), 7);
  assertEquals(map.get(text, 7, 11), -1);
  map.put(text, 3, 3, 8); // the empty key is one
  assertEquals(map.get(text, 9, 9), 8);
});
