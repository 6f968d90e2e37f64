/** Proves that what the documents and packaging/runnel.toml say of options, events and APIs is what the code has. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { optionTable } from "../src/config/describe.ts";
import { rows } from "../src/config/rows.ts";
import { derived, fill } from "../packaging/docs.ts";

Deno.test("README.md, docs/ and packaging/runnel.toml are current (if not: deno task docs)", async () => {
  for (const { path, text, due } of await derived()) {
    assert(text === due, `${path} is out of date: run deno task docs`);
  }
});

Deno.test("docs/options.md has every option, README.md the few that a newcomer meets", () => {
  const read = (path: string) => Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
  const optionsIn = (text: string) =>
    text.match(/^\| `[a-z_]+(\.[a-z0-9_.]+)?` \| `/gm)?.length ?? 0;
  assertEquals(optionsIn(read("docs/options.md")), rows().length);
  assertEquals(optionsIn(read("README.md")), 10);
});

Deno.test("optionTable() refuses a key that there is no option of", () => {
  assertThrows(() => optionTable(["storage.pth"]), Error, "storage.pth");
});

Deno.test("fill() replaces what stands between its markers, and only that", () => {
  const text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb";
  assertEquals(fill(text, "x", "new"), "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb");
});
