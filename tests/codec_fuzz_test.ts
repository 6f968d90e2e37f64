/**
 * Decoders meet truncated and damaged messages: each gives a value or a ProtocolError, generated and interpreted
 * alike, and never allocates out of proportion to the bytes it was given.
 */
import { assert, assertEquals } from "@std/assert";
import { ProtocolError } from "../src/bytes/reader.ts";
import { encode } from "../src/protocol/codec.ts";
import { decodeRequestHeader, decodeResponse } from "../src/protocol/frame.ts";
import { generateDecode } from "../src/protocol/generate_decode.ts";
import { interpretDecode } from "../src/protocol/interpret.ts";
import { apis } from "../src/protocol/messages/mod.ts";
import type { Message } from "../src/protocol/schema.ts";
import { messagesByName } from "./messages.ts";
import { type Random, withSeed } from "./random.ts";
import { randomMessage } from "./random_message.ts";

const DAMAGES = 12;

Deno.test("a message cut short anywhere is refused", () => {
  withSeed((random) => {
    forEachVersion((message, version) => {
      const bytes = sample(message, version, random);
      for (let i = 0; i < DAMAGES && bytes.length > 0; i++) {
        const cut = bytes.subarray(0, random.below(bytes.length));
        assertEquals(
          outcome(message, version, cut),
          REFUSED,
          `${message.name} v${version} of ${cut.length} bytes`,
        );
      }
    });
  });
});

Deno.test("a damaged message is decoded the same by both decoders, or refused by both", () => {
  withSeed((random) => {
    let refused = 0, decoded = 0;
    forEachVersion((message, version) => {
      const bytes = sample(message, version, random);
      for (let i = 0; i < DAMAGES && bytes.length > 0; i++) {
        outcome(message, version, damage(bytes, random)) === REFUSED ? refused++ : decoded++;
      }
    });
    // The damage is neither all harmless nor all fatal, or this test tests little.
    assert(refused > 1000 && decoded > 1000, `${refused} refused, ${decoded} decoded`);
  });
});

Deno.test("noise in place of a header or a response is refused or read, never anything else", () => {
  withSeed((random) => {
    for (let i = 0; i < 5_000; i++) {
      const noise = random.bytes(random.below(60)), api = random.pick(apis);
      orRefused(() => decodeRequestHeader(noise));
      orRefused(() => decodeResponse(api, api.min + random.below(api.max - api.min + 1), noise));
    }
  });
});

const REFUSED = Symbol("refused");

function forEachVersion(body: (message: Message, version: number) => void): void {
  for (const message of messagesByName().values()) {
    for (let version = message.min; version <= message.max; version++) body(message, version);
  }
}

function sample(message: Message, version: number, random: Random): Uint8Array {
  return encode(message, version, randomMessage(message, version, random).input);
}

/** What decoding gives, after both decoders gave the same. */
function outcome(message: Message, version: number, bytes: Uint8Array): unknown {
  const generated = orRefused(() => generateDecode(message, version)(bytes, 0));
  const interpreted = orRefused(() => interpretDecode(message, version, bytes, 0));
  assertEquals(generated, interpreted, `${message.name} v${version} of ${bytes}`);
  if (generated !== REFUSED) {
    assert(
      weight(generated) <= 200 * (bytes.length + 1),
      `${bytes.length} bytes of ${message.name} became too much`,
    );
  }
  return generated;
}

function orRefused(decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) return REFUSED;
    throw error;
  }
}

/** Values, elements and characters in a decoded message; views do not count. */
function weight(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 1;
  return Object.values(value).reduce((sum: number, each) => sum + weight(each), 1);
}

/** Changes a byte, makes four bytes a huge number, or puts bytes in between. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length), damaged = bytes.slice();
  switch (random.below(3)) {
    case 0:
      damaged[at] = random.below(256);
      return damaged;
    case 1:
      damaged.fill(random.pick([0x7f, 0x80, 0xff]), at, at + 4);
      return damaged;
    default:
      return new Uint8Array([...bytes.subarray(0, at), ...random.bytes(3), ...bytes.subarray(at)]);
  }
}
