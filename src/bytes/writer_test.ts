/**
 * Writer appends, grows, keeps large chunks apart and starts afresh; what it wrote is read back by Reader.
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ProtocolError, Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const LARGE = new Uint8Array(2000).fill(5);

function bytesOf(fill: (writer: Writer) => void): Uint8Array {
  const writer = new Writer();
  fill(writer);
  return Uint8Array.from(writer.finish().flatMap((chunk) => [...chunk]));
}

Deno.test("writer writes integers that reader reads back", () => {
  const reader = new Reader(bytesOf((w) => {
    w.int8(-128);
    w.int16(-2);
    w.uint16(0xfffe);
    w.int32(-5);
    w.uint32(0xffff_ffff);
    w.int64(Number.MIN_SAFE_INTEGER);
    w.int64(-1);
    w.bigint64(-(2n ** 63n));
    w.float64(-1.5);
    w.uvarint(0xffff);
  }));
  assertEquals([reader.int8(), reader.int16(), reader.uint16(), reader.int32(), reader.uint32()], [
    -128,
    -2,
    0xfffe,
    -5,
    0xffff_ffff,
  ]);
  assertEquals([reader.int64(), reader.int64()], [Number.MIN_SAFE_INTEGER, -1]);
  assertEquals([reader.bigint64(), reader.float64(), reader.uvarint()], [
    -(2n ** 63n),
    -1.5,
    0xffff,
  ]);
  assertEquals(reader.remaining, 0);
});

Deno.test("writer refuses numbers that do not fit", () => {
  const w = new Writer();
  assertThrows(() => w.int8(128), ProtocolError, "128 is not an int8");
  assertThrows(() => w.int16(-32769), ProtocolError);
  assertThrows(() => w.uint16(-1), ProtocolError);
  assertThrows(() => w.int32(0x8000_0000), ProtocolError);
  assertThrows(() => w.int32(1.5), ProtocolError);
  assertThrows(() => w.uint32(-1), ProtocolError);
  assertThrows(() => w.int64(2 ** 53), ProtocolError, "9007199254740992 is not a safe integer");
  assertThrows(() => w.int64(NaN), ProtocolError);
  assertThrows(() => w.bigint64(2n ** 63n), ProtocolError);
  assertEquals(w.size, 0);
});

Deno.test("writer.compactString() is right where the length's varint grows", () => {
  for (
    const text of [
      "",
      "é".repeat(63),
      "é".repeat(64),
      "a".repeat(126),
      "a".repeat(127),
      "世".repeat(6000),
    ]
  ) {
    const reader = new Reader(bytesOf((w) => (w.compactString(text), w.int8(42))));
    assertEquals(reader.text(reader.uvarint() - 1), text);
    assertEquals(reader.int8(), 42);
  }
});

Deno.test("writer refuses strings of more than 32767 bytes, counted in UTF-8", () => {
  assertThrows(() => new Writer().string("a".repeat(32768)), ProtocolError, "32768 bytes");
  assertThrows(() => new Writer().compactString("é".repeat(16384)), ProtocolError, "32768 bytes");
});

Deno.test("writer.finish() copies small arrays and returns large ones as they are, in order", () => {
  const writer = new Writer(), small = Uint8Array.of(1, 2);
  writer.int8(9);
  writer.raw(small);
  writer.raw(LARGE);
  writer.raw(LARGE);
  writer.int8(7);
  assertEquals(writer.size, 4 + 2 * LARGE.length);
  const chunks = writer.finish();
  assertEquals([chunks.length, chunks[0], chunks[3]], [
    4,
    Uint8Array.of(9, 1, 2),
    Uint8Array.of(7),
  ]);
  assertStrictEquals(chunks[1], LARGE);
  assertStrictEquals(chunks[2], LARGE);
});

Deno.test("writer gives each message its own bytes", () => {
  const writer = new Writer();
  writer.int32(1);
  const [first] = writer.finish();
  writer.int32(2);
  const [second] = writer.finish();
  assertEquals([first, second], [Uint8Array.of(0, 0, 0, 1), Uint8Array.of(0, 0, 0, 2)]);
});

Deno.test("writer keeps a thousand messages apart, whatever their sizes and wherever a slab ends", () => {
  const writer = new Writer(), messages: Uint8Array[][] = [];
  const sizeOf = (i: number) => i % 97 === 0 ? 9000 : i * 31 % 300;
  for (let i = 0; i < 1000; i++) {
    writer.int32(0);
    for (let j = 0; j < sizeOf(i); j++) writer.int8(i % 100);
    if (i % 3 === 0) writer.raw(LARGE);
    for (let j = 0; j < 70; j++) writer.int8(-1);
    writer.patchFirstInt32(writer.size);
    messages.push(writer.finish());
    if (i % 7 === 0) (writer.int32(-5), writer.reset());
  }
  messages.forEach((chunks, i) => {
    const bytes = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const reader = new Reader(bytes);
    assert(reader.int32() === bytes.length, `message ${i} has another size than it says`);
    assert(
      reader.view(sizeOf(i)).every((byte) => byte === i % 100),
      `message ${i} was written over`,
    );
    if (i % 3 === 0) {
      assert(reader.view(LARGE.length).every((byte) => byte === 5), `message ${i} lost a chunk`);
    }
    assert(reader.remaining === 70 && reader.view(70).every((byte) => byte === 255));
  });
});

Deno.test("writer grows past its first buffer without losing anything", () => {
  const bytes = bytesOf((w) => {
    for (let i = 0; i < 20_000; i++) w.int32(i);
  });
  const reader = new Reader(bytes);
  for (let i = 0; i < 20_000; i++) assert(reader.int32() === i);
});

Deno.test("writer.prefixSize() moves what follows, small or large, nested or not", () => {
  for (const length of [0, 1, 127, 128, 200, 16384]) {
    const reader = new Reader(bytesOf((w) => {
      w.raw(LARGE);
      w.int8(1);
      const outer = w.size;
      w.int8(2);
      const inner = w.size;
      for (let i = 0; i < length; i++) w.int8(3);
      w.raw(LARGE);
      w.prefixSize(inner);
      w.prefixSize(outer);
      w.int8(4);
    }));
    assertEquals(reader.view(LARGE.length), LARGE);
    assertEquals(reader.int8(), 1);
    const outer = new Reader(reader.view(reader.uvarint()));
    assertEquals(outer.int8(), 2);
    const inner = new Reader(outer.view(outer.uvarint()));
    assertEquals(inner.view(length), new Uint8Array(length).fill(3));
    assertEquals(inner.view(LARGE.length), LARGE);
    assertEquals([inner.remaining, outer.remaining, reader.int8(), reader.remaining], [0, 0, 4, 0]);
  }
});

Deno.test("writer.reset() forgets, chunks outside included", () => {
  const writer = new Writer();
  writer.raw(LARGE);
  writer.int32(5);
  writer.reset();
  assertEquals(writer.size, 0);
  writer.int8(1);
  assertEquals(writer.finish(), [Uint8Array.of(1)]);
});

Deno.test("a message that outgrows its memory leaves no copies of itself behind", () => {
  const writer = new Writer(), part = new Uint8Array(1000);
  const before = Deno.memoryUsage().external;
  for (let i = 0; i < 33_000; i++) writer.raw(part);
  const taken = Deno.memoryUsage().external - before;
  const [message] = writer.finish();
  assertEquals(message.length, 33_000_000);
  assert(taken < 2.1 * message.length, `it took ${taken} bytes`);
});
