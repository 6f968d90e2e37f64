/** Proves that the walk finds what it is for: each way in which what is printed can differ from what README shows. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { difference, replaced, stepsOf } from "./readme.ts";

const TEXT = `
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

\`\`\`sh
ls
\`\`\`

<!-- walk: numbers vary -->

\`\`\`
total 5
\`\`\`
`;

Deno.test("stepsOf() gives commands with their outputs and files, in order", () => {
  assertEquals(stepsOf(TEXT), [
    {
      kind: "commands",
      text: "runnel --kafka-port=9092\n",
      mark: "broker",
      output: ["Runnel 0.1.0", "  Kafka  127.0.0.1:9092"],
      doNumbersVary: false,
    },
    { kind: "file", name: "a.ts", text: "// a.ts\ncode();\n" },
    { kind: "commands", text: "ls\n", mark: null, output: ["total 5"], doNumbersVary: true },
  ]);
});

Deno.test("README.md has a broker three ways, files and outputs to compare", () => {
  const steps = stepsOf(Deno.readTextFileSync(new URL("../../README.md", import.meta.url)));
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
