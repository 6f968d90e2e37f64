/** Proves that large answers are so many at a time, are taken part by part, and end with a reader that is gone or too slow. */
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { Admin } from "../client/admin.ts";
import { Producer } from "../client/producer.ts";
import { jsonLine, jsonLineParts } from "../protocol/records/json_line.ts";
import type { LogRecord } from "../protocol/records/record.ts";
import { ConsoleBroker } from "../testing/console_broker.ts";
import { ApiFailure } from "./failure.ts";
import { csvTexts } from "./saved_text.ts";
import { Saves, slicesOf } from "./saves.ts";

const large = () => Promise.resolve(slicesOf(new Uint8Array(1 << 20)));

const NEVER = new AbortController().signal, OPEN = { mayGoOn: () => true, signal: NEVER };

async function taken(body: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const part of body) bytes += part.length;
  return bytes;
}

Deno.test("so many are taken at a time, the next ones wait, and past a bound nobody does", async () => {
  const saves = new Saves({ atATime: 2, maxWaiting: 1 });
  const [first, second] = [await saves.bodyOf(OPEN, large), await saves.bodyOf(OPEN, large)];
  const third = saves.bodyOf(OPEN, large);
  await assertRejects(() => saves.bodyOf(OPEN, large), ApiFailure, "too many");
  assertEquals([await taken(first), saves.size], [1 << 20, 2]); // the third took its place
  assertEquals([await taken(await third), saves.size], [1 << 20, 1]);
  await second.cancel();
  assertEquals(saves.size, 0);
});

Deno.test("a reader that takes nothing makes room for others, and what made its answer ends", async () => {
  const saves = new Saves({ atATime: 1, patienceMs: 30 });
  let isEnded = false;
  function* parts() {
    try {
      for (;;) yield new Uint8Array(1000);
    } finally {
      isEnded = true;
    }
  }
  const slow = (await saves.bodyOf(OPEN, () => Promise.resolve(parts()))).getReader();
  await slow.read();
  await saves.bodyOf(OPEN, large); // which nobody reads at all
  assertEquals(await taken(await saves.bodyOf(OPEN, large)), 1 << 20);
  await assertRejects(() => slow.read(), Error, "too slow");
  assertEquals([isEnded, saves.size], [true, 0]);
});

Deno.test("who may not have it any more gets no more of it", async () => {
  const saves = new Saves({ atATime: 1 });
  let isAllowed = true, isEnded = false;
  function* parts() {
    try {
      for (;;) yield new Uint8Array(1000);
    } finally {
      isEnded = true;
    }
  }
  const asked = { ...OPEN, mayGoOn: () => isAllowed };
  const reader = (await saves.bodyOf(asked, () => Promise.resolve(parts()))).getReader();
  assertEquals((await reader.read()).value?.length, 1000);
  isAllowed = false;
  await assertRejects(() => reader.read(), Error, "may not see it any more");
  assertEquals([isEnded, saves.size], [true, 0]);
});

Deno.test("what fails before it begins is no answer, and holds nothing", async () => {
  const saves = new Saves({ atATime: 1 });
  const broken = () => Promise.reject(new ApiFailure("not_found", "nothing"));
  await assertRejects(() => saves.bodyOf(OPEN, broken), ApiFailure, "nothing");
  assertEquals(saves.size, 0);
});

Deno.test("a large value is saved in small parts, and they are what it would be in one", () => {
  const values: [name: string, bytes: Uint8Array][] = [
    ["text", new TextEncoder().encode('aé€😀"\n\u0001'.repeat(10_000))],
    ["binary", new Uint8Array(100_001).map((_, i) => i * 7 & 255)],
    ["formula", new TextEncoder().encode(`=1+1${"x".repeat(50_000)}`)],
    ["empty", new Uint8Array()],
    ["hostile", new TextEncoder().encode("\x1b\x9b\u202e\u2028\u{e0001}".repeat(5_000))],
    ["bom", new TextEncoder().encode("\ufeffa")],
  ];
  for (const [name, value] of values) {
    const headers = [{ key: "h", value }, { key: '"', value: null }];
    const record = {
      offset: 5,
      timestampMs: 7,
      key: value,
      value,
      headers,
    } as unknown as LogRecord;
    const placed = { ...record, topic: "t", partition: 3 }, parts = [...jsonLineParts(placed)];
    assertEquals(parts.join(""), jsonLine(placed), name); // as `consume --json` prints it
    assertEquals(parts.filter(({ length }) => length > 100_000), [], name);
    const read = JSON.parse(parts.join(""));
    const shown = name === "binary"
      ? { base64: Buffer.from(value).toString("base64") }
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(value);
    assertEquals(read, {
      topic: "t",
      partition: 3,
      offset: 5,
      timestamp: 7,
      key: shown,
      value: shown,
      headers: [{ key: "h", value: shown }, { key: '"', value: null }],
    });
    const csv = [...csvTexts(3, record)].join("");
    const plain = typeof shown === "string" ? shown : `base64:${shown.base64}`;
    const cell = name === "formula" ? `'${plain}` : plain;
    const cells = cellsOf(csv), listed = JSON.parse(cells.pop()!);
    assertEquals([...cells, listed], ["3", "5", "7", cell, cell, read.headers], name);
  }
});

