/** Proves what records look like in each way to print them, hostile ones too. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ConsumerRecord } from "../../client/consumer.ts";
import { ByteSink } from "../byte_sink.ts";
import { csvPrinter } from "./csv.ts";
import { formatPrinter } from "./format.ts";
import { jsonPrinter, linePrinter, type Printer } from "./printer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function record(some: Partial<ConsumerRecord>): ConsumerRecord {
  const rest = { key: null, value: null, headers: [] };
  return { topic: "t", partition: 1, offset: 2, timestampMs: 1700000000000, ...rest, ...some };
}

async function printed(
  printer: Printer | string,
  ...records: ConsumerRecord[]
): Promise<Uint8Array> {
  if (typeof printer === "string") throw new Error(printer);
  const parts: Uint8Array[] = [];
  const sink = new ByteSink((some) => {
    parts.push(some.slice());
    return Promise.resolve(some.length);
  });
  printer.begin?.(sink);
  for (const one of records) printer.record(one, sink);
  await sink.flush();
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

const text = async (...args: Parameters<typeof printed>) =>
  new TextDecoder().decode(await printed(...args));

function format(of: string, nullText = "", isTerminal = false) {
  return formatPrinter(of, { nullText: bytes(nullText), isTerminal });
}

// Expected is what kcat 1.7.1 printed of these records.
Deno.test("--format prints as kcat -f does", async () => {
  const records = [
    record({
      key: bytes("k"),
      value: bytes("v"),
      headers: [
        { key: "a", value: bytes("1") },
        { key: "b", value: null },
        { key: "c", value: bytes("") },
      ],
    }),
    record({}),
    record({ key: bytes(""), value: bytes("") }),
    record({ key: bytes("é"), value: Uint8Array.of(0xff, 0) }),
  ];
  assertEquals(
    (await text(format("A %t %p %o %k %K %s %S %T %h|\\n"), ...records.slice(0, 3))).split("\n"),
    [
      "A t 1 2 k 1 v 1 1700000000000 a=1,b=NULL,c=|",
      "A t 1 2  -1  -1 1700000000000 |",
      "A t 1 2  0  0 1700000000000 |",
      "",
    ],
  );
  assertEquals(
    [...await printed(format("%R%s"), ...records)],
    [0, 0, 0, 1, 118, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 2, 255, 0],
  );
  assertEquals(
    await text(format("100%% \\x41\\x0a\\065\\10\\q\\\\\\n"), records[0]),
    "100% A\n5\nq\\\n",
  );
  assertEquals(await text(format("%k|%s\\n", "NULL"), records[1], records[2]), "NULL|NULL\n|\n");
});

Deno.test("a header's key that is no text and a time that no number has are printed as they are", async () => {
  const keyBytes = Uint8Array.of(0xff), headers = [{ key: "\ufffd", keyBytes, value: bytes("v") }];
  const one = record({ timestampMs: 0, exactTimestampMs: 2n ** 63n - 1n, headers });
  assertEquals([...await printed(format("%h"), one)], [0xff, 0x3d, 0x76]);
  assertEquals(await text(format("%T"), one), "9223372036854775807");
  assertStringIncludes(await text(csvPrinter({ isTerminal: false }), one), ",9223372036854775807,");
});

Deno.test("a format that is none is refused", () => {
  assertStringIncludes(format("%q") as string, "has %q");
  assertStringIncludes(format("%😀") as string, "has %😀");
  assertStringIncludes(format("a%") as string, "ends with a bare %");
});

Deno.test("CSV keeps null, empty and quotes apart, and makes formulas harmless", async () => {
  const csv = csvPrinter({ isTerminal: false });
  const cells = async (key: Uint8Array | null, value: Uint8Array | null) =>
    (await text(csv, record({ key, value }))).split("\r\n")[1].slice("t,1,2,1700000000000,".length);
  assertEquals(await cells(null, bytes("")), ',"",[]');
  assertEquals(await cells(bytes("a,b"), bytes('say "x"\n')), '"a,b","say ""x""\n",[]');
  assertEquals(await cells(Uint8Array.of(0xff), null), "base64:/w==,,[]");
  for (const start of ["=", "+", "-", "@", "\t"]) {
    assertEquals(await cells(bytes(`${start}1`), null), `'${start}1,,[]`);
  }
  assertEquals(
    await cells(bytes("\rx"), bytes('=HYPERLINK("a","b")')),
    '"\'\rx","\'=HYPERLINK(""a"",""b"")",[]',
  );
  assertStringIncludes(await text(csv, record({ timestampMs: -1 })), "2,'-1,");
});

Deno.test("no way to print lets a record steer a terminal", async () => {
  const hostile = "\x1b]0;owned\x07\x9b31m\u202e\x7f\u2028\r";
  const bad = record({
    key: bytes(hostile),
    value: Uint8Array.from([...bytes(hostile), 0x9b, 0xff]),
    headers: [{ key: hostile, value: bytes(hostile) }],
  });
  const isTerminal = true, nullText = bytes("null");
  const printers = [
    jsonPrinter,
    csvPrinter({ isTerminal }),
    format("%t %k %s %h %R\\n", "", isTerminal),
    linePrinter({ separator: bytes(":"), nullText, isTerminal }),
  ];
  for (const printer of printers) {
    const shown = (await text(printer, bad)).replaceAll("\r\n", "\n");
    assertMatch(shown, /owned/);
    assertMatch(shown, /^(?:[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]|\n)*$/u);
  }
});
