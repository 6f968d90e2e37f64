/**
 * Proves that compressed data in several streams is taken as Kafka's readers take it: every row below was produced to
 * Apache Kafka 4.4.0, which stored it, or refused it (then "refused" stands here). What is stored decompresses to the
 * same bytes as Kafka's consumers read.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { compress, CompressionError, CompressionType, decompress } from "./compression.ts";

const PLAIN = new TextEncoder().encode("one two three four ".repeat(40));
const HALF = 300;
const FIRST = PLAIN.slice(0, HALF), SECOND = PLAIN.slice(HALF);

type Expected = Uint8Array | "refused";

function packed(type: CompressionType, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(compress(type, bytes)); // zlib gives a Buffer, whose slices share memory
}

function cat(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  const all = parts.map((part) => new Uint8Array(part));
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function changed(bytes: Uint8Array, at: number, by = 0xff): Uint8Array {
  const other = bytes.slice();
  other[at < 0 ? bytes.length + at : at] ^= by;
  return other;
}

function check(type: CompressionType, rows: Record<string, [Uint8Array, Expected]>): void {
  for (const [name, [bytes, expected]] of Object.entries(rows)) {
    if (expected === "refused") {
      assertThrows(() => decompress(type, bytes, 20_000), CompressionError, undefined, name);
      continue;
    }
    assertEquals(decompress(type, bytes, 20_000), expected, name);
    // No stream is a way past the bound.
    const bound = expected.length - 1;
    if (bound < 1) continue;
    const error = assertThrows(() => decompress(type, bytes, bound), CompressionError);
    assertEquals(error.kind, "tooLarge", name);
  }
}

/** Of every codec. */
function streams(type: CompressionType) {
  const whole = packed(type, PLAIN), a = packed(type, FIRST), b = packed(type, SECOND);
  return { whole, a, b, both: cat(a, b), empty: packed(type, new Uint8Array(0)) };
}

const JUNK = [...new TextEncoder().encode("junk")], ZEROS = (n: number) => new Uint8Array(n);

Deno.test("gzip members follow one another, and what is no member behind them is passed over", () => {
  const { whole, a, b, both, empty } = streams(CompressionType.gzip);
  const head = [0x1f, 0x8b, 8], rest = [0, 0, 0, 0, 0, 3], body = whole.slice(10);
  check(CompressionType.gzip, {
    "two members": [both, PLAIN],
    "many members": [cat(...Array(50).fill(a)), cat(...Array(50).fill(FIRST))],
    "an empty one first": [cat(empty, whole), PLAIN],
    "an empty one last": [cat(whole, empty), PLAIN],
    "junk": [cat(whole, JUNK), PLAIN],
    "two bytes": [cat(whole, [1, 2]), PLAIN],
    "two zeros": [cat(whole, ZEROS(2)), PLAIN],
    "30 zeros": [cat(whole, ZEROS(30)), PLAIN],
    "40 bytes of junk": [cat(both, new Uint8Array(40).fill(9)), PLAIN],
    "a header that is cut": [cat(whole, b.slice(0, 8)), PLAIN],
    "a damaged header": [cat(a, changed(b, 2)), FIRST],
    "flags that are reserved": [changed(whole, 3, 0x80), PLAIN],
    "a name": [cat(head, [8], rest, JUNK, [0], body), PLAIN],
    "a comment": [cat(head, [16], rest, JUNK, [0], body), PLAIN],
    "extra bytes": [cat(head, [4], rest, [2, 0, 9, 9], body), PLAIN],
    "a wrong checksum of the header": [cat(head, [2], rest, [0, 0], body), "refused"],
    "another method": [changed(whole, 2), "refused"],
    "a second one that is cut": [both.slice(0, -2), "refused"],
    "a second one that is damaged": [changed(both, -6), "refused"],
    "a wrong checksum": [changed(whole, -6), "refused"],
    "a wrong size": [changed(whole, -2), "refused"],
    "a cut one": [whole.slice(0, -5), "refused"],
  });
});

