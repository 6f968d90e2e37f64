/** Proves that a slow reader loses lines and knows how many, that streams are bounded, and that each ends once. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { LIMITS } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import { lineOf, Streams } from "./streams.ts";

function linesOf(text: string): { type: string; lines?: number }[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("who does not read loses lines, holds a bounded queue, and is told", async () => {
  const streams = new Streams(() => 1), gone = new AbortController();
  const stream = streams.open({ signal: gone.signal, mayGoOn: () => true }, () => {});
  const line = lineOf({ type: "sample", pad: "x".repeat(10_000) });
  for (let i = 0; i < 1000; i++) stream.send(line);
  const reader = stream.response.body!.getReader(), decoder = new TextDecoder();
  let text = "", bytes = 0;
  for (let i = 0; i < 27; i++) {
    const { value } = await reader.read();
    text += decoder.decode(value);
    bytes += value!.length;
  }
  assert(bytes < 300_000, String(bytes));
  stream.send(line);
  stream.end("over");
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value);
  }
  const lines = linesOf(text), sent = lines.filter(({ type }) => type === "sample").length;
  const dropped = lines.find(({ type }) => type === "dropped")!;
  assertEquals(sent + dropped.lines!, 1001);
  assertEquals(lines.at(-1)!.type, "end");
});

Deno.test("so many streams are open, each ends once, and makes room when it does", () => {
  const streams = new Streams(() => 1), ended: number[] = [], gone = new AbortController();
  const open = () =>
    streams.open({ signal: gone.signal, mayGoOn: () => true }, () => ended.push(1));
  const first = open();
  for (let i = 1; i < LIMITS.maxStreams; i++) open();
  assertThrows(open, ApiFailure, "streams are open");
  first.end("over");
  first.end("again");
  assertEquals([streams.size, ended.length], [LIMITS.maxStreams - 1, 1]);
  open();
  gone.abort();
  assertEquals([streams.size, ended.length], [0, LIMITS.maxStreams + 1]);
  assertThrows(open, ApiFailure, "nobody reads");
});

Deno.test("who can wait waits for room, and no longer than the stream is there", async () => {
  const streams = new Streams(() => 1), gone = new AbortController();
  const stream = streams.open({ signal: gone.signal, mayGoOn: () => true }, () => {});
  await stream.room();
  for (let i = 0; i < 100; i++) stream.send(lineOf("x".repeat(10_000)));
  const waiting = stream.room();
  gone.abort();
  await waiting;
  assert(stream.isOver);
});

Deno.test("who may not see it any more is told so, and the stream ends", async () => {
  const streams = new Streams(() => 1, { beatMs: 10 }), gone = new AbortController();
  let isAllowed = true;
  const asked = { signal: gone.signal, mayGoOn: () => isAllowed };
  const stream = streams.open(asked, () => {}), text = stream.response.text();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!stream.isOver);
  isAllowed = false;
  const lines = linesOf(await text);
  assertEquals([lines[0].type, lines.at(-1)!.type, streams.size], ["beat", "end", 0]);
});
