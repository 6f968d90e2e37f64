/**
 * Proves that every codec gives back what went in, over seeded bytes of every sort, and that broken, lying and exploding
 * input ends in CompressionError within the bound. That Kafka's own Java codecs agree is golden_test.ts's business.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compress,
  CompressionError,
  CompressionType,
  decompress,
  decompressForNow,
} from "./compression.ts";
import { xxhash32 } from "./xxhash32.ts";

const CODECS = Object.entries(CompressionType);
const PACKED = CODECS.filter(([name]) => name !== "none");
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 20_240_521);

/** Numbers below `limit` from a seed. */
function dice(seed: number): (limit: number) => number {
  return (limit) => {
    seed = Math.imul(seed ^ seed >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (seed >>> 0) % limit;
  };
}

/** Noise, runs and repetitions of earlier parts, mixed. */
function mixture(size: number, roll: (limit: number) => number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const length = Math.min(1 + roll(roll(2) ? 8 : 400), size - at), kind = roll(3);
    const from = roll(at + 1), byte = roll(256);
    for (let i = 0; i < length; i++) {
      bytes[at + i] = kind === 0 ? roll(256) : kind === 1 ? byte : bytes[from + i];
    }
    at += length;
  }
  return bytes;
}

for (const [name, type] of CODECS) {
  Deno.test(`${name} gives back what went in`, () => {
    const roll = dice(SEED);
    const sizes = [0, 1, 3, 12, 13, 64, 300, 32767, 32768, 32769, 65536, 65537, 200_000];
    for (let i = 0; i < 60; i++) sizes.push(roll(5000));
    for (const size of sizes) {
      for (const bytes of [mixture(size, roll), new Uint8Array(size)]) {
        const back = decompress(type, compress(type, bytes), Math.max(size, 1));
        assert(same(back, bytes), `${size} bytes differ; FUZZ_SEED=${SEED}`);
      }
    }
  });
}

for (const [name, type] of CODECS) {
  Deno.test(`${name} keeps what decompress() gave, whatever is decompressed next`, () => {
    const roll = dice(SEED);
    const plain = [300, 70_000, 5, 9_000_000, 40].map((size) => mixture(size, roll));
    const all = plain.map((bytes) => decompress(type, compress(type, bytes), 9_000_000));
    for (const bytes of plain) {
      assert(same(decompressForNow(type, compress(type, bytes), 9_000_000), bytes));
    }
    all.forEach((bytes, i) => assert(same(bytes, plain[i]), `${i}; FUZZ_SEED=${SEED}`));
  });
}

for (const name of ["snappy", "lz4"] as const) {
  Deno.test(`decompressForNow() of ${name} uses its memory again, and keeps none that is large`, () => {
    const memoryFor = (size: number) => {
      const packed = compress(CompressionType[name], new Uint8Array(size));
      return decompressForNow(CompressionType[name], packed, size).buffer;
    };
    const small = memoryFor(100_000);
    memoryFor(40_000_000);
    assert(memoryFor(1000).byteLength < 17_000_000);
    assertEquals(memoryFor(100_000), memoryFor(5000));
    assert(small.byteLength < 17_000_000);
  });
}