Deno.test("snappy streams follow one another with a header each, up to three bytes at the end are passed over", () => {
  const { whole, a, b, both, empty } = streams(CompressionType.snappy);
  const magicHead = [0x82, 0x53, 0x4e, 0x41];
  check(CompressionType.snappy, {
    "two streams": [both, PLAIN],
    "many streams": [cat(...Array(50).fill(a)), cat(...Array(50).fill(FIRST))],
    "an empty one first": [cat(empty, whole), PLAIN],
    "an empty one last": [cat(whole, empty), PLAIN],
    "a header that says version 0": [changed(changed(whole, 11, 1), 15, 1), PLAIN],
    "one byte": [cat(whole, [7]), PLAIN],
    "two bytes": [cat(whole, [1, 2]), PLAIN],
    "three bytes": [cat(both, [1, 2, 3]), PLAIN],
    "two zeros": [cat(whole, ZEROS(2)), PLAIN],
    "a header that is none": [cat(whole, magicHead, new Uint8Array(12).fill(3)), PLAIN],
    "a bare block": [whole.slice(20), PLAIN],
    "junk": [cat(whole, JUNK), "refused"],
    "four zeros": [cat(whole, ZEROS(4)), "refused"],
    "30 zeros": [cat(whole, ZEROS(30)), "refused"],
    "a negative length": [cat(whole, [255, 255, 255, 255]), "refused"],
    "a header that is cut": [cat(whole, b.slice(0, 8)), "refused"],
    "the beginning of a header": [cat(whole, magicHead, [0x50]), "refused"],
    "a damaged header": [cat(whole, changed(b, 2, 0x55)), "refused"],
    "a second one that is cut": [both.slice(0, -2), "refused"],
    "a bare block and more": [cat(whole.slice(20), [1, 2]), "refused"],
  });
});

Deno.test("an lz4 frame ends where it ends, whatever is behind it", () => {
  const { whole, a, both, empty } = streams(CompressionType.lz4);
  check(CompressionType.lz4, {
    "two frames": [both, FIRST],
    "a whole one twice": [cat(whole, whole), PLAIN],
    "an empty one first": [cat(empty, whole), new Uint8Array(0)],
    "an empty one last": [cat(whole, empty), PLAIN],
    "junk": [cat(whole, JUNK), PLAIN],
    "zeros": [cat(whole, ZEROS(8)), PLAIN],
    "a second one that is cut": [both.slice(0, -2), FIRST],
    "a second one that is damaged": [changed(both, a.length + 5), FIRST],
    "a cut one": [whole.slice(0, -1), "refused"],
  });
});

Deno.test("zstd frames follow one another, skippable ones are passed over, junk is refused", () => {
  const { whole, a, b, both, empty } = streams(CompressionType.zstd);
  const skippable = cat([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const noBytes = [0x5f, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], magic = [0x28, 0xb5, 0x2f, 0xfd];
  check(CompressionType.zstd, {
    "two frames": [both, PLAIN],
    "many frames": [cat(...Array(50).fill(a)), cat(...Array(50).fill(FIRST))],
    "an empty one first": [cat(empty, whole), PLAIN],
    "an empty one last": [cat(whole, empty), PLAIN],
    "a skippable one first": [cat(skippable, whole), PLAIN],
    "a skippable one without bytes": [cat(noBytes, whole), PLAIN],
    "skippable ones between": [cat(a, skippable, noBytes, skippable, b), PLAIN],
    "a skippable one last": [cat(whole, skippable), PLAIN],
    "a skippable one that is cut": [cat(whole, skippable.slice(0, 9)), PLAIN],
    "a further magic alone": [cat(whole, magic), PLAIN],
    "part of a further magic": [cat(whole, [0x28, 0xb5]), PLAIN],
    "part of a skippable magic": [cat(whole, [0x5a, 0x2a]), PLAIN],
    "a further header that is cut": [cat(whole, b.slice(0, 5)), PLAIN],
    "something like a magic": [cat(whole, [0x28, 0xb6]), "refused"],
    "junk": [cat(whole, JUNK), "refused"],
    "one byte": [cat(whole, [7]), "refused"],
    "two zeros": [cat(whole, ZEROS(2)), "refused"],
    "30 zeros": [cat(both, ZEROS(30)), "refused"],
    "a damaged magic": [cat(whole, changed(b, 2)), "refused"],
    "a cut one": [whole.slice(0, -1), "refused"],
    "a cut one behind a skippable one": [cat(skippable, whole.slice(0, 3)), new Uint8Array(0)],
    "a skippable one alone, cut": [skippable.slice(0, 9), "refused"],
  });
});

Deno.test("more frames than anybody writes are refused before they take their time", () => {
  for (const type of [CompressionType.zstd, CompressionType.gzip]) {
    const empty = packed(type, new Uint8Array(0)), many = new Uint8Array(empty.length * 100_000);
    for (let at = 0; at < many.length; at += empty.length) many.set(empty, at);
    const began = performance.now();
    if (type === CompressionType.gzip) assertEquals(decompress(type, many, 1000).length, 0);
    else assertThrows(() => decompress(type, many, 1000), CompressionError, "1000 parts");
    assert(performance.now() - began < 3000);
  }
});
