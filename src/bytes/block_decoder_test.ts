/**
 * Proves that BlockDecoder decodes as the formats say: over random and random broken blocks, the same output or the
 * same fault at the same place as decoders that go byte by byte and are written for nothing but to be read. Blocks are
 * made element by element, so that every kind of length and distance occurs, which no compressor promises.
 */
import { assert, assertEquals } from "@std/assert";
import { type Random, withSeed } from "../../tests/random.ts";
import { BlockDecoder, Fault } from "./block_decoder.ts";

const ROUNDS = 20_000;
const CODECS = ["lz4", "snappy"] as const;
type Codec = typeof CODECS[number];

const newDecoder = () => new BlockDecoder({ keepBytes: 1 << 20 });

/** What a decoder has to say of a block. */
interface Outcome {
  readonly fault: Fault;
  /** When there is no fault. */
  readonly output?: string;
  /** When there is. */
  readonly stopped?: { at: number; to: number };
}

function decode(decoder: BlockDecoder, codec: Codec, block: Uint8Array, room: number): Outcome {
  decoder.begin(2 ** 31);
  const fault = decoder[codec](block, room);
  try {
    if (fault === Fault.none) return { fault, output: decoder.output().join() };
    const { at, to } = decoder.stopped();
    return { fault, stopped: { at, to } };
  } finally {
    decoder.end();
  }
}

/** The definition. Throws a Fault. */
class Reference {
  readonly output: number[] = [];
  at = 0;

  constructor(readonly block: Uint8Array, readonly room: number) {}

  decode(codec: Codec): Outcome {
    try {
      this[codec]();
      return { fault: Fault.none, output: this.output.join() };
    } catch (fault) {
      if (typeof fault !== "number") throw fault;
      return { fault: fault as Fault, stopped: { at: this.at, to: this.output.length } };
    }
  }

  lz4(): void {
    for (;;) {
      if (this.left() === 0) throw Fault.end;
      const token = this.block[this.at++];
      const literals = this.lz4Length(token >> 4);
      if (literals > this.left()) throw Fault.literals;
      this.copyLiterals(literals, Fault.room);
      if (this.left() === 0) return;
      const distance = this.number(2, Fault.cutDistance);
      this.checkDistance(distance);
      this.copyMatch(distance, this.lz4Length(token & 15) + 4, Fault.room);
    }
  }

  snappy(): void {
    while (this.left() > 0) {
      const tag = this.block[this.at++], upper = tag >> 2;
      if ((tag & 3) === 0) {
        const literals = 1 + (upper < 60 ? upper : this.number(upper - 59, Fault.cutLength));
        if (literals > this.left()) throw Fault.literals;
        this.copyLiterals(literals, Fault.literals);
      } else if ((tag & 3) === 1) {
        const distance = this.number(1, Fault.cutDistance) + (upper >> 3 << 8);
        this.checkDistance(distance);
        this.copyMatch(distance, (upper & 7) + 4, Fault.match);
      } else {
        const distance = this.number((tag & 3) === 2 ? 2 : 4, Fault.cutDistance);
        this.checkDistance(distance);
        this.copyMatch(distance, upper + 1, Fault.match);
      }
    }
    if (this.output.length < this.room) throw Fault.end;
  }

  left(): number {
    return this.block.length - this.at;
  }

  number(bytes: number, fault: Fault): number {
    if (this.left() < bytes) throw fault;
    let value = 0;
    for (let i = 0; i < bytes; i++) value += this.block[this.at++] * 256 ** i;
    return value;
  }

  lz4Length(fourBits: number): number {
    let length = fourBits;
    for (let byte = fourBits === 15 ? 255 : 0; byte === 255;) {
      length += byte = this.number(1, Fault.cutLength);
    }
    return length;
  }

  checkDistance(distance: number): void {
    if (distance === 0 || distance > this.output.length) throw Fault.match;
  }

  copyLiterals(length: number, fault: Fault): void {
    if (length > this.room - this.output.length) throw fault;
    for (let i = 0; i < length; i++) this.output.push(this.block[this.at++]);
  }

