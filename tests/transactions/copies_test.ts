/** Proves that the check of copies finds every kind of broken copy, and nothing in a right one. */
import { assertEquals, assertMatch } from "@std/assert";
import { type Partitions, wrongAlong, wrongCopies } from "./copies.ts";

const of = (...values: string[]): Partitions => new Map([[0, values]]);
const INPUT = of("a", "b", "c", "d");

Deno.test("copies in order, each once, are right", () => {
  assertEquals(wrongCopies(INPUT, of("a", "b", "c", "d")), []);
});

for (
  const [what, output, complaint] of [
    ["a missing one", of("a", "b", "d"), /1 of 4 are not copied, such as c/],
    ["none", new Map(), /4 of 4 are not copied/],
    ["one twice", of("a", "b", "b", "c", "d"), /b is copied twice, as 1 and 2/],
    ["one out of order", of("a", "c", "b", "d"), /b comes after c/],
    ["one made up", of("a", "b", "c", "d", "e"), /e was never in the input/],
    ["a transaction again, later", of("a", "b", "c", "d", "a", "b"), /a is copied twice/],
    [
      "another partition",
      new Map([[1, ["a", "b", "c", "d"]]]),
      /a was never in the input|not copied/,
    ],
  ] as const
) {
  Deno.test(`copies with ${what} are found`, () => {
    assertMatch(wrongCopies(INPUT, output).join("\n"), complaint);
  });
}

Deno.test("a reader who was shown what is not there any more is found", () => {
  assertEquals(wrongAlong(of("a", "b"), of("a", "b", "c")), []);
  assertEquals(wrongAlong(of("a", "x"), of("a", "b", "c")).length, 1);
  assertEquals(wrongAlong(of("a", "b"), of("a")).length, 1);
});
