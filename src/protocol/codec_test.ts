/**
 * The rules of encoding and decoding, one by one, on small messages made for each. That generated and interpreted
 * codecs agree on every real message is in tests/codec_property_test.ts; here both are tried through `both`.
 */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../bytes/reader.ts";
import { Writer } from "../bytes/writer.ts";
import { decode, encode, write } from "./codec.ts";
import { generateDecode } from "./generate_decode.ts";
import { interpretDecode, interpretEncode } from "./interpret.ts";
import {
  array,
  bytes,
  type Decoded,
  type Encodable,
  type Fields,
  int32,
  int64,
  int8,
  type Message,
  message,
  records,
  string,
  struct,
} from "./schema.ts";

const FLEXIBLE = 1;

function of<F extends Fields>(fields: F): Message<F> {
  return message({ name: "Sample", versions: "0-2", flexible: "1+", fields });
}

/** Decodes by both codecs, which must agree; the error is the interpreter's, with the field's name. */
function decoded<F extends Fields>(
  message: Message<F>,
  version: number,
  frame: number[],
): Decoded<Message<F>> {
  const value = decode(message, version, Uint8Array.from(frame));
  assertEquals(interpretDecode(message, version, Uint8Array.from(frame), 0), value);
  return value;
}

function encoded<F extends Fields>(
  message: Message<F>,
  version: number,
  value: Encodable<Message<F>>,
): number[] {
  const bytes = [...encode(message, version, value)], into = new Writer();
  interpretEncode(message, version, value, into);
  assertEquals(into.finish().flatMap((chunk) => [...chunk]), bytes);
  return bytes;
}

/** Both codecs refuse the frame, and `decode` says why. */
function refuses<F extends Fields>(
  message: Message<F>,
  version: number,
  frame: number[],
  why: string,
): void {
  const bytes = Uint8Array.from(frame);
  assertThrows(() => generateDecode(message, version)(bytes, 0), ProtocolError);
  assertThrows(() => interpretDecode(message, version, bytes, 0), ProtocolError, why);
  assertThrows(() => decode(message, version, bytes), ProtocolError, why);
}

Deno.test("decoding fills fields the version lacks with their defaults", () => {
  const sample = of({
    a: int32,
    b: string.in("1+"),
    c: int64.in("2+").default(-1),
    d: array(int8).in("2+"),
  });
  assertEquals(decoded(sample, 0, [0, 0, 0, 7]), { a: 7, b: "", c: -1, d: [] });
});

