/**
 * Reader takes what is there and refuses what is not; the edges of each type are tried by hand.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError, Reader, readText, readUvarint, uvarintSize } from "./reader.ts";

const of = (...bytes: number[]) => new Reader(Uint8Array.from(bytes));

Deno.test("reader reads signed and unsigned integers, big end first", () => {
  assertEquals(of(0x80).int8(), -128);
  assertEquals(of(0xff, 0xfe).int16(), -2);
  assertEquals(of(0xff, 0xfe).uint16(), 0xfffe);
  assertEquals(of(0x80, 0, 0, 0).int32(), -0x8000_0000);
  assertEquals(of(0xff, 0xff, 0xff, 0xff).uint32(), 0xffff_ffff);
  assertEquals(of(0x3f, 0xf8, 0, 0, 0, 0, 0, 0).float64(), 1.5);
});

Deno.test("reader.int64() saturates and reader.bigint64() does not", () => {
  assertEquals(of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe).int64(), -2);
  assertEquals(of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).int64(), Number.MAX_SAFE_INTEGER);
  assertEquals(of(0x80, 0, 0, 0, 0, 0, 0, 0).int64(), Number.MIN_SAFE_INTEGER);
  assertEquals(of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).bigint64(), 2n ** 63n - 1n);
  assertEquals(of(0x80, 0, 0, 0, 0, 0, 0, 1).bigint64(), -(2n ** 63n) + 1n);
});

Deno.test("reader moves past what it read", () => {
  const reader = of(1, 0, 2, 0x96, 0x01, 104, 105, 9);
  assertEquals([reader.int8(), reader.int16(), reader.uvarint(), reader.text(2)], [
    1,
    2,
    150,
    "hi",
  ]);
  assertEquals(reader.remaining, 1);
});

Deno.test("reader refuses more than there is, and negative lengths", () => {
  assertThrows(() => of(1, 2, 3).int32(), ProtocolError, "4 bytes are wanted at 0 and 3 remain");
  assertThrows(() => of(1, 2, 3).view(4), ProtocolError);
  assertThrows(() => of(1, 2, 3).view(-1), ProtocolError);
  assertThrows(() => of().uvarint(), ProtocolError);
});

Deno.test("readUvarint() takes up to five bytes and up to 2147483647", () => {
  const max = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x07);
  assertEquals([readUvarint(max, 0), uvarintSize(max, 0)], [0x7fff_ffff, 5]);
  for (
    const bytes of [
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
      [0x80],
      [],
    ]
  ) {
    assertThrows(() => readUvarint(Uint8Array.from(bytes), 0), ProtocolError);
  }
});

Deno.test("readText() gives the same for short and long text, ASCII or not", () => {
  for (
    const text of [
      "",
      "a",
      "topic-1",
      "x".repeat(49),
      "Grüße",
      "世界🌍",
      "\uFEFFbom",
      "é" + "y".repeat(60),
    ]
  ) {
    const bytes = new TextEncoder().encode(`__${text}__`);
    assertEquals(readText(bytes, 2, bytes.length - 4), text);
  }
});

Deno.test("readText() replaces what is not UTF-8, as Java does", () => {
  assertEquals(readText(Uint8Array.of(0x61, 0xff, 0x62), 0, 3), "a\uFFFDb");
});

Deno.test("reader.view() does not copy, also from the middle of a larger buffer", () => {
  const whole = Uint8Array.of(0, 1, 2, 3, 4, 5), reader = new Reader(whole.subarray(2));
  reader.int8();
  const view = reader.view(2);
  whole[3] = 99;
  assertEquals(view, Uint8Array.of(99, 4));
});
