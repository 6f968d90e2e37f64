// Proves what becomes of a removed segment's files: renamed at once, gone after file.delete.delay.ms, and gone at the
// next start when the broker stopped before that.
import { assertEquals } from "@std/assert";
import {
  BusyClock,
  compactedConfig,
  History,
  newLog,
  reopened,
  testContext,
} from "../../testing/compaction_history.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { parseSegmentFile, setSegmentAside } from "./segment_files.ts";

const DELETED = /\.deleted$/;

async function trimmedLog() {
  const store = new MemoryStore(), clock = new BusyClock();
  const due: { delayMs: number; work: () => void }[] = [];
  const context = {
    ...testContext(store, clock),
    later: (delayMs: number, work: () => void) => void due.push({ delayMs, work }),
  };
  const log = newLog(context, compactedConfig({ "file.delete.delay.ms": 1234 }));
  const history = new History(log, clock, () => 0);
  for (let i = 0; i < 100; i++) await history.put([`k${i}`, "x".repeat(50)]);
  log.advanceStart(log.segments[2].baseOffset);
  log.dropBeforeStart();
  const names = () => store.list("t-0").map(({ name }) => name);
  return { store, clock, log, due, names };
}

Deno.test("a removed segment's files wait as .deleted for file.delete.delay.ms", async () => {
  const { log, due, names } = await trimmedLog();
  const gone = names().filter((name) => DELETED.test(name)).map((name) => parseSegmentFile(name)!);
  assertEquals(gone.filter(({ file }) => file === ".log").length, 2);
  assertEquals(due.map(({ delayMs }) => delayMs), [1234, 1234]);
  for (const { work } of due) await work();
  assertEquals(names().filter((name) => DELETED.test(name)), []);
  const first = names().find((name) => name.endsWith(".log"))!;
  assertEquals(parseSegmentFile(first)!.baseOffset, log.logStartOffset);
});

Deno.test("a start removes what still waited", async () => {
  const { store, clock, log, names } = await trimmedLog();
  const again = await reopened(testContext(store, clock), log.recoveryPoint);
  assertEquals(names().filter((name) => DELETED.test(name)), []);
  assertEquals([again.logStartOffset, again.logEndOffset], [log.logStartOffset, 100]);
});

Deno.test("parseSegmentFile() knows a segment's files, and nothing else", () => {
  const name = "00000000000000000042.log";
  assertEquals(parseSegmentFile(name), { baseOffset: 42, file: ".log", suffix: "" });
  assertEquals(parseSegmentFile(`${name}.swap`), { baseOffset: 42, file: ".log", suffix: ".swap" });
  for (const other of ["leader-epoch-checkpoint", "42.log", `${name}.tmp`, "partition.metadata"]) {
    assertEquals(parseSegmentFile(other), null, other);
  }
});

Deno.test("a segment that is put aside takes no place that an earlier one has, its log last", async () => {
  const digits = "00000000000000000050", store = new MemoryStore();
  store.makeFolder("t-0");
  const names = () => store.list("t-0").map(({ name }) => name).sort();
  const write = (name: string, text: string) =>
    store.replace(`t-0/${name}`, new TextEncoder().encode(text));
  await write("00000000000000000042.log", "stays");
  for (const content of ["one", "two", "three"]) {
    await write(`${digits}.log`, content);
    await write(`${digits}.index`, "");
    setSegmentAside(store, "t-0", names(), 50);
  }
  const aside = ["", ".2", ".3"].map((n) => `${digits}.log.stray${n}`);
  const texts = aside.map((name) => new TextDecoder().decode(store.readAll(`t-0/${name}`)!));
  assertEquals(texts, ["one", "two", "three"]);
  assertEquals(names().filter((name) => !name.includes("stray")), ["00000000000000000042.log"]);
});
