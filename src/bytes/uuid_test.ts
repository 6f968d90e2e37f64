/**
 * A Uuid survives being written and read, and only text that is one is accepted. Known pairs of text and bytes are
 * what Kafka's Uuid gives.
 */
import { assert, assertEquals } from "@std/assert";
import { parseUuid, randomUuid, readUuid, type Uuid, writeUuid, ZERO_UUID } from "./uuid.ts";

Deno.test("writeUuid() and readUuid() are each other's inverse at any position", () => {
  for (let i = 0; i < 200; i++) {
    const id = randomUuid(), bytes = new Uint8Array(40).fill(7);
    writeUuid(bytes, 11, id);
    assertEquals(readUuid(bytes, 11), id);
    assertEquals(bytes.subarray(0, 11), new Uint8Array(11).fill(7));
    assertEquals(bytes.subarray(27), new Uint8Array(13).fill(7));
  }
});

Deno.test("a Uuid's text is base64url without padding", () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
  const text = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").slice(
    0,
    22,
  );
  assertEquals(readUuid(bytes, 0), text as Uuid);
  assertEquals(readUuid(new Uint8Array(16), 0), ZERO_UUID);
});

Deno.test("parseUuid() refuses what is not 16 bytes in base64url", () => {
  assertEquals(parseUuid(ZERO_UUID), ZERO_UUID);
  assertEquals(parseUuid("vPeOCWypqUOSepEvx0cbog"), "vPeOCWypqUOSepEvx0cbog" as Uuid);
  for (
    const text of [
      "",
      "AAAAAAAAAAAAAAAAAAAAA",
      "AAAAAAAAAAAAAAAAAAAAAAA",
      "AAAAAAAAAAAAAAAAAAAAAB",
      "AAAAAAAAAA/AAAAAAAAAAA",
    ]
  ) {
    assertEquals(parseUuid(text), null, text);
  }
});

Deno.test("randomUuid() gives version 4 ids and asks again when one would begin with -", () => {
  const draws = [new Uint8Array(16).fill(0xf8), new Uint8Array(16).fill(0x11)];
  const id = randomUuid((into) => into.set(draws.shift()!));
  const bytes = new Uint8Array(16);
  writeUuid(bytes, 0, id);
  assertEquals([bytes[0], bytes[6], bytes[8]], [0x11, 0x41, 0x91]);
  assert(draws.length === 0);
});
