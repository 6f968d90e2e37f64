import { assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "../cli/parse.ts";
import { produceCommand } from "../cli/produce/command.ts";
import { recordOfJson } from "../cli/record_json.ts";
import { produceLine, type Sent } from "./web/text/produce_line.ts";
import { isPlain } from "./web/text/visible.ts";

const ENCODER = new TextEncoder();

const NASTY = [
  "$(touch /tmp/x)",
  "`id`",
  "it's 'quoted'",
  '"; rm -rf ~; "',
  "-n",
  "--help",
  "",
  "a=b",
  "\\",
  "\\n\\x00\\q",
  "!!",
  "~",
  "*",
  "#",
  "a\tb\nc",
  "\x1b[2J\r",
  "\u202eabc",
  "<img src=x onerror=alert(1)>",
  "x".repeat(20_000),
];

Deno.test("what the command sends is the record, whatever is in it", () => {
  for (const topic of ["orders", "-orders", "--json"]) {
    for (const text of NASTY) {
      for (const other of [null, text]) {
        const record = sent({
          key: other,
          value: text,
          headers: [[`h${text}`, other], ["h", text]],
        });
        assertEquals(meant(topic, produceLine(topic, record)!), record);
      }
    }
  }
});

Deno.test("nulls and bytes that are no text come through", () => {
  const bytes = { encoding: "base64", text: "//79", bytes: 3, isCut: false } as const;
  for (
    const record of [
      sent({ key: "17", value: null, headers: [] }),
      sent({ key: null, value: null, headers: [] }),
      { ...sent({ key: null, value: "x", headers: [] }), key: bytes },
      { key: bytes, value: bytes, headers: [{ key: "b", value: bytes }], headersLeftOut: 0 },
    ]
  ) {
    assertEquals(meant("orders", produceLine("orders", record)!), record);
  }
});

Deno.test("what is simple looks simple", () => {
  const record = sent({ key: "17", value: "it's shipped", headers: [["trace", "a1"]] });
  assertEquals(
    produceLine("orders", record),
    "runnel produce orders --key=17 '--value=it'\\''s shipped' --header=trace=a1",
  );
});

Deno.test("a record of which a part is not at hand has no command", () => {
  const record = sent({ key: null, value: "cut", headers: [] });
  assertEquals(produceLine("t", { ...record, value: { ...record.value!, isCut: true } }), null);
  assertEquals(produceLine("t", { ...record, headersLeftOut: 1 }), null);
});

Deno.test("nothing in the command steers a terminal", () => {
  for (const text of NASTY) {
    assertEquals(isPlain(produceLine("t", sent({ key: text, value: text, headers: [] }))!), true);
  }
});

function sent(
  { key, value, headers }: {
    key: string | null;
    value: string | null;
    headers: readonly (readonly [string, string | null])[];
  },
): Sent {
  return {
    key: utf8(key),
    value: utf8(value),
    headers: headers.map(([name, text]) => ({ key: name, value: utf8(text) })),
    headersLeftOut: 0,
  };
}

function utf8(text: string | null) {
  if (text === null) return null;
  return { encoding: "utf8" as const, text, bytes: ENCODER.encode(text).length, isCut: false };
}

/** What the shell and the command make of the line. */
function meant(topic: string, line: string): Sent {
  const commands = shellCommands(line), produce = commands.at(-1)!;
  const [program, name, ...args] = produce;
  assertEquals([program, name], ["runnel", "produce"]);
  const parsed = parse(produceCommand, args);
  if (parsed.kind !== "call") throw new Error(`${line}: ${JSON.stringify(parsed)}`);
  const { call } = parsed;
  assertEquals(call.words, [topic]);
  if (commands.length === 2) {
    assertEquals(call.has("--json"), true);
    const [printf, format, text, ...more] = commands[0];
    assertEquals([printf, format, more.length], ["printf", "%s\\n", 0]);
    const record = recordOfJson(text);
    if (typeof record === "string") throw new Error(record);
    return {
      key: shown(record.key),
      value: shown(record.value),
      headers: record.headers.map(({ key, value }) => ({ key, value: shown(value) })),
      headersLeftOut: 0,
    };
  }
  const one = (flag: string) => call.text(flag);
  assertEquals(call.has("--tombstone"), one("--value") === null);
  const headers = call.texts("--header").map((given): [string, string | null] => {
    const sign = given.indexOf("=");
    return sign < 0 ? [given, null] : [given.slice(0, sign), given.slice(sign + 1)];
  });
  return sent({ key: one("--key"), value: one("--value"), headers });
}

function shown(bytes: Uint8Array | null): Sent["key"] {
  if (bytes === null) return null;
  try {
    return utf8(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return { encoding: "base64", text: bytes.toBase64(), bytes: bytes.length, isCut: false };
  }
}

/** As a POSIX shell cuts it: single quotes, backslashes outside of them, pipes; anything else that it would evaluate is refused. */
function shellCommands(line: string): string[][] {
  const commands: string[][] = [[]];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) throw new Error(`a quote is open: ${line}`);
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (character === "\\") word = (word ?? "") + line[++at];
    else if (character === " " || character === "|") {
      if (word !== null) commands.at(-1)!.push(word);
      word = null;
      if (character === "|") commands.push([]);
    } else {
      assertStringIncludes("/:@%+=,.-_", /\w/.test(character) ? "_" : character);
      word = (word ?? "") + character;
    }
  }
  if (word !== null) commands.at(-1)!.push(word);
  return commands;
}
