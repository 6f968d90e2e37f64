/**
 * Proves what becomes of audit files: lines are numbered and chained over rotations and starts, what failed is written once
 * and no more than once, and verify names the first line that is not right.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { AuditFile, type AuditFileOptions, UnsyncedError } from "./audit_file.ts";
import { rotatedFiles } from "./audit_lines.ts";
import { hashWith } from "./chain.ts";
import { body } from "./event.ts";
import { verifyAudit } from "./verify.ts";

const NAME = "audit.log", HASH = hashWith(""), DAY_MS = 86_400_000;

function opened(store: Store, options: Partial<AuditFileOptions> = {}) {
  const time = { ms: 10 * DAY_MS }, problems: string[] = [];
  const file = new AuditFile({
    store,
    name: NAME,
    rotateBytes: 1 << 30,
    rotateDaily: false,
    keep: 0,
    hash: HASH,
    nowMs: () => time.ms,
    onProblem: (event) => problems.push(event),
    ...options,
  });
  const write = (text: string, sync = true) =>
    file.write([body(time.ms, "change", { action: text })], { sync });
  return { file, time, problems, write };
}

function lines(store: Store, name = NAME): Record<string, unknown>[] {
  const text = new TextDecoder().decode(store.readAll(name) ?? new Uint8Array(0));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

const actions = (store: Store, name = NAME) => lines(store, name).map(({ action }) => action);
const verdict = (store: Store, hash = HASH) => verifyAudit(store, NAME, { hash });

async function rewritten(store: Store, name: string, change: (text: string) => string) {
  const text = new TextDecoder().decode(store.readAll(name)!);
  await store.replace(name, new TextEncoder().encode(change(text)));
}

Deno.test("lines are numbered on and chained over rotations by size and by day, and over starts", async () => {
  const store = new MemoryStore();
  {
    const { time, write } = opened(store, { rotateBytes: 300, rotateDaily: true });
    for (const text of ["a", "b", "c", "d"]) await write(text);
    time.ms += DAY_MS;
    await write("e");
  }
  assertEquals(rotatedFiles(store, NAME), [
    "audit.log.19700111.000000000002",
    "audit.log.19700112.000000000004",
  ]);
  const { write } = opened(store);
  await write("f");
  assertEquals(lines(store).map(({ seq, action }) => [seq, action]), [[5, "e"], [6, "f"]]);
  const { problem, lines: count, firstSeq, last, files } = verdict(store);
  assertEquals([problem, count, firstSeq, last?.seq, files], [null, 6, 1, 6, 3]);
});

Deno.test("a file that was rotated just before a stop is gone on from", async () => {
  const store = new MemoryStore();
  const first = opened(store);
  await first.write("a");
  store.rename(NAME, "audit.log.19700111.000000000001");
  const { write } = opened(store);
  await write("b");
  assertEquals(lines(store).map(({ seq }) => seq), [2]);
  assertEquals(verdict(store).problem, null);
});

Deno.test("so many files are kept, the oldest go, and no others", async () => {
  const store = new MemoryStore();
  for (const name of ["audit.log.old", "audit.log.19700111.1", "other.19700111.000000000001"]) {
    await store.replace(name, new Uint8Array(1));
  }
  const { write } = opened(store, { rotateBytes: 1, keep: 2 });
  for (const text of ["a", "b", "c", "d", "e"]) await write(text);
  assertEquals(rotatedFiles(store, NAME).map((name) => name.slice(-2)), ["03", "04"]);
  assertEquals(store.list("").length, 3 + 2 + 2); // and the file with its head
  const { problem, firstSeq, last } = verdict(store);
  assertEquals([problem, firstSeq, last?.seq], [null, 3, 5]);
});

Deno.test("a batch that cannot be appended is not there, also where a half of it stayed behind, and is written once", async () => {
  for (const how of ["error", "torn"] as const) {
    using store = new FaultyStore(new MemoryStore());
    const { write } = opened(store);
    await write("a");
    store.fail({ on: "append", pathEndsWith: NAME, how, kind: "noSpace" });
    await assertRejects(() => write("b"), StoreError);
    await write("b");
    assertEquals(actions(store), ["a", "b"], how);
    assertEquals(verdict(store).problem, null);
  }
});

Deno.test("what could not be synced is not written again, and the next line goes to another file", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { write } = opened(store);
  await write("a");
  store.fail({ on: "sync", pathEndsWith: NAME });
  await assertRejects(() => write("b"), UnsyncedError);
  await write("c");
  assertEquals(actions(store), ["c"]);
  assertEquals(actions(store, rotatedFiles(store, NAME)[0]), ["a", "b"]);
  assertEquals(verdict(store).problem, null);
});

Deno.test("a line that a crash cut off stays as it is, and the next one says so", async () => {
  const store = new MemoryStore();
  const before = opened(store);
  await before.write("a");
  await before.write("b");
  await rewritten(store, NAME, (text) => text.slice(0, -40));
  await store.replace("audit.log.head", store.readAll("audit.log.head")!); // still of line 2
  const { file } = opened(store);
  assertEquals(file.found, { torn: true, missing_from: 2, missing_to: 2 });
  await file.write([body(0, "audit", { event: "started", ...file.found })], { sync: true });
  const { problem, notes } = verdict(store);
  assert(problem?.startsWith("audit.log:3 has the number 3, due is 2"), `${problem}`);
  assertEquals(notes, ["audit.log:2 was cut off by a crash, as the next line says"]);
});

Deno.test("a line that was being written when the process was killed is no fault of the chain", async () => {
  const store = new MemoryStore();
  const before = opened(store);
  await before.write("a");
  const blob = store.open(NAME);
  blob.append(new TextEncoder().encode('{"v":1,"seq":2,"ti'));
  blob.close();
  assertEquals(verdict(store).problem, null); // as it lies there before the next start
  const { file } = opened(store);
  assertEquals(file.found, { torn: true });
  await file.write([body(0, "audit", { event: "started", ...file.found })], { sync: true });
  assertEquals(verdict(store).problem, null);
});

Deno.test("a file that was moved away or removed is begun anew, which is said, and the chain goes on", async () => {
  const store = new MemoryStore();
  const { write, problems } = opened(store);
  await write("a");
  store.rename(NAME, "audit.log.19700111.000000000001");
  await write("b");
  assertEquals(problems, ["audit_file_changed"]);
  assertEquals(actions(store), ["b"]);
  assertEquals(verdict(store).problem, null);
});

Deno.test("a rotation that fails keeps no line from being written", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { write, problems, time } = opened(store, { rotateBytes: 1 });
  await write("a");
  store.fail({ on: "rename", pathEndsWith: NAME });
  await write("b");
  await write("c"); // not tried again at once
  assertEquals(actions(store), ["a", "b", "c"]);
  assertEquals(problems, ["audit_rotation_failed"]);
  time.ms += 60_000;
  await write("d");
  assertEquals(actions(store), ["d"]);
});

Deno.test("verify names the first line that was altered, taken out, put in or moved", async () => {
  const made = async () => {
    const store = new MemoryStore();
    const { write } = opened(store);
    for (const text of ["a", "b", "c", "d"]) await write(text);
    return store;
  };
  const edited = (edit: (lines: string[]) => string[]) => (text: string) =>
    `${edit(text.split("\n").slice(0, -1)).join("\n")}\n`;
  const cases: [edit: (lines: string[]) => string[], problem: string][] = [
    [(lines) => lines.with(1, lines[1].replace('"b"', '"x"')), "audit.log:3 carries the hash"],
    [(lines) => lines.toSpliced(1, 1), "audit.log:2 carries the hash"],
    [(lines) => lines.toSpliced(1, 0, lines[1]), "audit.log:3 carries the hash"],
    [(lines) => [lines[0], lines[2], lines[1], lines[3]], "audit.log:2 carries the hash"],
    [(lines) => lines.with(2, "nonsense"), "audit.log:4 carries the hash"],
    [
      (lines) => lines.slice(0, 3),
      "the tail is cut off: the head (audit.log.head) knows of line 4",
    ],
    [(lines) => lines.with(3, lines[3].replace('"d"', '"x"')), "audit.log:4 has the hash"],
    [
      (lines) => lines.with(0, lines[0].replace(/,"prev":"[^"]+"/, "")),
      "audit.log:1 carries no hash",
    ],
  ];
  for (const [edit, problem] of cases) {
    const store = await made();
    await rewritten(store, NAME, edited(edit));
    const found = verdict(store).problem;
    assert(found?.startsWith(problem), `${found} instead of ${problem}`);
  }
});

Deno.test("with a key hashes cannot be made anew without it, and a tail that is cut with its head is told by a head noted elsewhere", async () => {
  const store = new MemoryStore(), key = hashWith("a key of sixteen or more");
  const { write, file } = opened(store, { hash: key });
  for (const text of ["a", "b", "c"]) await write(text);
  assertEquals(verdict(store, key).problem, null);
  assert(verdict(store, HASH).problem !== null);
  const noted = file.last;
  await rewritten(store, NAME, (text) => `${text.split("\n").slice(0, 2).join("\n")}\n`);
  store.remove("audit.log.head");
  const { problem, notes } = verdict(store, key);
  assertEquals([problem, notes.length], [null, 1]); // which says that there is no head
  assert(verifyAudit(store, NAME, { hash: key, noted }).problem?.startsWith("the tail is cut off"));
});

Deno.test("what a failed append has left behind is not in the file that is renamed behind it", async () => {
  using store = new FaultyStore(new MemoryStore());
  const { write, time } = opened(store, { rotateDaily: true });
  await write("a");
  store.fail({ on: "append", pathEndsWith: NAME, how: "torn", kind: "noSpace" });
  await assertRejects(() => write("b"), StoreError);
  time.ms += DAY_MS; // it is tried again on the next day
  await write("b");
  assertEquals(actions(store, rotatedFiles(store, NAME)[0]), ["a"]);
  assertEquals(actions(store), ["b"]);
  assertEquals(verdict(store).problem, null);
});

Deno.test("a file that somebody cut in the middle of a line is gone on from in a line of its own", async () => {
  const store = new MemoryStore();
  const { write, problems } = opened(store);
  await write("a");
  await write("b");
  await rewritten(store, NAME, (text) => text.slice(0, -40));
  await write("c");
  assertEquals(problems, ["audit_file_changed"]);
  const last = new TextDecoder().decode(store.readAll(NAME)!).split("\n").at(-2)!;
  assertEquals(JSON.parse(last).action, "c");
  await write("d"); // with no empty line before it
  assertEquals(new TextDecoder().decode(store.readAll(NAME)!).includes("\n\n"), false);
});