Deno.test("encoding fills fields left out with their defaults", () => {
  const sample = of({ a: int32.default(-2), b: string, c: array(int8), d: bytes.nullable() });
  assertEquals(encoded(sample, 0, {}), [255, 255, 255, 254, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
  assertEquals(encoded(sample, FLEXIBLE, {}), [255, 255, 255, 254, 1, 1, 0, 0]);
});

Deno.test("a value that the version cannot carry is refused, unless the field is ignorable or it is the default", () => {
  const sample = of({ kept: int32.in("2+").default(-1), dropped: int32.in("2+").ignorable() });
  assertEquals(encoded(sample, 0, { kept: -1, dropped: 5 }), []);
  const error = "Cannot encode Sample v0.kept: This version has no such field";
  assertThrows(() => encode(sample, 0, { kept: 5 }), ProtocolError, error);
});

Deno.test("null is refused where the version does not allow it, both ways", () => {
  const sample = of({ name: string.nullable("1+") });
  assertEquals(decoded(sample, FLEXIBLE, [0, 0]), { name: null });
  refuses(sample, 0, [255, 255], "Cannot decode Sample v0.name: It is null and may not be");
  assertThrows(() => encode(sample, 0, { name: null }), ProtocolError, "Sample v0.name");
});

Deno.test("a struct that may be null has a byte in front, with another meaning when it is tagged", () => {
  const plain = of({ cursor: struct({ at: int8 }).nullable() });
  assertEquals(encoded(plain, FLEXIBLE, { cursor: null }), [255, 0]);
  assertEquals(encoded(plain, FLEXIBLE, { cursor: { at: 5 } }), [1, 5, 0, 0]);
  const tagged = of({ cursor: struct({ at: int8 }).nullable().default({}).tag(3, "1+") });
  assertEquals(encoded(tagged, FLEXIBLE, { cursor: null }), [1, 3, 1, 0]);
  assertEquals(encoded(tagged, FLEXIBLE, { cursor: { at: 5 } }), [1, 3, 3, 1, 5, 0]);
  assertEquals(decoded(tagged, FLEXIBLE, [1, 3, 1, 0]), { cursor: null });
});

Deno.test("tagged fields are on the wire only when they are not the default, in order of their tags", () => {
  const sample = of({ late: int8.default(-1).tag(7, "1+"), early: string.tag(0, "1+") });
  assertEquals(encoded(sample, FLEXIBLE, { late: -1, early: "" }), [0]);
  assertEquals(encoded(sample, FLEXIBLE, { late: 3, early: "x" }), [2, 0, 2, 2, 120, 7, 1, 3]);
});

Deno.test("unknown tagged fields are skipped", () => {
  const sample = of({ known: int8.tag(2, "1+") }), none = of({ a: int8 });
  assertEquals(decoded(sample, FLEXIBLE, [3, 0, 2, 9, 9, 2, 1, 5, 0x80, 1, 0]), { known: 5 });
  assertEquals(decoded(none, FLEXIBLE, [4, 1, 9, 3, 1, 2, 3]), { a: 4 });
});

Deno.test("a tagged field whose size is wrong is refused", () => {
  const sample = of({ known: int8.tag(2, "1+") });
  refuses(sample, FLEXIBLE, [1, 2, 2, 5, 5], "Tag 2 took 1 bytes of 2");
  refuses(sample, FLEXIBLE, [1, 9, 50, 5, 5], "50 bytes are wanted");
});

Deno.test("more than 10000 tagged fields are refused, known or not", () => {
  for (const sample of [of({ known: int8.tag(2, "1+") }), of({})]) {
    const bytes = (
      count: number,
    ) => [count & 0x7f | 0x80, count >> 7, ...new Array(count).fill([9, 0]).flat()];
    decoded(sample, FLEXIBLE, bytes(10_000));
    refuses(sample, FLEXIBLE, bytes(10_001), "10001 tagged fields");
  }
});

Deno.test("a count of elements is compared with the bytes that remain before anything is allocated", () => {
  const sample = of({ numbers: array(int32), texts: array(string) });
  refuses(
    sample,
    0,
    [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1],
    "numbers: 2147483647 elements cannot be in 4 bytes",
  );
  refuses(sample, 0, [0, 0, 0, 2, 0, 0, 0, 1], "numbers: 2 elements cannot be in 4 bytes");
  refuses(sample, FLEXIBLE, [1, 4, 1, 1], "texts: 3 elements cannot be in 2 bytes");
});

Deno.test("no array is made for a count that cannot be", () => {
  const original = globalThis.Array, made: number[] = [];
  const sample = of({ entries: array({ id: int32, name: string }) });
  const decode = generateDecode(sample, 0);
  const frame = Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0);
  try {
    globalThis.Array = new Proxy(Array, {
      construct: (target, [length]) => (made.push(length), new target(length)),
    });
    assertThrows(() => decode(frame, 0), ProtocolError);
    decode(Uint8Array.of(...frame, 0), 0);
  } finally {
    globalThis.Array = original;
  }
  assertEquals(made, [2]);
});

Deno.test("an array of more than a million elements is refused even when the bytes are there", () => {
  const sample = of({ numbers: array(int8) });
  const frame = (count: number) => {
    const bytes = new Uint8Array(4 + count);
    new DataView(bytes.buffer).setInt32(0, count);
    return bytes;
  };
  assertEquals(decode(sample, 0, frame(1_000_000)).numbers.length, 1_000_000);
  assertThrows(
    () => interpretDecode(sample, 0, frame(1_000_001), 0),
    ProtocolError,
    "1000001 array elements",
  );
  // A large message is not walked a second time for the sake of a better error.
  assertThrows(
    () => decode(sample, 0, frame(1_000_001)),
    ProtocolError,
    "its 1000005 bytes are malformed",
  );
});

Deno.test("a million is the limit of all arrays of a message together", () => {
  const sample = of({ lists: array({ numbers: array(int8) }) });
  const lists = (count: number) =>
    Array.from({ length: count }, () => ({ numbers: new Array(999).fill(0) }));
  assertEquals(decode(sample, 0, encode(sample, 0, { lists: lists(1000) })).lists.length, 1000);
  const tooMany = encode(sample, 0, { lists: [...lists(1000), { numbers: [] }] });
  assertThrows(() => generateDecode(sample, 0)(tooMany, 0), ProtocolError);
  assertThrows(
    () => interpretDecode(sample, 0, tooMany, 0),
    ProtocolError,
    "1000001 array elements",
  );
});

Deno.test("lengths past the end, and varints of more than five bytes, are refused", () => {
  refuses(
    of({ a: string }),
    0,
    [0, 3, 97, 98],
    "Sample v0.a: 3 bytes are wanted at 2 and 2 remain",
  );
  refuses(of({ a: bytes }), 0, [0, 0, 1, 0, 1], "256 bytes are wanted");
  refuses(of({ a: string }), FLEXIBLE, [0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "longer than 5 bytes");
  const long = new Array(32768).fill(97);
  refuses(
    of({ a: string }),
    FLEXIBLE,
    [0x81, 0x80, 0x02, ...long, 0],
    "32768 bytes are too many for a string",
  );
  refuses(of({ a: int32 }), 0, [], "4 bytes are wanted at 0 and 0 remain");
});

Deno.test("bytes behind a complete message are ignored", () => {
  assertEquals(decoded(of({ a: int8 }), 0, [5, 6, 7]), { a: 5 });
});

Deno.test("int64 saturates as a number and is exact as a bigint", () => {
  const largest = [0x7f, 255, 255, 255, 255, 255, 255, 255], smallest = [0x80, 0, 0, 0, 0, 0, 0, 0];
  const rounded = of({ offset: int64 }), exact = of({ offset: int64.exact() });
  assertEquals(decoded(rounded, 0, largest), { offset: Number.MAX_SAFE_INTEGER });
  assertEquals(decoded(rounded, 0, smallest), { offset: Number.MIN_SAFE_INTEGER });
  assertEquals(encoded(exact, 0, decoded(exact, 0, largest)), largest);
  assertEquals(encoded(exact, 0, decoded(exact, 0, smallest)), smallest);
  assertThrows(
    () => encode(rounded, 0, { offset: 2 ** 53 }),
    ProtocolError,
    "Sample v0.offset: 9007199254740992",
  );
});

Deno.test("records are views of the frame when decoded, and sent uncopied when large", () => {
  const sample = of({ records: records.nullable() });
  const frame = Uint8Array.of(0, 0, 0, 2, 8, 9);
  assertStrictEquals(decode(sample, 0, frame).records!.buffer, frame.buffer);
  const large = new Uint8Array(3000), into = new Writer();
  write(sample, 0, { records: [Uint8Array.of(1), large] }, into);
  const chunks = into.finish();
  assertEquals(chunks[0], Uint8Array.of(0, 0, 0x0b, 0xb9, 1));
  assertStrictEquals(chunks[1], large);
});

Deno.test("an error text that is longer than a string can be is cut, and no other string is", () => {
  const sample = of({ errorMessage: string.nullable(), name: string });
  for (const version of [0, 1]) {
    for (const errorMessage of [null, "", "no", "n".repeat(32_767)]) {
      const bytes = Uint8Array.from(encoded(sample, version, { errorMessage, name: "a" }));
      assertEquals(decode(sample, version, bytes).errorMessage, errorMessage);
    }
    const long = "顧".repeat(9999) + "💥".repeat(30_000);
    const bytes = Uint8Array.from(encoded(sample, version, { errorMessage: long, name: "a" }));
    assertEquals(
      decode(sample, version, bytes).errorMessage,
      "顧".repeat(9999) + "… (69999 characters)",
    );
    assertThrows(
      () => encode(sample, version, { errorMessage: null, name: long }),
      ProtocolError,
      "at most 32767 fit",
    );
  }
});

Deno.test("a version the message does not have is refused", () => {
  assertThrows(
    () => decode(of({}), 3, new Uint8Array()),
    ProtocolError,
    "Sample has versions 0 to 2, not 3",
  );
  assertThrows(() => encode(of({}), -1, {}), ProtocolError, "not -1");
});

Deno.test("after a refused value nothing of it is left in what is encoded next", () => {
  const sample = of({ a: int8, b: int32 });
  assertThrows(() => encode(sample, 0, { a: 1, b: 2 ** 40 }), ProtocolError);
  assertEquals(encoded(sample, 0, { a: 1, b: 2 }), [1, 0, 0, 0, 2]);
});

Deno.test("the interpreter serves where code may not be generated", () => {
  const original = globalThis.Function;
  const sample = of({ a: int8, b: string });
  try {
    globalThis.Function = function () {
      throw new EvalError("Code generation from strings disallowed for this context");
    } as unknown as FunctionConstructor;
    assertEquals([...encode(sample, 0, { a: 1, b: "x" })], [1, 0, 1, 120]);
    assertEquals(decode(sample, 0, Uint8Array.of(1, 0, 1, 120)), { a: 1, b: "x" });
  } finally {
    globalThis.Function = original;
  }
});
