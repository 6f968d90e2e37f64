/** Proves that what README.md and packaging/runnel.toml say of options and APIs is what the code has. */
import { assert, assertEquals } from "@std/assert";
import { derived, fill } from "../packaging/docs.ts";

Deno.test("README.md and packaging/runnel.toml are current (if not: deno task docs)", async () => {
  for (const { path, text, due } of await derived()) {
    assert(text === due, `${path} is out of date: run deno task docs`);
  }
});

Deno.test("fill() replaces what stands between its markers, and only that", () => {
  const text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb";
  assertEquals(fill(text, "x", "new"), "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb");
});
