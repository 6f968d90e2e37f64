/**
 * Keeps the house standing, by reading every source file: imports point down only, the outside world (`Deno.`) is
 * touched where it may be, and a file stays one noun. The checks are functions, each shown to fail on a bad example.
 */
import { assertEquals } from "@std/assert";

/** Rooms from the ground up; those in one line may not import each other. */
const STOREYS: readonly (readonly string[])[] = [
  ["bytes"],
  ["protocol"],
  ["storage", "client"],
  ["groups", "transactions", "topics", "security", "backup"],
  ["handlers"],
  ["server"],
  ["broker"],
  ["mod", "cli"],
  ["main"],
];
/** Imported from everywhere, importing nothing but each other. */
const LEAVES = ["config", "metrics", "clock", "log", "version"];

/** Fixtures and doubles for tests: may import everything, and no product file may import them. */
const TESTING = "testing";

/** Where `Deno.` may be written. */
const OUTSIDE = [
  "main.ts",
  "src/cli/",
  "src/config/load.ts",
  "src/metrics/http.ts",
  "src/server/listener.ts",
  "src/server/connection.ts",
  "src/client/connection.ts",
  "src/backup/source_directory.ts",
  "src/storage/backends/file_store.ts",
  "src/storage/backends/in_place_file.ts",
  "src/storage/directory/lock.ts",
];

/** Past this a file is looked at; past the other it is refused. */
const LONG_LINES = 400;
const MAX_LINES = 500;

interface Source {
  /** "src/storage/segments/segment.ts" */
  readonly path: string;
  readonly text: string;
}

Deno.test("imports point down only", () => {
  assertEquals(sources().flatMap(wrongImports), []);
});

Deno.test("Deno is named only where the outside world is touched", () => {
  assertEquals(sources().filter(namesDenoWrongly).map(({ path }) => path), []);
});

Deno.test("a file is one noun: no utils, no Manager classes, not over 500 lines", () => {
  assertEquals(sources().flatMap(styleFaults), []);
});

Deno.test("deno.lock names no registry, so that it holds wherever packages come from", () => {
  const lock = Deno.readTextFileSync(new URL("../deno.lock", import.meta.url));
  assertEquals(lock.match(/https?:\/\/\S+/g) ?? [], []);
});

Deno.test("the checks catch what they are for", () => {
  const at = (path: string, text: string): Source => ({ path, text });
  assertEquals(
    wrongImports(at("src/storage/a.ts", 'import { x } from "../handlers/b.ts";')).length,
    1,
  );
  assertEquals(
    wrongImports(at("src/topics/a.ts", 'import type { x } from "../groups/b.ts";')).length,
    1,
  );
  assertEquals(wrongImports(at("src/config/a.ts", 'await import("../storage/b.ts");')).length, 1);
  assertEquals(wrongImports(at("src/client/a.ts", 'export * from "../storage/b.ts";')).length, 1);
  assertEquals(wrongImports(at("src/nowhere/a.ts", 'import "../bytes/b.ts";')).length, 1);
  assertEquals(
    wrongImports(at("src/server/a.ts", 'import "../bytes/b.ts"; import "../log.ts";')),
    [],
  );
  assertEquals(wrongImports(at("src/topics/a.ts", 'import "../testing/b.ts";')).length, 1);
  assertEquals(namesDenoWrongly(at("src/topics/a.ts", "Deno.exit();")), true);
  assertEquals(namesDenoWrongly(at("src/topics/a.ts", "// Deno.exit();\n/* Deno. */")), false);
  assertEquals(styleFaults(at("src/topics/utils.ts", "")).length, 1);
  assertEquals(styleFaults(at("src/topics/a.ts", "class TopicManager {")).length, 1);
  assertEquals(styleFaults(at("src/topics/a.ts", "\n".repeat(MAX_LINES + 1))).length, 1);
});

function wrongImports({ path, text }: Source): string[] {
  const from = roomOf(path);
  const specifiers = [
    ...text.matchAll(
      /^\s*(?:import|export)\b[^;"]*"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)|; import "(\.[^"]+)"/gm,
    ),
  ];
  return specifiers.map((match) => match[1] ?? match[2] ?? match[3]).flatMap((specifier) => {
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    if (!target.endsWith(".ts")) return []; // deno.json, wasm: data, not a room.
    return mayImport(from, roomOf(target)) ? [] : [`${path} imports ${target}`];
  });
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (LEAVES.includes(to) || from === TESTING) return true;
  const storey = (room: string) => STOREYS.findIndex((rooms) => rooms.includes(room));
  // A room that is on no storey is nowhere, and may import nothing until it has a place.
  return storey(to) >= 0 && storey(to) < storey(from);
}

/** "src/storage/segments/segment.ts" → "storage", "src/broker.ts" → "broker", "main.ts" → "main" */
function roomOf(path: string): string {
  const parts = path.split("/");
  return (parts[0] === "src" ? parts[1] : parts[0]).replace(/\.ts$/, "");
}

function namesDenoWrongly({ path, text }: Source): boolean {
  const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
  return /\bDeno\./.test(code) && !OUTSIDE.some((place) => path.startsWith(place));
}

function styleFaults({ path, text }: Source): string[] {
  const faults: string[] = [];
  if (/(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(path)) faults.push(`${path}: name the noun`);
  if (!/^[a-z0-9_./]+$/.test(path)) faults.push(`${path}: file names are snake_case`);
  if (/\bclass \w*(Manager|Helper|Util)\b/.test(text) && !path.endsWith("log_manager.ts")) {
    faults.push(`${path}: name the noun of the class`);
  }
  const lines = text.split("\n").length;
  if (lines > LONG_LINES) console.warn(`${path}: ${lines} lines, is there a second noun?`);
  if (lines > MAX_LINES) {
    faults.push(`${path}: ${lines} lines, look for the second noun`);
  }
  return faults;
}

/** Every source file of the product; tests may look where they like. */
function sources(): Source[] {
  const root = new URL("..", import.meta.url);
  const paths = ["main.ts", ...files(root, "src")].filter((path) => !path.endsWith("_test.ts"));
  return paths.map((path) => ({ path, text: Deno.readTextFileSync(new URL(path, root)) }));
}

function files(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? files(root, path) : name.endsWith(".ts") ? [path] : [];
  });
}
