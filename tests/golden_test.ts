/**
 * Every message in every version has the bytes Kafka gives it.
 *
 * golden/messages.ndjson.gz holds messages filled and serialised by Kafka 4.4's own classes (golden/Golden.java).
 * Each is decoded, compared with the values Kafka's JSON converters tell, and encoded to the same bytes again, by
 * the generated codecs and by the interpreter.
 */
import { assert, assertEquals } from "@std/assert";
import { Writer } from "../src/bytes/writer.ts";
import { joined } from "../src/protocol/codec.ts";
import { generateDecode } from "../src/protocol/generate_decode.ts";
import { generateEncode } from "../src/protocol/generate_encode.ts";
import { interpretDecode, interpretEncode } from "../src/protocol/interpret.ts";
import { type Entry, entry, layoutOf, type Version } from "../src/protocol/layout.ts";
import { isDefault, type Message } from "../src/protocol/schema.ts";
import { messagesByName } from "./messages.ts";

interface Golden {
  readonly n: string;
  readonly v: number;
  readonly b: string;
  readonly j: Json;
}

type Json = null | boolean | number | bigint | string | Json[] | { [name: string]: Json };

const goldens = await readGoldens();
const messages = messagesByName();

Deno.test("the golden file has every declared message in every version, and nothing else", () => {
  const declared = [...messages].flatMap(([name, { min, max }]) =>
    Array.from({ length: max - min + 1 }, (_, i) => `${name} v${min + i}`)
  );
  const stored = new Set(goldens.map(({ n, v }) => `${n} v${v}`));
  assertEquals([...stored].sort(), declared.sort());
  assertEquals([messages.size, stored.size, goldens.length], [245, 686, 2058]);
});

Deno.test("generated decoders read what Kafka's classes wrote", () => {
  for (const golden of goldens) {
    const message = messages.get(golden.n)!;
    check(golden, message, generateDecode(message, golden.v)(bytesOf(golden), 0));
  }
});

Deno.test("the interpreter reads what Kafka's classes wrote", () => {
  for (const golden of goldens) {
    const message = messages.get(golden.n)!;
    check(golden, message, interpretDecode(message, golden.v, bytesOf(golden), 0));
  }
});

Deno.test("generated encoders write the bytes Kafka's classes write", () => {
  for (const golden of goldens) {
    const message = messages.get(golden.n)!, bytes = bytesOf(golden), into = new Writer();
    generateEncode(message, golden.v)(interpretDecode(message, golden.v, bytes, 0), into);
    assertSameBytes(golden, joined(into.finish()), bytes);
  }
});

Deno.test("the interpreter writes the bytes Kafka's classes write", () => {
  for (const golden of goldens) {
    const message = messages.get(golden.n)!, bytes = bytesOf(golden), into = new Writer();
    interpretEncode(message, golden.v, interpretDecode(message, golden.v, bytes, 0), into);
    assertSameBytes(golden, joined(into.finish()), bytes);
  }
});

async function readGoldens(): Promise<Golden[]> {
  const file = await Deno.open(new URL("golden/messages.ndjson.gz", import.meta.url));
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
    .text();
  return text.trimEnd().split("\n").map((line) => JSON.parse(line, keepBigIntegers));
}

/** Numbers that a double cannot hold come as bigint. */
function keepBigIntegers(_: string, value: unknown, context?: { source?: string }): unknown {
  const isExact = typeof value !== "number" || Number.isSafeInteger(value) ||
    !/^-?\d+$/.test(context!.source!);
  return isExact ? value : BigInt(context!.source!);
}

function bytesOf({ b }: Golden): Uint8Array {
  return Uint8Array.from(atob(b), (c) => c.charCodeAt(0));
}

function assertSameBytes({ n, v }: Golden, actual: Uint8Array, expected: Uint8Array): void {
  assert(
    actual.length === expected.length && actual.every((byte, i) => byte === expected[i]),
    `${n} v${v} is encoded as\n${hex(actual)}\nand Kafka encodes it as\n${hex(expected)}`,
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function check({ n, v, j }: Golden, message: Message, value: unknown): void {
  compareStruct(layoutOf(message.fields, at(message, v)), value, j, `${n} v${v}`, at(message, v));
}

function at(message: Message, version: number): Version {
  return { version, flexible: version >= message.flexibleFrom };
}

function compareStruct(
  layout: ReturnType<typeof layoutOf>,
  value: unknown,
  json: Json,
  where: string,
  version: Version,
): void {
  const struct = value as Record<string, unknown>, expected = json as Record<string, Json>;
  assertEquals(Object.keys(struct), layout.all.map(({ name }) => name), where);
  for (const field of layout.all) {
    // Kafka's converters tell how large records are, not what they are, and leave out tagged defaults.
    const key = field.spec.kind === "records" ? `${field.name}SizeInBytes` : field.name;
    const path = `${where}.${field.name}`;
    if (key in expected) compare(field, struct[field.name], expected[key], path, version);
    else {
      assert(
        !field.present || field.spec.tag !== null || field.spec.kind === "records",
        `${path} is not told`,
      );
      assert(
        isDefault(field.spec, struct[field.name]),
        `${path} is ${struct[field.name]}, not the default`,
      );
    }
  }
}

function compare(field: Entry, value: unknown, json: Json, where: string, version: Version): void {
  const { spec } = field;
  if (json === null || value === null) return assertEquals(value, json, where);
  switch (spec.kind) {
    case "struct":
      return compareStruct(layoutOf(spec.fields!, version), value, json, where, version);
    case "array": {
      const elements = value as unknown[], expected = json as Json[];
      assertEquals(elements.length, expected.length, where);
      const element = entry("", spec.element!, version);
      elements.forEach((each, i) => compare(element, each, expected[i], `${where}.${i}`, version));
      return;
    }
    case "bytes":
      return assertEquals(btoa(String.fromCharCode(...value as Uint8Array)), json, where);
    case "records":
      return assertEquals((value as Uint8Array).length, json, where);
    case "bigint64":
      return assertEquals(value, BigInt(json as number), where);
    default:
      return assertEquals(value, json, where);
  }
}
