/** Proves that a record comes through JSON as it was, whatever its bytes are, and that what is no record is refused. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { jsonLine } from "../protocol/records/json_line.ts";
import { recordOfJson } from "./record_json.ts";

const utf8 = new TextEncoder();
const bytes = (text: string) => utf8.encode(text);

const VALUES: (Uint8Array | null)[] = [
  null,
  new Uint8Array(),
  bytes("plain"),
  bytes('{"id":9007199254740993}'),
  bytes("\ufeffwith a BOM"),
  bytes("\x1b]0;title\x07\x9b31m\u202e\u2028\u{e0001}"),
  bytes('😀\0\t\r\n"\\'),
  Uint8Array.of(0xff, 0xfe, 0),
  Uint8Array.of(0xed, 0xa0, 0x80), // half a surrogate pair, which is no UTF-8
  Uint8Array.of(0xc0, 0x80),
  Uint8Array.from({ length: 256 }, (_, i) => i),
];

Deno.test("keys, values and headers of any bytes come through JSON as they were", () => {
  for (const key of VALUES) {
    for (const value of VALUES) {
      const headers = [{ key: "a\u202eb", value }, { key: "", value: key }, { key: "", value }];
      const timestampMs = 2 ** 53 - 1;
      const line = jsonLine({
        topic: "t",
        partition: 3,
        offset: 2 ** 53 - 1,
        timestampMs,
        key,
        value,
        headers,
      });
      assertMatch(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*$/u);
      assertEquals(recordOfJson(line), { partition: 3, timestampMs, key, value, headers });
    }
  }
});

Deno.test("an absent key is none, an absent value is refused, and null is a tombstone", () => {
  assertEquals(recordOfJson('{"value":null}'), {
    partition: undefined,
    timestampMs: undefined,
    key: null,
    value: null,
    headers: [],
  });
  assertStringIncludes(recordOfJson('{"key":"a"}') as string, 'has no "value"');
});

Deno.test("a time that no number has, and a header's key that is no text, come through as they were", () => {
  const keyBytes = Uint8Array.of(0x61, 0xff), headers = [{ key: "a\ufffd", keyBytes, value: null }];
  const rest = { topic: "t", partition: 0, offset: 0, key: null, value: null };
  for (const exactTimestampMs of [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const line = jsonLine({ ...rest, timestampMs: 0, exactTimestampMs, headers });
    assertStringIncludes(line, `"timestamp":${exactTimestampMs},`);
    assertStringIncludes(line, '{"key":{"base64":"Yf8="},"value":null}');
    const { partition, key, value } = rest;
    assertEquals(recordOfJson(line), { partition, exactTimestampMs, key, value, headers });
  }
});

Deno.test("what is no record is refused, and the complaint says why", () => {
  const refused: Record<string, string> = {
    "": "is no JSON",
    "[1]": "no JSON object",
    '{"value":"a","vaule":1}': '"vaule"',
    '{"value":{"id":1}}': "neither a string",
    '{"value":5}': "neither a string",
    '{"value":{"base64":"!"}}': "no base64",
    '{"value":"\\ud800"}': "surrogate",
    '{"value":"a","timestamp":9223372036854775808}': "timestamp",
    '{"value":"a","timestamp":1e300}': "timestamp",
    '{"value":"a","timestamp":1.5}': "timestamp",
    '{"value":"a","timestamp":"1"}': "timestamp",
    '{"value":"a","headers":[{"key":{"base64":"!"},"value":null}]}': 'not {"key"',
    '{"value":"a","headers":[{"key":null,"value":null}]}': 'not {"key"',
    '{"value":"a","partition":-1}': "partition",
    '{"value":"a","headers":[{"key":"h"}]}': "without a value",
    '{"value":"a","headers":{"h":"v"}}': "no list",
    '{"value":"a","__proto__":1}': "__proto__",
  };
  for (const [line, why] of Object.entries(refused)) {
    assertStringIncludes(recordOfJson(line) as string, why, line);
  }
});
