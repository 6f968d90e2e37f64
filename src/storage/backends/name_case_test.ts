/** Proves what is found out of a file system that takes names that differ in case alone for one. */
import { assertEquals } from "@std/assert";
import { isCaseFolded, sameName } from "./name_case.ts";

/** A folder with these files. */
function folder(names: readonly string[], isFolded: boolean) {
  return isCaseFolded(names, (asked) => {
    const at = names.findIndex((name) =>
      isFolded ? name.toLowerCase() === asked.toLowerCase() : name === asked
    );
    return at < 0 ? null : `1:${at}`;
  });
}

Deno.test("a folder folds case where another case of a name leads to the same file", () => {
  for (const names of [[".lock"], ["meta.properties", "a-0"], ["0", ".LOCK"], ["1", "Orders-0"]]) {
    assertEquals([folder(names, true), folder(names, false)], [true, false], names.join());
  }
});

Deno.test("it does not where both cases are there, and nothing is known of one without letters", () => {
  assertEquals(folder([".lock", ".LOCK"], false), false);
  assertEquals(isCaseFolded([".LOCK", ".lock"], () => "1:1"), false); // hard links of each other
  assertEquals([folder([], true), folder(["0", "1-2"], true)], [false, false]);
});

Deno.test("a name that went meanwhile is not asked about", () => {
  const idOf = (name: string) => name.startsWith("gone") ? null : "1:1";
  assertEquals(isCaseFolded(["gone", "a"], idOf), true);
});

Deno.test("two names that are one are found, one that is there twice is none of them", () => {
  assertEquals(sameName(["a", "B", "c", "b"]), ["B", "b"]);
  assertEquals(sameName(["a", "a", "b"]), null);
});