Deno.test("in a table null is an empty cell and empty is quoted, as consume --csv has them", () => {
  const headers: [] = [], empty = new Uint8Array();
  const line = (key: Uint8Array | null, value: Uint8Array | null) =>
    [...csvTexts(0, { offset: 1, timestampMs: 2, key, value, headers })].join("");
  assertEquals(line(null, empty), '0,1,2,,"",\r\n');
  assertEquals(line(empty, null), '0,1,2,"",,\r\n');
});

Deno.test("what is saved loses neither a header's key that is no text nor a time that no number has", async () => {
  await using console = await ConsoleBroker.start();
  await new Admin(console.cluster).createTopics([{
    name: "t",
    configs: { "message.timestamp.after.max.ms": `${2n ** 63n - 1n}` },
  }]);
  await using producer = new Producer(console.cluster);
  const exactTimestampMs = 2n ** 60n + 1n, keyBytes = Uint8Array.of(0xff, 0xfe);
  for (const value of ["small", "large".repeat(50_000)]) {
    const headers = [{ key: "", keyBytes, value: "x" }, { key: "\ufffd", value: null }];
    await producer.send({ topic: "t", value, headers, exactTimestampMs });
  }
  const lines = (await (await console.fetch("topics/t/records/download")).text()).split("\n");
  assertEquals(lines.length, 3);
  for (const line of lines.slice(0, 2)) {
    assertEquals(/"timestamp":(\d+),/.exec(line)?.[1], `${exactTimestampMs}`);
    const headers = [{ key: { base64: "//4=" }, value: "x" }, { key: "\ufffd", value: null }];
    assertEquals(JSON.parse(line).headers, headers);
  }
  const table = await (await console.fetch("topics/t/records/download?format=csv")).text();
  for (const line of table.split("\r\n").slice(1, 3)) {
    const [, , timestamp, , , headers] = cellsOf(line);
    assertEquals([timestamp, JSON.parse(headers)[0].key], [`${exactTimestampMs}`, {
      base64: "//4=",
    }]);
  }
});

/** Of one line, as RFC 4180 has it. */
function cellsOf(line: string): string[] {
  const cells: string[] = [];
  const rest = line.replace(/\r\n$/, "");
  for (let at = 0; at <= rest.length;) {
    if (rest[at] !== '"') {
      const end = rest.indexOf(",", at), to = end < 0 ? rest.length : end;
      cells.push(rest.slice(at, to));
      at = to + 1;
      continue;
    }
    let text = "";
    for (at++; rest[at] !== '"' || rest[at + 1] === '"';) {
      const end = rest.indexOf('"', at);
      text += rest.slice(at, end);
      at = end;
      if (rest[at + 1] === '"') {
        text += '"';
        at += 2;
      }
    }
    cells.push(text);
    at += 2;
  }
  return cells;
}

Deno.test("answers that wait for their readers hold so many bytes together, and none where nobody waits any more", async () => {
  const saves = new Saves({ atATime: 1, maxHeldBytes: 2500 });
  const gone = new AbortController();
  const first = await saves.bodyOfBytes(OPEN, new Uint8Array(1000));
  const second = saves.bodyOfBytes({ ...OPEN, signal: gone.signal }, new Uint8Array(1000));
  const more = () => saves.bodyOfBytes(OPEN, new Uint8Array(1000));
  await assertRejects(more, ApiFailure, "too many large answers");
  gone.abort(); // whoever asked for the second has left while it waited
  await assertRejects(() => second, ApiFailure, "nobody");
  const third = more();
  assertEquals([await taken(first), await taken(await third)], [1000, 1000]);
  const alone = await saves.bodyOfBytes(OPEN, new Uint8Array(9000));
  assertEquals([await taken(alone), saves.size], [9000, 0]); // one is given whatever it has
});
