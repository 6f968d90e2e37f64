/** Proves how a line of bash is read in words, quotes and all, and how a name is written where bash goes on from there. */
import { assertEquals } from "@std/assert";
import { bashLine, bashWord } from "./bash_line.ts";

/** As bash has it. */
const BREAKS = " \t\n\"'@><=;|&(:";

Deno.test("a line is words without their quotes, and nothing in it is replaced", () => {
  const read = (line: string) => {
    const { before, current } = bashLine(line, BREAKS);
    return [...before, current.text];
  };
  assertEquals(read("runnel topic "), ["runnel", "topic", ""]);
  assertEquals(read(String.raw`r 'a  b' "c\"d\x$HOME" e\ f`), ["r", "a  b", 'c"d\\x$HOME', "e f"]);
  assertEquals(read("r $(touch x) `y`"), ["r", "$(touch", "x)", "`y`"]);
  assertEquals(read("r '' \"\" x"), ["r", "", "", "x"]);
  assertEquals(read("r 'a b"), ["r", "a b"]);
  assertEquals(read("r a\\"), ["r", "a"]);
  assertEquals(read(""), [""]);
});

Deno.test("bash goes on behind what it takes for the end of a word, and in the quote that is open", () => {
  const word = (line: string, name: string) => bashWord(name, bashLine(line, BREAKS).current);
  assertEquals(word("r --topic=or", "--topic=orders"), "orders");
  assertEquals(word("r a:b", "a:b=c"), "b=c");
  assertEquals(word(String.raw`r a\:b`, "a:b=c"), "a:b=c");
  assertEquals(word("r g", "g $(id)`x`;'\"\\"), String.raw`g\ \$\(id\)\`x\`\;\'\"\\`);
  assertEquals(word("r 'g", "g's $x"), String.raw`g'\''s $x`);
  assertEquals(word("r 'g", "g'"), "g'\\'''");
  assertEquals(word('r "g', 'g"$x`\\'), String.raw`g\"\$x\`\\`);
  assertEquals(word('r "g', "g!x"), null);
  assertEquals(word("r --topic='or", "--topic=or ders"), "or ders");
  assertEquals(word("r g", "größe漢字"), "größe漢字");
});
