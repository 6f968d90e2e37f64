/**
 * Keeps the house standing, by reading every source file: imports point down only, the outside world (`Deno.`) is
 * touched where it may be, a file stays one noun, and what nobody uses is found. The checks are functions, each shown to
 * fail on a bad example.
 */
import { assertEquals } from "@std/assert";

/** Rooms from the ground up; those in one line may not import each other. */
const STOREYS: readonly (readonly string[])[] = [
  ["bytes"],
  ["protocol"],
  ["storage", "client", "coordination"],
  ["groups", "transactions", "topics", "security", "backup", "quotas"],
  ["placement", "background", "audit"],
  ["handlers"],
  ["server"],
  ["console"],
  ["broker"],
  ["mod", "cli"],
  ["main"],
];

const STORAGE = "src/storage/";
/** The same within the storage, whose rooms are its folders; what lies in its root is a room of its own. */
const STORAGE_STOREYS: readonly (readonly string[])[] = [
  ["store"],
  ["backends"],
  ["directory", "index"],
  ["segments"],
  ["producers", "durability"],
  ["recovery"],
  ["log"],
  ["compaction"],
  ["checkpoint_due", "bookkeeping", "removals"],
  ["opening"],
  ["checkpointing"],
  ["log_manager"],
];

/** Imported from everywhere, importing nothing but each other. */
const LEAVES = ["config", "metrics", "clock", "log", "platform", "version"];

/** Fixtures and doubles for tests: may import everything, and no product file may import them. */
const TESTING = "testing";

/** Whose exports and methods need no user here. */
const FOR_OTHERS = ["src/mod.ts", "src/client/", "src/protocol/messages/"];

/** Where `Deno.` may be written. */
const OUTSIDE = [
  "main.ts",
  "src/cli/",
  "src/config/load.ts",
  "src/security/secret_file.ts",
  "src/server/transport/",
  "src/client/connection.ts",
  "src/backup/source_directory.ts",
  "src/storage/backends/file_store.ts",
  "src/storage/backends/in_place_file.ts",
  "src/storage/backends/system_error.ts",
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

Deno.test("within the storage imports point down too, so that its rooms are no circle", () => {
  assertEquals(sources().flatMap(wrongStorageImports), []);
});

Deno.test("every exported function, class and constant is used by another file, every method by some", () => {
  assertEquals(unused(sources(), everything()), []);
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
  const circle = [
    at("src/storage/index/a.ts", 'import type { x } from "../log/b.ts";'),
    at("src/storage/log/b.ts", 'import { y } from "../index/a.ts";'),
  ];
  assertEquals(circle.flatMap(wrongStorageImports), [
    "src/storage/index/a.ts imports src/storage/log/b.ts",
  ]);
  const neighbours = at("src/storage/producers/a.ts", 'import "../durability/b.ts";');
  assertEquals(wrongStorageImports(neighbours).length, 1);
  assertEquals(wrongStorageImports(at("src/storage/store.ts", 'import "./opening.ts";')).length, 1);
  assertEquals(wrongStorageImports(at("src/storage/nowhere/a.ts", "")).length, 1);
  assertEquals(wrongStorageImports(at("src/storage/log/a.ts", 'import "./b.ts";')), []);
  const dead = at(
    "src/topics/a.ts",
    "export const one = 1;\nclass B {\n  call() {\n  }\n  go(\n    to: string,\n  ) {\n  }\n}",
  );
  assertEquals(unused([dead], [dead, at("src/topics/b.ts", "// one, call(), go()")]), [
    "src/topics/a.ts exports one",
    "src/topics/a.ts has call(), which nobody calls",
    "src/topics/a.ts has go(), which nobody calls",
  ]);
  const onlyTested = at("src/topics/a_test.ts", "one; b.call(); b.go();");
  assertEquals(unused([dead], [dead, onlyTested]).length, 2);
  assertEquals(unused([dead], [dead, at("src/groups/c.ts", onlyTested.text)]), []);
  assertEquals(namesDenoWrongly(at("src/topics/a.ts", "Deno.exit();")), true);
  assertEquals(namesDenoWrongly(at("src/topics/a.ts", "// Deno.exit();\n/* Deno. */")), false);
  assertEquals(styleFaults(at("src/topics/utils.ts", "")).length, 1);
  assertEquals(styleFaults(at("src/topics/a.ts", "class TopicManager {")).length, 1);
  assertEquals(styleFaults(at("src/topics/a.ts", "\n".repeat(MAX_LINES + 1))).length, 1);
});

function wrongImports({ path, text }: Source): string[] {
  const from = roomOf(path);
  return importsOf({ path, text })
    .filter((target) => !mayImport(from, roomOf(target)))
    .map((target) => `${path} imports ${target}`);
}

function wrongStorageImports({ path, text }: Source): string[] {
  if (!path.startsWith(STORAGE)) return [];
  const from = storageRoomOf(path);
  if (storeyOf(from, STORAGE_STOREYS) < 0) return [`${path} has no storey`];
  return importsOf({ path, text })
    .filter((target) => target.startsWith(STORAGE))
    .filter((target) => !isBelow(storageRoomOf(target), from, STORAGE_STOREYS))
    .map((target) => `${path} imports ${target}`);
}

/** Paths of the TypeScript files that a file imports. */
function importsOf({ path, text }: Source): string[] {
  const specifiers = [
    ...text.matchAll(
      /^\s*(?:import|export)\b[^;"]*"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)|; import "(\.[^"]+)"/gm,
    ),
  ];
  return specifiers.map((match) => match[1] ?? match[2] ?? match[3])
    .map((specifier) => new URL(specifier, `file:///${path}`).pathname.slice(1))
    .filter((target) => /\.tsx?$/.test(target)); // deno.json, wasm: data, not a room
}

