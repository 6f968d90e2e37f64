/** Proves how a page looks in a terminal: within its width, tables too, without styles where there are none to be. */
import { assert, assertEquals } from "@std/assert";
import { pageText } from "./page_text.ts";
import { PAGES } from "./pages.ts";

const plainly = (markdown: string, width = 40) => pageText(markdown, { width, isStyled: false });

Deno.test("paragraphs and lists are wrapped, headings underlined, comments left out", () => {
  const text = plainly(
    "# A title\n\n<!-- walk: broker -->\n\nWords that go on **until** the line\nis full & `some code` [there](x.md).\n\n" +
      "- one that is longer than the line, for sure\n- two\n\n## Part\n\n1. first\n2. second [far](https://example.com)\n",
  );
  assertEquals(
    text,
    `A title
=======

Words that go on until the line is full
& \`some code\` there.

- one that is longer than the line, for
  sure
- two

Part
----

1. first
2. second far <https://example.com>`,
  );
});

Deno.test("code stands as it is, indented, whatever its width", () => {
  const line = `runnel topic list ${"x".repeat(60)}  # & <b>`;
  assertEquals(plainly(`\`\`\`sh\n${line}\n\n\`a\`\n\`\`\`\n`), `    ${line}\n\n    \`a\``);
});

Deno.test("a table has columns while its words fit, and is a list where they do not", () => {
  const table = (word: string) =>
    `| Key | What it is |\n|---|---|\n| \`${word}\` | one two three |\n`;
  assertEquals(
    plainly(table("a\\|b"), 20),
    "Key    What it is\n-----  -------------\n`a|b`  one two three",
  );
  assertEquals(
    plainly(`${table("long_word")}| b | c |\n`, 22),
    "`long_word`\n    What it is: one\n    two three\n\nb\n    What it is: c",
  );
});

Deno.test("on a terminal code and headings are styled, and no style goes on over a line's end", () => {
  const text = pageText("# T\n\n**bold words that are wrapped** `and code that is wrapped`\n", {
    width: 20,
    isStyled: true,
  });
  for (const line of text.split("\n")) {
    for (const [begin, end] of [["\x1b[1m", "\x1b[22m"], ["\x1b[36m", "\x1b[39m"]]) {
      assertEquals(line.split(begin).length, line.split(end).length, JSON.stringify(text));
    }
  }
  assert(text.startsWith("\x1b[1mT\x1b[22m\n\n\x1b[1mbold words that are\x1b[22m\n"), text);
  assert(!text.includes("`") && !text.includes("*"), text);
});

Deno.test("every page of docs/ is a page of help, and none has a line that is too long but code and what has no blank", async () => {
  const docs = [...Deno.readDirSync(new URL("../../../docs", import.meta.url))]
    .map(({ name }) => name).filter((name) => name.endsWith(".md"));
  assertEquals(PAGES.map(({ name }) => `${name}.md`).toSorted(), docs.toSorted());
  for (const { name, load } of PAGES) {
    const markdown = await load();
    assert(markdown.startsWith("# "), name);
    for (const width of [80, 100]) {
      const text = pageText(markdown, { width, isStyled: false });
      // deno-lint-ignore no-control-regex -- marks of styles and what steers a terminal
      assertEquals(text.match(/[\x00-\x09\x0b-\x1f]/g), null, name);
      const long = text.split("\n").filter((line) =>
        line.length > width && !/^ {4}|^\S*$/.test(line)
      );
      assertEquals(long, [], name);
    }
  }
});
