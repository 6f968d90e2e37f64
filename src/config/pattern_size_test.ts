/** Proves that no pattern comes to more than its size says, whatever its parentheses stand in. */
import { assert, assertEquals } from "@std/assert";
import { RE2JS } from "re2js";
import { patternSize } from "./pattern_size.ts";

Deno.test("repetitions count as if they were written out, in whatever they stand", () => {
  const sizes: [pattern: string, size: number][] = [
    ["abc", 3],
    ["a{10}", 10],
    ["(ab){3,5}c", 11],
    ["((a{10}){10}){10}", 1000],
    ["[a-z]{4}", 4],
    ["(aaaa[)]){10}", 50],
    ["(aaaa[](]){10}", 50],
    ["(aaaa[^])]){10}", 50],
    ["(a[[:alpha:])]){10}", 20],
    ["(aaaa\\)){10}", 50],
    ["(a\\Q)\\E){10}", 60],
    ["\\p{Lu}{3}", 3],
    ["{3}", 0],
    ["(){999}", 999],
    ["a".repeat(20_000), Infinity],
  ];
  for (const [pattern, size] of sizes) {
    assertEquals([pattern, patternSize(pattern)], [pattern, size]);
  }
});

Deno.test("what compiles has no more steps than its size says, and a few of its own", () => {
  const parts = [
    "a",
    "[)]",
    "[](]",
    "[^]a]",
    "(",
    ")",
    "{7}",
    "{2,3}",
    "|",
    "\\)",
    "\\Q(",
    "\\E",
    ".",
    "[",
    "]",
    "\\[",
    "[[:digit:]",
    "?",
  ];
  let state = 42, compiled = 0;
  const next = (n: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % n;
  for (let i = 0; i < 20_000; i++) {
    const pattern = Array.from({ length: 1 + next(9) }, () => parts[next(parts.length)]).join("");
    let steps: number;
    try {
      steps = RE2JS.compile(pattern).programSize();
    } catch {
      continue;
    }
    compiled++;
    // A group is two steps more, an alternative or a question mark one, each time it is there.
    assert(
      steps <= 4 * patternSize(pattern) + 4,
      `${pattern}: ${steps} steps, ${patternSize(pattern)}`,
    );
  }
  assert(compiled > 2000, `${compiled} compiled`);
});

Deno.test("a long pattern takes no longer than its length", () => {
  for (const one of ["[", "(", "[[:", "\\Q", "{1", "[]"]) {
    const beganMs = performance.now();
    patternSize(one.repeat(10_000 / one.length));
    assert(performance.now() - beganMs < 2000, one);
  }
});
