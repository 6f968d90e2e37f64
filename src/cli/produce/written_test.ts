/** Proves what lines become, and that null, empty and absent stay apart. */
import { assertEquals } from "@std/assert";
import { jsonReader, type LineForm, lineReader } from "./written.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function read(line: string, form: Partial<LineForm> = {}) {
  const all = { separator: null, nullText: null, key: null, timestampMs: undefined, ...form };
  const record = lineReader(all)(bytes(line));
  if (typeof record === "string") return record;
  const shown = (one: Uint8Array | null) => one && new TextDecoder().decode(one);
  return [shown(record.key), shown(record.value)];
}

Deno.test("a line is a value, and an empty one an empty value", () => {
  assertEquals(read("a"), [null, "a"]);
  assertEquals(read(""), [null, ""]);
  assertEquals(read("null"), [null, "null"]);
  assertEquals(read("a", { key: bytes("k") }), ["k", "a"]);
});

Deno.test("a separator parts key and value, and where there is none the line is refused", () => {
  const separator = bytes("::");
  assertEquals(read("k::v::w", { separator }), ["k", "v::w"]);
  assertEquals(read("k:::v", { separator }), ["k", ":v"]);
  assertEquals(read("::v", { separator }), ["", "v"]);
  assertEquals(read("k::", { separator }), ["k", ""]);
  assertEquals(read("k:v", { separator }), "has no key separator");
  assertEquals(read("k:", { separator }), "has no key separator");
});

Deno.test("what stands for null is null as a whole only", () => {
  const form = { separator: bytes(":"), nullText: bytes("NULL") };
  assertEquals(read("k:NULL", form), ["k", null]);
  assertEquals(read("NULL:NULL ", form), [null, "NULL "]);
  assertEquals(read(":", form), ["", ""]);
  assertEquals(read(":", { ...form, nullText: bytes("") }), [null, null]);
});

Deno.test("JSON that is no UTF-8 is refused, not mended", () => {
  assertEquals(jsonReader(Uint8Array.of(34, 0xff, 34)), "is no UTF-8");
});
