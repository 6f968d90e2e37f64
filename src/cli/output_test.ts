/** Proves what is printed: tables that fit, JSON that loses nothing, and names that cannot steer a terminal. */
import { assert, assertEquals } from "@std/assert";
import { jsonText, Output } from "./output.ts";

function printed(
  print: (out: Output) => void,
  { width = null, isJson = false }: { width?: number | null; isJson?: boolean } = {},
): string {
  let text = "";
  print(new Output({ isJson, sink: { width, write: (more) => text += more } }));
  return text;
}

Deno.test("a table has numbers at the right, and - for what there is none of", () => {
  const text = printed((out) =>
    out.table(["topic", "bytes"], [["orders", 7], ["a", 1234n], ["b", null]])
  );
  assertEquals(text, "TOPIC   BYTES\norders      7\na        1234\nb           -\n");
});

Deno.test("a table is as wide as its terminal: the widest column gives, and says so", () => {
  const long = "x".repeat(200), rows = [[long, "state", 5], ["short", "b", 6]];
  const text = printed((out) => out.table(["name", "state", "n"], rows), { width: 40 });
  // deno-lint-ignore no-control-regex -- bold begins with one
  const lines = text.trimEnd().split("\n").map((line) => line.replace(/\x1b\[\d+m/g, ""));
  assert(lines.every((line) => line.length <= 40), text);
  assert(lines[1].includes("xx…  state"), text);
  assert(printed((out) => out.table(["name", "state", "n"], rows)).includes(long));
});

Deno.test("wide characters take two columns, combining ones none", () => {
  const text = printed((out) => out.table(["a", "b"], [["日本", "x"], ["e\u0301", "y"]]));
  assertEquals(text, "A     B\n日本  x\ne\u0301     y\n");
});

Deno.test("names are escaped before a terminal sees them, and in JSON by JSON", () => {
  const name = "a\u001b[31m\u202e\r\nb";
  const table = printed((out) => out.table(["name"], [[name]]));
  assertEquals(table, "NAME\na\\u{1b}[31m\\u{202e}\\u{d}\\u{a}b\n");
  const json = printed((out) => out.table(["the name"], [[name]]), { isJson: true });
  assertEquals(JSON.parse(json), { theName: name });
  assertEquals(json.trimEnd().split("\n").length, 1);
  // deno-lint-ignore no-control-regex -- which must not be there
  assert(!/[\x00-\x09\x0b-\x1f\x7f\u202e]/.test(json));
});

Deno.test("an int64 is printed in full", () => {
  assertEquals(
    jsonText({ at: 9223372036854775807n, x: [1n, "1"] }),
    '{"at":9223372036854775807,"x":[1,"1"]}',
  );
});

Deno.test("a table may have very many rows", () => {
  const rows = Array.from({ length: 300_000 }, (_, at) => [at]);
  assertEquals(printed((out) => out.table(["n"], rows)).split("\n").length, rows.length + 2);
});
