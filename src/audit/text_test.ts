/** Proves that what a client sent can neither grow a line beyond bounds nor make it look like another one. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { body } from "./event.ts";
import { bounded, visibleJson } from "./text.ts";

Deno.test("a text beyond the bound is cut, and told from another one that begins as it does", () => {
  const long = "x".repeat(300), other = `${"x".repeat(299)}y`;
  assertEquals(bounded("x".repeat(256)), "x".repeat(256));
  assert(bounded(long).length < 330);
  assertNotEquals(bounded(long), bounded(other));
});

Deno.test("controls, what has no width and what turns the direction of writing are escapes, and come back as they were", () => {
  const hostile = [
    "a\nb\r\0\x1b[2J",
    "\x7f\x85\u2028\u2029",
    "\u202eevil\u2066\u2069\u200b\ufeff",
    "\u{e0041}\u{e0100}",
    "\ud800 alone",
  ];
  for (const text of hostile) {
    const json = visibleJson({ [text]: text });
    assert(/^[\x20-\x7e]*$/.test(json), json);
    assertEquals(JSON.parse(json), { [text]: text });
  }
  assertEquals(visibleJson("Zürich 東京 😀"), '"Zürich 東京 😀"');
});

Deno.test("a body is one line, whatever its fields hold", () => {
  const text = body(0, "denial", {
    client_id: 'x","kind":"change',
    nested: [{ "a\n": "\n" }],
    big: 2n ** 63n,
  });
  assert(!text.includes("\n"));
  assertEquals(JSON.parse(`{${text}}`), {
    time: "1970-01-01T00:00:00.000Z",
    kind: "denial",
    client_id: 'x","kind":"change',
    nested: [{ "a\n": "\n" }],
    big: "9223372036854775808",
  });
});
