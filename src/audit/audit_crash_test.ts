/**
 * Proves what a power loss, a kill and a full disk leave of the audit: what was promised to be on the device is there, and
 * verify takes nothing for a forgery that they alone did.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { AuditFile, type AuditFileOptions } from "./audit_file.ts";
import { rotatedFiles } from "./audit_lines.ts";
import { hashWith } from "./chain.ts";
import { body } from "./event.ts";
import { verifyAudit } from "./verify.ts";

const NAME = "audit.log", HASH = hashWith("");

function opened(store: Store, options: Partial<AuditFileOptions> = {}) {
  const file = new AuditFile({
    store,
    name: NAME,
    rotateBytes: 1 << 30,
    rotateDaily: false,
    keep: 0,
    hash: HASH,
    nowMs: () => 0,
    onProblem: () => {},
    ...options,
  });
  const write = (text: string, sync = true) =>
    file.write([body(0, "change", { action: text })], { sync });
  return { file, write };
}

function actions(store: Store): unknown[] {
  return [...rotatedFiles(store, NAME), NAME].flatMap((name) =>
    new TextDecoder().decode(store.readAll(name) ?? new Uint8Array(0)).split("\n").slice(0, -1)
      .map((line) => JSON.parse(line).action)
  );
}

Deno.test("a line that is on the device is in a file whose name is, too: of the first file, after each rotation and after a removal", async () => {
  const store = new FaultyStore(new MemoryStore());
  const { write } = opened(store, { rotateBytes: 1 });
  const left = async () => actions(await store.crash({ names: "lost", unsynced: "lost" }));
  await write("a");
  assertEquals(await left(), ["a"]);
  await write("b", false); // a denial rotates, and nothing of it need be on the device
  await write("c", false);
  await write("d");
  assertEquals(await left(), ["a", "b", "c", "d"]);
  store.rename(NAME, "elsewhere");
  await write("e");
  assertEquals((await left()).at(-1), "e");
});

Deno.test("lines that nobody waits for leave no gap before one that is on the device", async () => {
  const store = new FaultyStore(new MemoryStore());
  await opened(store).write("a", false);
  const { write } = opened(store, { rotateBytes: 1 });
  await write("b");
  await write("c", false);
  await write("d", false);
  await write("e");
  const disk = await store.crash({ names: "lost", unsynced: "lost" });
  assertEquals(actions(disk), ["a", "b", "c", "d", "e"]);
  assertEquals(verifyAudit(disk, NAME, { hash: HASH }).problem, null);
});

Deno.test("who is killed while writing behind a line that was cut off, wherever, leaves no forgery", async () => {
  for (const cut of [1, 5, 40]) {
    const store = new FaultyStore(new MemoryStore());
    await opened(store).write("a");
    append(store, '{"v":1,"seq":2,"ti');
    {
      const { file } = opened(store);
      assertEquals(file.found, { torn: true });
      const whole = store.readAll(NAME)!.length, head = store.readAll(`${NAME}.head`)!;
      await file.write([body(0, "audit", { event: "started", ...file.found })], { sync: false });
      const written = store.readAll(NAME)!.subarray(0, whole + cut); // of which this much came to the file
      await store.replace(NAME, written.slice());
      await store.replace(`${NAME}.head`, head);
    }
    const { file } = opened(store);
    assertEquals(file.found.torn, true, `cut behind ${cut}`);
    await file.write([body(0, "audit", { event: "started", torn: file.found.torn })], {
      sync: true,
    });
    assertEquals(verifyAudit(store, NAME, { hash: HASH }).problem, null, `cut behind ${cut}`);
  }
});

Deno.test("a last line as long as any is found at a start, and verified", async () => {
  const store = new MemoryStore();
  const { file } = opened(store);
  await file.write([body(0, "change", { configs: long(400 * 1024) })], { sync: true });
  assertEquals(opened(store).file.last, file.last);
  await file.write([body(0, "change", { configs: long(900 * 1024) })], { sync: true });
  const again = opened(store).file;
  assertEquals(again.last, file.last);
  assertEquals(again.found, {});
  await again.write([body(0, "change", { action: "b" })], { sync: true });
  assertEquals(verifyAudit(store, NAME, { hash: HASH }).problem, null);
});

Deno.test("what is put in behind the last line is a fault, or noted where it could be what a crash left", async () => {
  for (const forged of ["nonsense\n", "nonsense", '{"v":1}\n']) {
    const store = new MemoryStore();
    await opened(store).write("a");
    append(store, forged);
    const { problem, notes } = verifyAudit(store, NAME, { hash: HASH });
    assertEquals(
      problem ?? notes[0],
      forged.startsWith("{")
        ? "audit.log:2 has the number none"
        : forged.endsWith("\n")
        ? "audit.log:2 is no line: what a broker was writing that was killed, or something that was put in"
        : "audit.log:2 was cut off: a broker is writing it, or was killed",
    );
  }
});

Deno.test("a disk that was full in the middle of a line, and stays so until the end, leaves no forgery", async () => {
  const store = new FaultyStore(new MemoryStore());
  const { write } = opened(store);
  await write("a");
  store.fail({ on: "append", pathEndsWith: NAME, how: "torn", kind: "noSpace" });
  await assertRejects(() => write("b"), StoreError);
  const { file } = opened(store);
  assertEquals(file.found, { torn: true });
  await file.write([body(0, "audit", { event: "started", ...file.found })], { sync: true });
  assertEquals(verifyAudit(store, NAME, { hash: HASH }).problem, null);
});

function append(store: Store, text: string): void {
  const blob = store.open(NAME);
  blob.append(new TextEncoder().encode(text));
  blob.close();
}

function long(characters: number): string[] {
  return Array.from({ length: characters / 128 }, (_, i) => String(i).padStart(124, "x"));
}