  copyMatch(distance: number, length: number, fault: Fault): void {
    if (length > this.room - this.output.length) throw fault;
    for (let i = 0; i < length; i++) this.output.push(this.output[this.output.length - distance]);
  }
}

/** A sound block of up to `elements` elements. */
function randomBlock(codec: Codec, random: Random, elements: number): Uint8Array {
  const bytes: number[] = [];
  let size = 0;
  const literals = (length: number) => {
    size += length;
    bytes.push(...random.bytes(length));
  };
  const someLength = () => random.oneIn(4) ? random.below(600) : random.below(40);
  const someDistance = (limit: number) =>
    1 + random.below(random.oneIn(2) ? Math.min(size, limit, 20) : Math.min(size, limit));
  for (let left = random.below(elements); left > 0; left--) {
    if (codec === "lz4") {
      const before = size === 0 ? 1 + someLength() : someLength(), length = someLength();
      bytes.push(Math.min(before, 15) << 4 | Math.min(length, 15), ...furtherLength(before));
      literals(before);
      const distance = someDistance(65535);
      bytes.push(distance & 255, distance >> 8, ...furtherLength(length));
      size += length + 4;
    } else if (size === 0 || random.oneIn(3)) {
      const length = 1 + someLength(), n = length - 1;
      const wide = random.oneIn(4)
        ? random.between(n > 255 ? 2 : 1, 4)
        : n < 60
        ? 0
        : n > 255
        ? 2
        : 1;
      bytes.push((wide === 0 ? n : 59 + wide) << 2);
      for (let i = 0; i < wide; i++) bytes.push(n / 256 ** i & 255);
      literals(length);
    } else {
      const kind = random.between(1, 3);
      const distance = someDistance(kind === 1 ? 2047 : 65535);
      const length = kind === 1 ? random.between(4, 11) : random.between(1, 64);
      if (kind === 1) bytes.push(distance >> 8 << 5 | length - 4 << 2 | 1, distance & 255);
      else bytes.push(length - 1 << 2 | kind, distance & 255, distance >> 8);
      if (kind === 3) bytes.push(0, 0);
      size += length;
    }
  }
  if (codec === "lz4") {
    const length = someLength();
    bytes.push(Math.min(length, 15) << 4, ...furtherLength(length));
    literals(length);
  }
  return new Uint8Array(bytes);
}

