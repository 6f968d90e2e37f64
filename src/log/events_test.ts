/** Proves that every warning in the sources has an entry, by reading them, and that the log's lines carry the advice. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configureLog, logger } from "../log.ts";
import { events } from "./events.ts";

/** `onProblem("name"`, `log.warn("name"`, `refuse(connection, "name"`; events that only inform are not asked for. */
const CALL =
  /\b(?:onProblem|onWarning|onEvent|warn|error|clientEvent|refuse)(?:\?\.)?\(\s*(?:connection,\s*)?"(\w+)"/g;
/** What is told in general words, and the event that each becomes: `const EVENTS: Record<…> = { told: "event" }`. */
const NAMING = /\bconst EVENTS: Record<[^=]*> = \{([^}]*)\}/g;
const INFORMS = new Set(["log_compacted", "segments_deleted", "groups_moved"]);

Deno.test("every warning that the sources can give has a meaning, and says what to do", () => {
  const missing = new Set<string>(), found = new Set<string>(), renamed = new Set<string>();
  const texts = [...sources(new URL("..", import.meta.url))];
  for (const [, table] of texts.flatMap((text) => [...text.matchAll(NAMING)])) {
    for (const [, told, name] of table.matchAll(/(\w+): "(\w+)"/g)) {
      renamed.add(told);
      if (!events.has(name)) missing.add(name);
    }
  }
  assert(renamed.size >= 5, `found only ${[...renamed]}`);
  for (const text of texts) {
    for (const [, name] of text.matchAll(CALL)) {
      found.add(name);
      const isKnown = events.has(name) || INFORMS.has(name) || renamed.has(name);
      if (!isKnown) missing.add(name);
    }
  }
  assertEquals([...missing], [], "add these to src/log/events.ts");
  assert(found.size > 20, `found only ${[...found]}`);
});

Deno.test("a line of an event that needs somebody says what to do, in text and in JSON", () => {
  const lines: string[] = [];
  for (const format of ["text", "json"] as const) {
    configureLog({ level: "info", format, maxClientEvents: 10 }, (line) => lines.push(line));
    logger("server").clientEvent("unknown_api", { api: "AddOffsetsToTxn" });
    logger("storage").warn("disk_has_room", { freeBytes: 1 });
    logger("x").warn("some prose", { advice: "kept" });
  }
  const [text, room, prose, json] = lines;
  assertStringIncludes(text, 'unknown_api api=AddOffsetsToTxn advice="do without');
  assert(!room.includes("advice"));
  assertStringIncludes(prose, "advice=kept");
  assertStringIncludes(JSON.parse(json).advice, "docs/compatibility.md lists");
});

function* sources(folder: URL): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory && name !== "testing") yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
      yield Deno.readTextFileSync(new URL(name, folder));
    }
  }
}
