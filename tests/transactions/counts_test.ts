/** Proves that the check of a word count finds what is counted twice, not, or out of order, and nothing in a right one. */
import { assertEquals } from "@std/assert";
import { wrongCounts } from "./counts.ts";

const CAME = new Map([["a", 3], ["b", 1]]);
const counted = (a: number[], b = [1]) => new Map([["a", a], ["b", b]]);

Deno.test("a right word count has nothing wrong", () => {
  assertEquals(wrongCounts(CAME, counted([1, 2, 3])), []);
});

for (
  const [what, wrong] of [
    ["a word counted twice", counted([1, 2, 3, 4])],
    ["a count twice", counted([1, 2, 2, 3])],
    ["a word not counted", counted([1, 2])],
    ["a count left out", counted([1, 3, 4])],
    ["counts the wrong way round", counted([2, 1, 3])],
    ["nothing of a word", new Map([["a", [1, 2, 3]]])],
  ] as const
) {
  Deno.test(`a word count with ${what} is found`, () => {
    assertEquals(wrongCounts(CAME, wrong).length > 0, true);
  });
}
