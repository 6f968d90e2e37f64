/** Proves how a command's arguments are read: words, flags, the broker's own flags, and what is said of mistakes. */
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../config/load.ts";
import type { Call } from "./call.ts";
import type { Command } from "./command.ts";
import { helpOf, parse } from "./parse.ts";

const load = () => Promise.resolve(() => Promise.resolve(0));

const command: Command = {
  name: "thing",
  summary: "make things",
  notes: ["A note."],
  actions: [
    {
      name: "make",
      summary: "make some",
      words: [{ name: "NAME", doc: "Its name.", isRepeated: true }],
      flags: [
        { name: "--count", takes: "N", doc: "How many." },
        { name: "--for", takes: "TIME", doc: "How long." },
        { name: "--kind", takes: "KIND", doc: "Which.", choices: ["big", "small"] },
        { name: "--tag", takes: "TEXT", doc: "A tag.", isRepeated: true, aliases: ["--label"] },
        { name: "--dry-run", doc: "Only say so." },
      ],
      examples: [{ line: "runnel thing make a", doc: "One" }],
      load,
    },
    { name: "apart", summary: "go by nothing", takesOptions: false, load },
    { name: "list", summary: "list them", words: [{ name: "A", doc: "", isOptional: true }], load },
  ],
};

function called(...args: string[]): Call {
  const parsed = parse(command, args);
  if (parsed.kind !== "call") throw new Error(parsed.text);
  return parsed.call;
}

Deno.test("words, flags and the broker's own flags come apart, in any order", () => {
  const call = called("make", "a", "--count=3", "b", "--dry-run", "--kafka-port", "1", "--debug");
  assertEquals([call.action.name, call.words, call.whole("--count")], ["make", ["a", "b"], 3]);
  assertEquals([call.has("--dry-run"), call.has("--kind"), call.text("--kind")], [
    true,
    false,
    null,
  ]);
  assertEquals(call.options, ["--kafka-port=1", "--debug=true"]);
  assertEquals(called("list").words, [""]);
});

Deno.test("a flag counts as it is given last, a repeated one each time, by whichever name", () => {
  const call = called("make", "a", "--count", "1", "--count", "2", "--tag", "x", "--label=y=z");
  assertEquals([call.whole("--count"), call.texts("--tag")], [2, ["x", "y=z"]]);
});

Deno.test("a word or value may begin with a dash, where it says so", () => {
  assertEquals(called("make", "--", "--count").words, ["--count"]);
  assertEquals(called("make", "a", "--tag=--count").texts("--tag"), ["--count"]);
  assertEquals(called("make", "a", "--tag", "-1").texts("--tag"), ["-1"]);
});

Deno.test("times have a unit, and numbers a range", () => {
  const time = (text: string) => called("make", "a", "--for", text).durationMs("--for");
  assertEquals(["250ms", "90s", "1.5m", "2h", "7d"].map(time), [
    250,
    90_000,
    90_000,
    7_200_000,
    604_800_000,
  ]);
  for (const text of ["", "5", "5 s", "-5s", "1e9d", "5w", "99999999999999999d"]) {
    assertThrows(() => time(text), ConfigError, "needs a time, as 250ms");
  }
  for (const text of ["", "x", "1.5", "101", "-1", "1e2"]) {
    const count = () => called("make", "a", `--count=${text}`).whole("--count", { max: 100 });
    assertThrows(count, ConfigError, "needs a whole number, 0 to 100");
  }
});

const MISTAKES: [args: string[], says: string][] = [
  [[], "thing: needs one of make, apart, list"],
  [["mak"], "unknown command 'mak' (Did you mean make?)"],
  [["make"], "missing required argument 'NAME'"],
  [["list", "a", "b"], "too many arguments"],
  [["--list"], "unknown option '--list': `runnel thing list`"],
  [["apart", "--kafka-port=1"], "which is the broker's: it takes none of those"],
  [["make", "a", "--from-beginning"], "'--from-beginning': it begins there by itself"],
  [["make", "a", "--cout", "1"], "unknown option '--cout' (Did you mean --count?)"],
  [["make", "a", "--count"], "argument missing"],
  [["make", "a", "--count", "--dry-run"], "--count has no value"],
  [["make", "a", "--kind", "middle"], "--kind middle: needs one of big, small"],
  [["make", "a", "--kafka-port"], "argument missing"],
];

Deno.test("what is wrong is said in one line, with where to read on", () => {
  for (const [args, says] of MISTAKES) {
    const { message } = assertThrows(() => parse(command, args), ConfigError);
    assertStringIncludes(message, says);
    assertMatch(message, /^[^\n]*`runnel thing[^`]* --help`\)$/);
  }
});

Deno.test("help has the actions, and of each its words, flags and examples, and none of the broker's flags", () => {
  const text = helpOf(command);
  for (const part of ["runnel thing", "make [options] <NAME...>", "list them"]) {
    assertStringIncludes(text, part);
  }
  const asked = ["--help", "-h"].map((flag) => parse(command, ["make", flag]));
  assertEquals(asked[0], asked[1]);
  const { text: one } = asked[0] as { text: string };
  for (const part of ["<NAME...>", "Its name.", "--count <N>", "One of big, small.", "# One"]) {
    assertStringIncludes(one, part);
  }
  assertEquals(["--label", "--kafka-port"].filter((flag) => one.includes(flag)), []);
});
