/**
 * For every message in every version: generated and interpreted codecs do the same, and decoding what was encoded
 * gives it back. Values are random, the seed is in every failure.
 */
import { assert, assertEquals } from "@std/assert";
import { Writer } from "../src/bytes/writer.ts";
import { encode, joined } from "../src/protocol/codec.ts";
import { generateDecode } from "../src/protocol/generate_decode.ts";
import { generateEncode } from "../src/protocol/generate_encode.ts";
import { interpretDecode, interpretEncode } from "../src/protocol/interpret.ts";
import { entry, layoutOf, minBytes, type Version } from "../src/protocol/layout.ts";
import { defaultOf, type Fields, type Message, struct } from "../src/protocol/schema.ts";
import { messagesByName } from "./messages.ts";
import { type Random, withSeed } from "./random.ts";
import { randomMessage } from "./random_message.ts";

const SAMPLES = 6;

Deno.test("generated and interpreted codecs agree, and decode(encode(x)) is x", () => {
  withSeed((random) => {
    for (const [name, message] of messagesByName()) {
      for (let version = message.min; version <= message.max; version++) {
        try {
          checkVersion(message, version, random);
        } catch (error) {
          throw new Error(`${name} v${version}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
  });
});

function checkVersion(message: Message, version: number, random: Random): void {
  const encode = generateEncode(message, version), decode = generateDecode(message, version);
  for (let i = 0; i < SAMPLES; i++) {
    const { input, decoded } = randomMessage(message, version, random);
    const generated = new Writer(), interpreted = new Writer();
    encode(input, generated);
    interpretEncode(message, version, input, interpreted);
    const bytes = joined(generated.finish());
    assertEquals(bytes, joined(interpreted.finish()));
    // As a frame has it: bytes in front, and bytes behind that are none of the message's business.
    const frame = new Uint8Array([9, 9, 9, ...bytes, 1, 2, 3]);
    assertEquals(decode(frame, 3), decoded);
    assertEquals(interpretDecode(message, version, frame, 3), decoded);
  }
}

Deno.test("minBytes() is the length of the shortest message, neither more nor less", () => {
  for (const [name, message] of messagesByName()) {
    for (let version = message.min; version <= message.max; version++) {
      const at = { version, flexible: version >= message.flexibleFrom };
      const length = encode(message, version, shortest(message.fields, at)).length;
      assertEquals(
        minBytes(entry(name, struct(message.fields).spec, at), at),
        length,
        `${name} v${version}`,
      );
    }
  }
});

/** Null, empty or zero, whatever takes the fewest bytes; tagged fields are left out. */
function shortest(fields: Fields, at: Version): Record<string, unknown> {
  return Object.fromEntries(
    layoutOf(fields, at).plain.map(({ name, spec, nullable }) => {
      if (nullable) return [name, null];
      if (spec.kind === "struct") return [name, shortest(spec.fields!, at)];
      return [name, defaultOf({ ...spec, fallback: undefined })];
    }),
  );
}

Deno.test("no array element can take zero bytes, so that every count has a bound", () => {
  for (const message of messagesByName().values()) {
    for (let version = message.min; version <= message.max; version++) {
      checkElements(
        message.fields,
        { version, flexible: version >= message.flexibleFrom },
        message.name,
      );
    }
  }
});

function checkElements(fields: Fields, at: Version, where: string): void {
  for (const { name, spec } of [...layoutOf(fields, at).plain, ...layoutOf(fields, at).tagged]) {
    if (spec.element !== undefined) {
      assert(minBytes(entry(name, spec.element, at), at) > 0, `${where} v${at.version}.${name}`);
    }
    const inner = spec.fields ?? spec.element?.fields;
    if (inner !== undefined) checkElements(inner, at, `${where}.${name}`);
  }
}
