/**
 * Proves that keys hash as in Kafka's Java client: the numbers are what org.apache.kafka.common.utils.Utils.murmur2
 * of Kafka 4.4.0 gives.
 */
import { assert, assertEquals } from "@std/assert";
import { murmur2, partitionOfKey } from "./murmur2.ts";

const FROM_JAVA: [string, number][] = [
  ["", 275646681],
  ["a", -1563381124],
  ["ab", 316155434],
  ["abc", 479470107],
  ["abcd", -1323649548],
  ["hello world", 1221641059],
  ["äöü", -2070914556],
  ["a-little-bit-long-string", -985981536],
  ["key-42", -187086521],
];

Deno.test("murmur2() gives what Kafka's Java client gives", () => {
  for (const [text, hash] of FROM_JAVA) {
    assertEquals(murmur2(new TextEncoder().encode(text)), hash, text);
  }
  assertEquals(murmur2(Uint8Array.from({ length: 256 }, (_, i) => i)), -1948347274);
});

Deno.test("partitionOfKey() is a partition even where the hash is negative", () => {
  for (let i = 0; i < 100; i++) {
    const partition = partitionOfKey(new Uint8Array([i, i * 7]), 3);
    assert(partition >= 0 && partition < 3);
  }
});
