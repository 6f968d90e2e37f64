/**
 * Proves that what Lz4Encoder makes of a block decodes to the block, by the decoder that is compared with the format's
 * definition, and keeps what LZ4 asks of the end of one, which other decoders rely on; and that it finds what repeats.
 */
import { assert, assertEquals } from "@std/assert";
import { type Random, withSeed } from "../../tests/random.ts";
import { BlockDecoder, Fault } from "./block_decoder.ts";
import { BLOCK_BYTES, Lz4Encoder } from "./lz4_encoder.ts";

const decoder = new BlockDecoder({ keepBytes: 1 << 20 });

function decoded(block: Uint8Array, room: number): Uint8Array {
  decoder.begin(2 ** 31);
  try {
    assertEquals(decoder.lz4(block, room), Fault.none);
    return decoder.output().slice();
  } finally {
    decoder.end();
  }
}

/** Where the matches of a block begin and end in what it becomes. */
function* matchesOf(block: Uint8Array): Generator<{ from: number; to: number }> {
  let at = 0, to = 0;
  const length = (nibble: number) => {
    let length = nibble;
    if (nibble === 15) {
      do length += block[at]; while (block[at++] === 255);
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++], literals = length(token >> 4);
    at += literals;
    to += literals;
    if (at === block.length) return;
    at += 2;
    const match = length(token & 15) + 4;
    yield { from: to, to: to + match };
    to += match;
  }
}

function check(encoder: Lz4Encoder, plain: Uint8Array): number {
  const block = encoder.encoded(plain).slice();
  assert(block.length <= plain.length + Math.ceil(plain.length / 255) + 16);
  const back = decoded(block, plain.length);
  assertEquals(back.length, plain.length);
  assert(back.every((byte, i) => byte === plain[i]));
  for (const { from, to } of matchesOf(block)) {
    assert(from <= plain.length - 12, `a match begins at ${from} of ${plain.length}`);
    assert(to <= plain.length - 5, `a match ends at ${to} of ${plain.length}`);
  }
  return block.length;
}

/** Bytes of few kinds, runs, what was there before, and what is new. */
function randomBlock(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length), kinds = 1 + random.below(random.below(2) ? 4 : 256);
  for (let at = 0; at < length;) {
    const count = Math.min(length - at, 1 + random.below(random.below(8) === 0 ? 2000 : 40));
    const kind = random.below(3), byte = random.below(256);
    const back = at === 0 ? 0 : 1 + random.below(at);
    for (let i = 0; i < count; i++, at++) {
      if (kind === 0 && back > 0) bytes[at] = bytes[at - back];
      else bytes[at] = kind === 1 ? byte : random.below(kinds);
    }
  }
  return bytes;
}

Deno.test("random blocks of every length decode to what they were", () =>
  withSeed((random) => {
    const encoder = new Lz4Encoder();
    for (let length = 0; length < 400; length++) check(encoder, randomBlock(random, length));
    for (let round = 0; round < 150; round++) {
      check(encoder, randomBlock(random, random.below(BLOCK_BYTES + 1)));
    }
  }));

Deno.test("the longest blocks decode to what they were, whatever was there before", () => {
  const encoder = new Lz4Encoder(), all = new Uint8Array(BLOCK_BYTES);
  const noise = crypto.getRandomValues(all.slice());
  check(encoder, noise);
  assert(check(encoder, all) < 300);
  check(encoder, noise);
  // The first four bytes again as far away as a match can be.
  const far = noise.slice();
  far.set(far.subarray(0, 50), BLOCK_BYTES - 70);
  assert(check(encoder, far) <= check(encoder, noise));
  for (const length of [1, 4, 5, 12, 13, 14, 15, 16, 17, 18]) {
    check(encoder, all.subarray(0, length));
  }
});

Deno.test("what repeats is found", () => {
  const encoder = new Lz4Encoder();
  const line = new TextEncoder().encode('{"id":12345,"name":"a name","ok":true}\n');
  const text = new Uint8Array(line.length * 100);
  for (let i = 0; i < 100; i++) text.set(line, i * line.length);
  assert(check(encoder, text) < line.length + 40);
});