/**
 * Exported values that no other file names, and methods that nobody calls but their tests. The messages are the
 * protocol's, and what embedding has is for others to use. It goes by names alone: one that something else has, too, is
 * taken for used.
 */
function unused(checked: readonly Source[], all: readonly Source[]): string[] {
  const users = new Map<string, Set<string>>();
  for (const { path, text } of all) {
    for (const word of withoutComments(text).match(/[A-Za-z_$][\w$]*/g) ?? []) {
      let paths = users.get(word);
      if (paths === undefined) users.set(word, paths = new Set());
      paths.add(path);
    }
  }
  const isProduct = (path: string) =>
    !path.startsWith("tests/") && !path.startsWith(`src/${TESTING}/`) && !path.endsWith("_test.ts");
  const found: string[] = [];
  for (const { path, text } of checked) {
    if (FOR_OTHERS.some((place) => path.startsWith(place))) continue;
    const code = withoutComments(text);
    for (const [, name] of code.matchAll(EXPORT)) {
      if ([...users.get(name)!].every((user) => user === path)) {
        found.push(`${path} exports ${name}`);
      }
    }
    for (const [, name] of code.matchAll(METHOD)) {
      const named = code.match(new RegExp(`\\b${name}\\b`, "g"))!.length;
      const others = [...users.get(name)!].filter((user) =>
        user !== path && (isProduct(user) || !isProduct(path))
      );
      if (named === 1 && others.length === 0) {
        found.push(`${path} has ${name}(), which nobody calls`);
      }
    }
  }
  return found;
}

const EXPORT = /^export (?:async )?(?:function\*?|(?:abstract )?class|const|let) (\w+)/gm;

/** A method's or accessor's declaration, two blanks deep, its parameters in one line or in one each. */
const METHOD =
  /^ {2}(?:static |async |get |set |\*)*(?!(?:constructor|if|for|while|switch|return|catch|super)\b)([a-z]\w*)(?:<[^>\n]*>)?\((?:[^\n]*|\n(?: {4}[^\n]*\n)+ {2}\)[^\n]*)\{$/gm;

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function mayImport(from: string, to: string): boolean {
  return LEAVES.includes(to) || from === TESTING || isBelow(to, from, STOREYS);
}

/** A room that is on no storey is nowhere, and may import nothing until it has a place. */
function isBelow(to: string, from: string, storeys: typeof STOREYS): boolean {
  if (to === from) return true;
  return storeyOf(to, storeys) >= 0 && storeyOf(to, storeys) < storeyOf(from, storeys);
}

function storeyOf(room: string, storeys: typeof STOREYS): number {
  return storeys.findIndex((rooms) => rooms.includes(room));
}

/** "src/storage/segments/segment.ts" → "storage", "src/broker.ts" → "broker", "main.ts" → "main" */
function roomOf(path: string): string {
  const parts = path.split("/");
  return (parts[0] === "src" ? parts[1] : parts[0]).replace(/\.ts$/, "");
}

/** "src/storage/segments/segment.ts" → "segments", "src/storage/store.ts" → "store" */
function storageRoomOf(path: string): string {
  return path.slice(STORAGE.length).split("/")[0].replace(/\.ts$/, "");
}

function namesDenoWrongly({ path, text }: Source): boolean {
  return /\bDeno\./.test(withoutComments(text)) && !OUTSIDE.some((place) => path.startsWith(place));
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
  const paths = ["main.ts", ...files(root, "src")].filter((path) => !/_test\.tsx?$/.test(path));
  return paths.map((path) => ({ path, text: Deno.readTextFileSync(new URL(path, root)) }));
}

/** Every file that may use an export. */
function everything(): Source[] {
  const root = new URL("..", import.meta.url);
  const folders = ["src", "tests", "bench", "packaging"];
  return ["main.ts", ...folders.flatMap((folder) => files(root, folder))]
    .map((path) => ({ path, text: Deno.readTextFileSync(new URL(path, root)) }));
}

function files(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, root))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? files(root, path) : /\.tsx?$/.test(name) ? [path] : [];
  });
}
