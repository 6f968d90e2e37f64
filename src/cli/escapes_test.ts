/** Proves what a terminal sees of hostile bytes, and how bytes are written in flags. */
import { assertEquals } from "@std/assert";
import { terminalBytes, unescaped } from "./escapes.ts";

const shown = (...parts: (string | number[])[]) => {
  const bytes = parts.flatMap((part) =>
    typeof part === "string" ? [...new TextEncoder().encode(part)] : part
  );
  return new TextDecoder().decode(terminalBytes(Uint8Array.from(bytes)));
};

Deno.test("what steers a terminal is shown, not sent", () => {
  assertEquals(shown("a\tb\nc"), "a\tb\nc");
  assertEquals(shown("\x1b]0;owned\x07"), "\\u{1b}]0;owned\\u{7}");
  assertEquals(shown("\u009b31m\x7f\r"), "\\u{9b}31m\\u{7f}\\u{d}");
  assertEquals(shown("a\u202eb\u2066\u2028\ufeff"), "a\\u{202e}b\\u{2066}\\u{2028}\\u{feff}");
  assertEquals(shown("grün 😀 日本"), "grün 😀 日本");
});

Deno.test("bytes that are no UTF-8 are shown as such, one by one", () => {
  assertEquals(shown("a", [0xff], "b"), "a\\xffb");
  assertEquals(shown([0x9b], "31m"), "\\x9b31m"); // C1 as a single byte
  assertEquals(shown([0xc0, 0x9b]), "\\xc0\\x9b");
  assertEquals(shown([0xed, 0xa0, 0x80]), "\\xed\\xa0\\x80");
  assertEquals(shown([0xf0, 0x9f, 0x98]), "\\xf0\\x9f\\x98");
});

Deno.test("harmless bytes are not copied", () => {
  const bytes = new TextEncoder().encode("plain\n");
  assertEquals(terminalBytes(bytes) === bytes, true);
});

Deno.test("flags have bytes as escapes", () => {
  assertEquals(unescaped("\\t|\\x00\\\\é"), Uint8Array.of(9, 124, 0, 92, 0xc3, 0xa9));
  assertEquals(unescaped(""), new Uint8Array());
  assertEquals(unescaped("\\q"), null);
  assertEquals(unescaped("\\x4"), null);
  assertEquals(unescaped("a\\"), null);
});
