/** Proves what a log line looks like and what may not be in it, by logging into an array. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { configureLog, logger, type LogSettings } from "./log.ts";

function capture(settings: Partial<LogSettings> = {}): string[] {
  const lines: string[] = [];
  configureLog(
    { level: "info", format: "text", maxClientEvents: 3, ...settings },
    (line) => lines.push(line),
  );
  return lines;
}

Deno.test("a text line has time, level, room, message and fields", () => {
  const lines = capture();
  logger("server").info("connection closed", { peer: "127.0.0.1", reason: "idle too long", ms: 5 });
  assertEquals(lines.length, 1);
  assertMatch(
    lines[0],
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}server: connection closed peer=127\.0\.0\.1 reason="idle too long" ms=5$/,
  );
});

Deno.test("a JSON line is one object", () => {
  const lines = capture({ format: "json" });
  logger("storage").warn("tail cut", { bytes: 7n, error: new Error("torn") });
  const { time, ...rest } = JSON.parse(lines[0]);
  assertMatch(time, /Z$/);
  assertEquals(rest, {
    level: "warn",
    room: "storage",
    message: "tail cut",
    bytes: "7",
    error: "Error: torn",
  });
});

Deno.test("a client cannot forge a line, a field or a flood of text", () => {
  const lines = capture();
  logger("server").warn("odd client id", { clientId: "a\nINFO x: y=1", long: "z".repeat(10_000) });
  assertEquals(lines.length, 1);
  assert(!lines[0].includes("\n"));
  assert(lines[0].length < 500);
});

Deno.test("fields with secret names are masked", () => {
  const lines = capture();
  logger("security").info("set", { plainPassword: "hunter2", user: "ann" });
  assertStringIncludes(lines[0], 'plainPassword="***" user=ann');
});

Deno.test("levels below the configured one are not written", () => {
  const lines = capture({ level: "warn" });
  const log = logger("server");
  log.info("no");
  log.debug("no");
  assertEquals(log.debugging, false);
  log.error("yes");
  assertEquals(lines.length, 1);
});

Deno.test("log.clientEvent() writes so many lines a second and counts the rest", () => {
  const lines = capture({ maxClientEvents: 2 });
  const log = logger("server");
  const now = performance.now;
  try {
    let ms = 0;
    performance.now = () => ms;
    for (let i = 0; i < 10; i++) log.clientEvent("bad frame");
    assertEquals(lines.length, 2);
    ms = 1000;
    log.clientEvent("bad frame");
    assertStringIncludes(lines[2], "suppressed=8");
  } finally {
    performance.now = now;
  }
});
