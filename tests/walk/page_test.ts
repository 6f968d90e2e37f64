/** Proves that the walk finds what it is for: each way in which what is printed can differ from what README shows. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lexer } from "marked";
import { blocksOf, difference, replaced, stepsOf, useOf } from "./page.ts";

const TEXT = `
<!-- walk: before
mkdir x
-->

Run it:

<!-- walk: broker -->

\`\`\`sh
runnel --kafka-port=9092
\`\`\`

It says:

\`\`\`
Runnel 0.1.0
  Kafka  127.0.0.1:9092
\`\`\`

\`\`\`
not an output
\`\`\`

\`\`\`ts
// a.ts
code();
\`\`\`

\`\`\`ts
noName();
\`\`\`

\`\`\`toml
kafka_port = 1
\`\`\`

\`\`\`toml
# etc/state.toml
a = 1
\`\`\`

\`\`\`sh not run: needs root
halt
\`\`\`

\`\`\`sh
ls
\`\`\`

<!-- walk: numbers vary -->

\`\`\`
total 5
\`\`\`
`;

Deno.test("stepsOf() gives commands with their outputs, files and configurations, in order", () => {
  const commands = { kind: "commands", mark: null, output: null, doNumbersVary: false } as const;
  assertEquals(stepsOf(TEXT), [
    { ...commands, line: 2, text: "mkdir x\n" },
    {
      ...commands,
      line: 10,
      text: "runnel --kafka-port=9092\n",
      mark: "broker",
      output: ["Runnel 0.1.0", "  Kafka  127.0.0.1:9092"],
    },
    { kind: "file", name: "a.ts", text: "// a.ts\ncode();\n" },
    { kind: "configuration", line: 34, text: "kafka_port = 1\n" },
    { kind: "file", name: "etc/state.toml", text: "# etc/state.toml\na = 1\n" },
    { ...commands, line: 47, text: "ls\n", output: ["total 5"], doNumbersVary: true },
  ]);
});

Deno.test("every block has a use, or is none that is known", () => {
  const uses = blocksOf(TEXT).map((block, at, all) => useOf(block, all[at - 1] ?? null));
  assertEquals(uses, [
    "commands",
    "commands",
    "output",
    null,
    "file",
    "snippet",
    "configuration",
    "file",
    "not run",
    "commands",
    "output",
  ]);
});

/** README.md and docs/, path → text. */
function book(): Map<string, string> {
  const root = new URL("../../", import.meta.url);
  const pages = [...Deno.readDirSync(new URL("docs", root))].map(({ name }) => `docs/${name}`)
    .filter((path) => path.endsWith(".md"));
  return new Map(["README.md", ...pages.sort()].map((path) => [
    path,
    Deno.readTextFileSync(new URL(path, root)),
  ]));
}

Deno.test("every block of README.md and docs/ is run, compared, or says why not", () => {
  const lost: string[] = [];
  for (const [path, text] of book()) {
    if (path === "docs/clients.md") continue; // tests/clients/book.ts knows its blocks
    for (const [at, block] of blocksOf(text).entries()) {
      const use = useOf(block, blocksOf(text)[at - 1] ?? null);
      // tests/embedding/snippets_test.ts has all that are no file.
      // tests/clients/book.ts runs what docs/clients.md has of other languages, and fails where it knows not what to do with it.
      if (use === null && path !== "docs/clients.md") {
        lost.push(`${path}:${block.line} ${block.language || "without a language"}`);
      }
      if (use === "not run" && block.notRun!.split(" ").length < 2) {
        lost.push(`${path}:${block.line}: why?`);
      }
    }
    // A fence that the parser does not know would be run by nobody.
    const fences = text.match(/^ *```/gm)?.length ?? 0;
    assertEquals(fences, 2 * blocksOf(text).filter(({ isHidden }) => !isHidden).length, path);
    for (const token of lexer(text)) {
      if (token.type === "code" && token.codeBlockStyle === "indented") {
        lost.push(`${path}: "${token.text.split("\n")[0]}" is indented, so that nobody runs it`);
      }
    }
  }
  assertEquals(lost, []);
});

Deno.test("README.md has a broker three ways, files and outputs to compare", () => {
  const steps = stepsOf(book().get("README.md")!);
  const commands = steps.filter((step) => step.kind === "commands");
  assertEquals(commands.filter(({ mark }) => mark === "broker").length, 3);
  assert(commands.filter(({ output }) => output !== null).length >= 5);
  assert(steps.some((step) => step.kind === "file"));
});

const shown = {
  output: ["Runnel 0.1.0", "  Data  /home/you/data", "took … ms"],
  doNumbersVary: false,
};
const printed = "Runnel 0.1.0\n  Data  /tmp/x/data\ntook 17 ms\n";
const given = { "/home/you": "/tmp/x" };

Deno.test("difference() finds nothing where only what varies varies, in either order", () => {
  assertEquals(difference(shown, printed, given), null);
  assertEquals(difference(shown, `Download x\n\x1b[1m${printed}\x1b[0m\n`, given), null);
  assertEquals(difference(shown, printed.split("\n").reverse().join("\n"), given), null);
  assertEquals(difference({ output: null, doNumbersVary: false }, "whatever"), null);
  const table = { output: ["a-0   5    0"], doNumbersVary: true };
  assertEquals(difference(table, "a-1  17  3"), null);
});

Deno.test("difference() finds a line that is missing, other, or one too many", () => {
  for (
    const [text, says] of [
      ["", "Runnel 0.1.0"],
      [printed.replace("0.1.0", "0.1.1"), 'shows "Runnel 0.1.0"'],
      [printed.replace("0.1.0", "0x1.0"), 'shows "Runnel 0.1.0"'],
      [printed.replace("  Data", " Data"), 'shows "  Data'],
      [printed.replace("/tmp/x", "/tmp/y"), "/home/you/data"],
      [`${printed}Runnel 0.1.0\n`, '"Runnel 0.1.0" was printed'],
      [`${printed}error: no\n`, '"error: no" was printed'],
    ]
  ) {
    assertStringIncludes(difference(shown, text, given) ?? "nothing", says);
  }
});

Deno.test("replaced() puts the real ports and paths into commands", () => {
  assertEquals(replaced("kcat -b h:9092 # 9092", { 9092: "7" }), "kcat -b h:7 # 7");
});