/** What lz4's four bits could not hold. */
function furtherLength(length: number): number[] {
  if (length < 15) return [];
  return [...new Array(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255];
}

const decodedSize = (codec: Codec, block: Uint8Array) => {
  const reference = new Reference(block, Infinity);
  reference.decode(codec);
  return reference.output.length;
};

for (const codec of CODECS) {
  Deno.test(`${codec}: sound blocks become what the definition says`, () => {
    const decoder = newDecoder();
    withSeed((random) => {
      for (let i = 0; i < ROUNDS / 10; i++) {
        const block = randomBlock(codec, random, 40), size = decodedSize(codec, block);
        const outcome = decode(decoder, codec, block, size);
        assertEquals(outcome.fault, Fault.none, `block ${block.join()}`);
        assert(outcome.output === new Reference(block, size).decode(codec).output, block.join());
      }
    });
  });

  Deno.test(`${codec}: broken blocks have the fault the definition says, at the same place`, () => {
    const decoder = newDecoder(), seen = new Set<Fault>();
    withSeed((random) => {
      for (let i = 0; i < ROUNDS; i++) {
        let block = randomBlock(codec, random, 6);
        let room = decodedSize(codec, block);
        if (random.oneIn(8)) block = random.bytes(random.below(60));
        for (let n = random.below(3); n > 0; n--) {
          block[random.below(block.length)] = random.pick([0, 255, 254, random.below(256)]);
        }
        if (random.oneIn(3)) block = block.slice(0, random.below(block.length + 1));
        if (random.oneIn(3)) room = Math.max(0, room + random.between(-20, 20));
        const want = new Reference(block, Math.min(room, block.length * 255)).decode(codec);
        assertEquals(decode(decoder, codec, block, room), want, `room ${room}, ${block.join()}`);
        seen.add(want.fault);
      }
    });
    const never: Fault[] = codec === "lz4" ? [] : [Fault.room];
    for (const fault of Object.values(Fault)) assertEquals(seen.has(fault), !never.includes(fault));
  });

  Deno.test(`${codec}: a block that fits exactly is taken, one byte less room refused`, () => {
    const decoder = newDecoder();
    withSeed((random) => {
      for (let i = 0; i < 300; i++) {
        const block = randomBlock(codec, random, 20), size = decodedSize(codec, block);
        if (size === 0) continue;
        assertEquals(decode(decoder, codec, block, size).fault, Fault.none, block.join());
        assert(decode(decoder, codec, block, size - 1).fault !== Fault.none, block.join());
      }
    });
  });
}

Deno.test("lengths that would overflow 32 bits are refused", () => {
  const decoder = newDecoder(), large = new Uint8Array(20_000_000).fill(255);
  const lz4 = (token: number) => large.with(0, token);
  assertEquals(decode(decoder, "lz4", lz4(0xf0), 1 << 22).fault, Fault.cutLength);
  const snappy = new Uint8Array([63 << 2, 255, 255, 255, 255, 1, 2, 3]);
  assertEquals(decode(decoder, "snappy", snappy, 100).fault, Fault.literals);
  const far = new Uint8Array([0, 7, 3, 255, 255, 255, 255]);
  assertEquals(decode(decoder, "snappy", far, 2).fault, Fault.match);
});

Deno.test("a stream's blocks stand side by side, and a match does not reach into the one before", () => {
  const decoder = newDecoder();
  decoder.begin(2 ** 31);
  decoder.store(new Uint8Array([1, 2, 3]));
  assertEquals(decoder.snappy(new Uint8Array([1 << 2, 4, 5]), 2), Fault.none);
  assertEquals(decoder.lz4(new Uint8Array([0x22, 6, 7, 2, 0, 0]), 100), Fault.none);
  assertEquals([...decoder.output()], [1, 2, 3, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7]);
  assertEquals(decoder.snappy(new Uint8Array([0, 8, 2, 2, 0]), 2), Fault.match);
  assertEquals(decoder.written, 13);
});

Deno.test("memory grows with what blocks become, not with the room they are given", () => {
  const decoder = newDecoder();
  decoder.begin(2 ** 31);
  assertEquals(decoder.lz4(new Uint8Array([0x10, 1]), 2 ** 31), Fault.none);
  assert(decoder.output().buffer.byteLength < 100);
});

Deno.test("memory that grows goes no further than maxBytes", () => {
  const decoder = newDecoder(), limit = (5 << 20) + 7;
  decoder.begin(limit);
  for (let left = limit; left > 0; left -= 1 << 16) {
    decoder.store(new Uint8Array(Math.min(left, 1 << 16)));
  }
  assertEquals(decoder.output().buffer.byteLength, limit);
});

Deno.test("memory up to keepBytes is used again, more is let go of, whatever became of the stream", () => {
  const decoder = newDecoder(),
    zeros = new Uint8Array(8004).fill(255).with(0, 0x1f).with(1, 0).with(2, 1).with(3, 0);
  const block = new Uint8Array([...zeros, 0, 0]); // 8000 bytes that each count 255
  const run = (room: number) => {
    decoder.begin(2 ** 31);
    const fault = decoder.lz4(block, room), { buffer } = decoder.output();
    decoder.end();
    return { fault, buffer };
  };
  decoder.begin(2 ** 31);
  decoder.store(new Uint8Array(1 << 20));
  const kept = decoder.output().buffer;
  decoder.end();
  const large = run(1 << 22);
  assertEquals(large.fault, Fault.none);
  assert(large.buffer.byteLength > 1 << 20);
  assertEquals(run(1 << 20).fault, Fault.room);
  decoder.begin(2 ** 31);
  decoder.store(new Uint8Array(1000));
  assert(decoder.output().buffer === kept);
});
