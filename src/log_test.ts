/** Proves what a log line looks like and what may not be in it, by logging into an array. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { configureLog, logger, logLine, type LogSettings, type LogTime } from "./log.ts";

function capture(settings: Partial<LogSettings> = {}, time?: LogTime): string[] {
  const lines: string[] = [];
  configureLog(
    { level: "info", format: "text", maxClientEvents: 3, ...settings },
    (line) => lines.push(line),
    time,
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

Deno.test("a finished line is written as it is, whatever the level and however many there are", () => {
  const lines = capture({ level: "error" });
  for (let i = 0; i < 100; i++) logLine(`{"seq":${i}}`);
  assertEquals(lines, Array.from({ length: 100 }, (_, i) => `{"seq":${i}}`));
});

Deno.test("a client cannot forge a line, a field or a flood of text", () => {
  const lines = capture();
  logger("server").warn("odd client id", { clientId: "a\nINFO x: y=1", long: "z".repeat(10_000) });
  assertEquals(lines.length, 1);
  assert(!lines[0].includes("\n"));
  assert(lines[0].length < 500);
});

Deno.test("what a terminal or a reader of lines takes for an order stands escaped, and is what it was to who reads JSON", () => {
  const clientId = "a\x1b[2J\x7f\u0085\u009b31m\u200b\u202eb\u2028\u2029\ufeff\u{e0041}é世";
  for (const format of ["text", "json"] as const) {
    const lines = capture({ format });
    logger("server").clientEvent(`odd client id as ${format}`, { clientId });
    assertEquals(lines[0].match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu), null);
    assertStringIncludes(lines[0], "é世");
    if (format === "json") assertEquals(JSON.parse(lines[0]).clientId, clientId);
  }
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

/** Time that passes when told to. */
class PlayedTime {
  #nowMs = 0;
  readonly #due: { readonly atMs: number; readonly work: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, work: () => void): void {
    this.#due.push({ atMs: this.#nowMs + ms, work });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const one of this.#due.filter(({ atMs }) => atMs <= this.#nowMs)) {
      this.#due.splice(this.#due.indexOf(one), 1);
      one.work();
    }
  }
}

function played(settings: Partial<LogSettings>) {
  const time = new PlayedTime();
  return { lines: capture(settings, time), pass: (ms: number) => time.pass(ms) };
}

for (const level of ["info", "warn", "error"] as const) {
  Deno.test(`log.clientEvent() writes so many lines a second at ${level}, and counts the rest`, () => {
    const { lines, pass } = played({ maxClientEvents: 2 });
    const log = logger("server");
    for (let i = 0; i < 10; i++) log.clientEvent("bad frame", { i }, level);
    assertEquals(lines.length, 2);
    pass(1000);
    log.clientEvent("bad frame", {}, level);
    assertStringIncludes(lines[2], "suppressed=8");
    pass(5000);
    assertEquals(lines.length, 3);
  });

  Deno.test(`log.${level}() writes ten times as many, and counts the rest too`, () => {
    const { lines } = played({ maxClientEvents: 2 });
    const log = logger("storage");
    for (let i = 0; i < 2000; i++) log[level]("write failed", { i });
    assertEquals(lines.length, 20);
  });
}

Deno.test("what was suppressed is told when nothing follows, each message for itself", () => {
  const { lines, pass } = played({ maxClientEvents: 1 });
  const log = logger("server");
  for (let i = 0; i < 5; i++) {
    log.clientEvent("bad frame");
    log.clientEvent("bad name");
  }
  assertEquals(lines.length, 2);
  pass(2000);
  assertEquals(lines.length, 4);
  assertMatch(lines[2], /bad frame suppressed=4$/);
  assertMatch(lines[3], /bad name suppressed=4$/);
  pass(10_000);
  assertEquals(lines.length, 4);
});

Deno.test("a level that is not written counts nothing", () => {
  const { lines, pass } = played({ level: "error", maxClientEvents: 1 });
  for (let i = 0; i < 5; i++) logger("server").clientEvent("bad frame");
  pass(10_000);
  assertEquals(lines, []);
});