for (const [name, type] of PACKED) {
  Deno.test(`${name} makes repetitive bytes smaller`, () => {
    assert(compress(type, new Uint8Array(100_000)).length < 6000);
  });

  Deno.test(`${name} stops at maxBytes`, () => {
    const bomb = compress(type, new Uint8Array(4_000_000));
    const error = assertThrows(() => decompress(type, bomb, 3_999_999), CompressionError);
    assertEquals(error.kind, "tooLarge");
    assertEquals(decompress(type, bomb, 4_000_000).length, 4_000_000);
  });

  Deno.test(`${name} never takes a truncation for the whole`, () => {
    const whole = compress(type, mixture(700, dice(SEED)));
    for (let n = 0; n < whole.length; n++) {
      const cut = () => decompress(type, whole.slice(0, n), 10_000);
      // snappy's framing has no end, so its header alone is empty, and up to three bytes behind it are passed over.
      if (type === CompressionType.snappy && n >= 16 && n < 20) assertEquals(cut().length, 0);
      else assertThrows(cut, CompressionError, "", `${n}`);
    }
  });

  Deno.test(`${name} answers damaged bytes with CompressionError or bytes within the bound`, () => {
    const roll = dice(SEED);
    for (let i = 0; i < 1500; i++) {
      const bytes = compress(type, mixture(1 + roll(600), roll)).slice();
      for (let n = 1 + roll(4); n > 0; n--) bytes[roll(bytes.length)] = roll(256);
      try {
        assert(decompress(type, bytes, 2000).length <= 2000, `FUZZ_SEED=${SEED}`);
      } catch (error) {
        assert(error instanceof CompressionError, `round ${i}, FUZZ_SEED=${SEED}: ${error}`);
      }
    }
  });
}

Deno.test("snappy without framing is read", () => {
  const literal = new Uint8Array([3, 2 << 2, 97, 98, 99]);
  assertEquals([...decompress(CompressionType.snappy, literal, 10)], [97, 98, 99]);
});

Deno.test("a snappy block that declares gigabytes is refused before allocating", () => {
  const lying = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x07, 0, 97]);
  assertThrows(
    () => decompress(CompressionType.snappy, lying, 2 ** 40),
    CompressionError,
    "declares 2147483647",
  );
});

Deno.test("an lz4 frame with linked blocks is refused, as Kafka's readers do", () => {
  const frame = compress(CompressionType.lz4, new Uint8Array(100)).slice();
  frame[4] &= ~0x20;
  frame[6] = xxhash32(frame, 4, 6) >>> 8;
  assertThrows(
    () => decompress(CompressionType.lz4, frame, 100),
    CompressionError,
    "blocks are linked",
  );
});

Deno.test("an lz4 frame with content size and checksums is read, a wrong block checksum refused", () => {
  const plain = new TextEncoder().encode("abcdefghijklmnop");
  const block = [0xf0, 1, ...plain];
  const frame = new Uint8Array(15 + 4 + block.length + 4 + 4 + 4);
  frame.set([0x04, 0x22, 0x4d, 0x18, 0x7c, 0x40, plain.length]);
  frame[14] = xxhash32(frame, 4, 14) >>> 8;
  frame[15] = block.length;
  frame.set(block, 19);
  new DataView(frame.buffer).setUint32(
    19 + block.length,
    xxhash32(frame, 19, 19 + block.length),
    true,
  );
  assertEquals([...decompress(CompressionType.lz4, frame, 100)], [...plain]);
  frame[25] ^= 1;
  assertThrows(
    () => decompress(CompressionType.lz4, frame, 100),
    CompressionError,
    "wrong checksum",
  );
});

Deno.test("xxhash32() gives the published values", () => {
  const of = (text: string) => xxhash32(new TextEncoder().encode(text), 0, text.length);
  assertEquals(of(""), 0x02cc5d05);
  assertEquals(of("abc"), 0x32d153ff);
  assertEquals(of("Nobody inspects the spammish repetition"), 0xe2293b2f);
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** A zstd frame whose one stored block is "abc". */
const zstdFrame = (...header: number[]) =>
  new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, ...header, 0x19, 0, 0, 97, 98, 99]);

Deno.test("a zstd frame is read with and without its content size", () => {
  const { zstd } = CompressionType;
  assertEquals([...decompress(zstd, zstdFrame(0x00, 0x58), 10)], [97, 98, 99]); // as streams are written
  assertEquals([...decompress(zstd, zstdFrame(0x20, 3), 10)], [97, 98, 99]);
});

Deno.test("a zstd frame that lies about its size or wants a huge window is refused", () => {
  const { zstd } = CompressionType;
  for (const header of [[0x20, 2], [0x20, 200], [0xa0, 255, 255, 255, 127], [0x00, 0xff]]) {
    assertThrows(() => decompress(zstd, zstdFrame(...header), 1000), CompressionError, "zstd");
  }
});
