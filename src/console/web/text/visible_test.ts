import { assertEquals } from "@std/assert";
import { isPlain, piecesOf, plainJson, visible } from "./visible.ts";

Deno.test("what turns writing or is not seen is shown as an escape and marked as one", () => {
  assertEquals(piecesOf("a\u202eb"), [
    { text: "a", isEscape: false },
    { text: "\\u{202e}", isEscape: true },
    { text: "b", isEscape: false },
  ]);
  assertEquals(piecesOf("\\u{202e}"), [{ text: "\\u{202e}", isEscape: false }]);
  assertEquals(visible("\x1b[2J\u200b\u{e0001}\x85"), "\\u{1b}[2J\\u{200b}\\u{e0001}\\u{85}");
  assertEquals(visible("\ud800"), "\\u{d800}");
});

Deno.test("markup and other writing stand as they are: they are text", () => {
  const text = "<img src=x onerror=alert(1)> مرحبا 😀 javascript:alert(1) &amp;";
  assertEquals(piecesOf(text), [{ text, isEscape: false }]);
});

Deno.test("a value keeps its lines, a name does not", () => {
  assertEquals(piecesOf("a\n\tb", { keepsLines: true }).length, 1);
  assertEquals(visible("a\nb"), "a\\u{a}b");
});

Deno.test("JSON to be pasted has nothing that steers, and means the same", () => {
  for (const text of ["\x1b[2J", "\u202e", "\u{e0001}", "\x7f\x9f\u2028", "ä😀", "'\\"]) {
    const json = plainJson({ [text]: text });
    assertEquals(isPlain(json), true);
    assertEquals(JSON.parse(json), { [text]: text });
  }
});
