/**
 * Proves that no change is displaced: its lines are written before it is answered, whatever else there is to write; and what
 * becomes of changes while the file cannot be written, in both modes.
 */
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { FakeTimers } from "../testing/fake_timers.ts";
import { FaultyStore } from "../testing/faulty_store.ts";
import { AuditFile } from "./audit_file.ts";
import { ANSWER_WAIT_MS, AuditWriter, MAX_CHANGES, type Written } from "./audit_writer.ts";
import { hashWith } from "./chain.ts";
import { body } from "./event.ts";
import { verifyAudit } from "./verify.ts";

const NAME = "audit.log", HASH = hashWith("");
const FULL = { on: "append", pathEndsWith: NAME, kind: "noSpace", forever: true } as const;

function opened(onFailure: "continue" | "refuse" = "continue") {
  const store = new FaultyStore(new MemoryStore()), timers = new FakeTimers();
  const events: string[] = [], logged: string[] = [];
  const file = new AuditFile({
    store,
    name: NAME,
    rotateBytes: 1 << 30,
    rotateDaily: false,
    keep: 0,
    hash: HASH,
    nowMs: () => 0,
    onProblem: (event) => events.push(event),
  });
  const writer = new AuditWriter({
    file,
    log: (line) => logged.push(line),
    fsync: true,
    onFailure,
    timers,
    nowMs: () => 0,
    onEvent: (event) => events.push(event),
  });
  const actions = () => {
    const text = new TextDecoder().decode(store.readAll(NAME)!);
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line)).map(
      ({ action, event, lost_changes: lost }) => action ?? (lost ? `${event} ${lost}` : event),
    );
  };
  return { store, timers, events, logged, writer, actions };
}

const change = (action: string) => [body(0, "change", { action })];
const denial = body(0, "denial", {});
const settled = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("a change is in the file, and synced, when its promise is kept; the log has the same line", async () => {
  const { writer, actions, store: own, logged } = opened();
  assertEquals(await writer.change([...change("a"), ...change("b")]), "written");
  assertEquals(actions(), ["a", "b"]);
  assertEquals(own.calls.get("sync"), 1);
  assertEquals(logged.map((line) => JSON.parse(line).action), ["a", "b"]);
  assertEquals(JSON.parse(logged[0]).v, 1);
});

Deno.test("what one turn brings is one batch and one sync; denials alone are not synced", async () => {
  const { writer, store, actions } = opened();
  await Promise.all([writer.change(change("a")), writer.change(change("b"))]);
  assertEquals(store.calls.get("sync"), 1);
  writer.offer(denial);
  await settled();
  assertEquals(actions().length, 3);
  assertEquals(store.calls.get("sync"), 1);
});

Deno.test("in a flood of 100,000 lines that have no room every change is written", async () => {
  const { writer, actions } = opened();
  let refused = 0;
  const changes: Promise<Written>[] = [];
  for (let i = 0; i < 100_000; i++) {
    if (!writer.offer(denial)) refused++;
    if (i % 1000 === 0) changes.push(writer.change(change(`change ${i}`)));
  }
  assert(writer.linesWaiting <= 2100, `${writer.linesWaiting} lines wait`);
  assertEquals(new Set(await Promise.all(changes)), new Set(["written"]));
  await settled();
  const written = actions();
  assertEquals(written.filter((action) => action !== undefined).length, 100);
  assertEquals(written.length, 100 + 100_000 - refused);
});

Deno.test("no more than so many changes are under way: the next waits for a place", async () => {
  const { writer } = opened();
  for (let i = 0; i < MAX_CHANGES; i++) assertEquals(writer.enter(), null);
  const order: number[] = [];
  const waiting = [1, 2].map((i) => writer.enter()!.then(() => order.push(i)));
  await settled();
  assertEquals(order, []);
  writer.leave();
  writer.leave();
  await Promise.all(waiting);
  assertEquals(order, [1, 2]);
  for (let i = 0; i < MAX_CHANGES; i++) writer.leave();
  assertEquals(writer.enter(), null);
});

Deno.test("continue: changes are answered while the file cannot be written, and their lines come later", async () => {
  const { writer, store, events, actions, timers } = opened();
  using _ = store;
  await writer.change(change("a"));
  store.fail(FULL);
  assertEquals(await writer.change(change("b")), "unwritten");
  assertEquals([writer.refusesChanges, writer.failure !== null], [false, true]);
  assertEquals(await writer.change(change("c")), "unwritten");
  assert(!writer.offer(denial), "a denial is counted meanwhile");
  await timers.advance(5000);
  assertEquals(events, ["audit_failed"]); // said once
  store.heal();
  await timers.advance(1000);
  assertEquals(actions(), ["a", "b", "c", "resumed"]);
  assertEquals([events, writer.failure], [["audit_failed", "audit_resumed"], null]);
  assertEquals(await writer.change(change("d")), "written");
  assertEquals(verifyAudit(store, NAME, { hash: HASH }).problem, null);
});

Deno.test("continue: lines that are too many to be kept are counted as lost, and that is written", async () => {
  const { writer, store, actions, timers } = opened();
  using _ = store;
  store.fail(FULL);
  const long = [
    body(0, "change", { action: "x".repeat(250), more: Array(30).fill("y".repeat(250)) }),
  ];
  for (let i = 0; i < 1000; i++) await writer.change(long);
  const { linesLost, linesWaiting } = writer;
  assert(linesLost > 0 && linesWaiting + linesLost === 1000, `${linesLost} ${linesWaiting}`);
  store.heal();
  await timers.advance(1000);
  assertEquals(actions().at(-1), `resumed ${linesLost}`);
  assertEquals(actions().length, linesWaiting + 1);
});

Deno.test("refuse: no change may begin while the file cannot be written; one that had begun waits for its line", async () => {
  const { writer, store, actions, timers } = opened("refuse");
  using _ = store;
  store.fail(FULL);
  let answered: Written | null = null;
  writer.change(change("a")).then((written) => answered = written);
  await settled();
  assertEquals([writer.refusesChanges, answered], [true, null]);
  await timers.advance(3000);
  assertEquals(answered, null);
  store.heal();
  await timers.advance(1000);
  assertEquals([writer.refusesChanges, answered], [false, "written"]);
  assertEquals(actions(), ["a", "resumed"]);
});

Deno.test("refuse: an answer waits so long and then does not leave; its line is written when that can be", async () => {
  const { writer, store, actions, timers } = opened("refuse");
  using _ = store;
  store.fail(FULL);
  let answered: Written | null = null;
  writer.change(change("a")).then((written) => answered = written);
  await timers.advance(ANSWER_WAIT_MS + 1);
  assertEquals(answered, "unwritten");
  store.heal();
  await timers.advance(1000);
  assertEquals(actions(), ["a", "resumed"]);
});

Deno.test("with nothing to write it is found out all the same that the file can be written again", async () => {
  const { writer, store, actions, timers } = opened("refuse");
  using _ = store;
  await writer.change(change("a"));
  store.fail({ on: "sync", pathEndsWith: NAME });
  assertEquals(await writer.change(change("b")), "unwritten"); // there, but maybe not on the device
  assert(writer.refusesChanges);
  await timers.advance(1000);
  assert(!writer.refusesChanges);
  assertEquals(actions(), ["resumed"]); // in another file
  assertEquals(verifyAudit(store, NAME, { hash: HASH }).problem, null);
});

Deno.test("close() writes what waits, also what could not be written before", async () => {
  const { writer, store, actions, timers } = opened();
  using _ = store;
  store.fail(FULL);
  await writer.change(change("a"));
  store.heal();
  await writer.close([body(0, "audit", { event: "stopped" })]);
  assertEquals(actions().slice(0, 2), ["a", "stopped"]);
  await timers.advance(10_000); // nothing is tried any more
});

Deno.test("close() ends where nothing can be written, and says what is lost", async () => {
  const { writer, store, events } = opened("refuse");
  using _ = store;
  store.fail(FULL);
  const answered = writer.change(change("a"));
  await settled();
  await writer.close([body(0, "audit", { event: "stopped" })]);
  assertEquals(await answered, "unwritten");
  assertEquals(events, ["audit_failed", "audit_failed"]);
});

Deno.test("a change that comes behind close() is answered as one that is not written, and counted as lost", async () => {
  const { writer, store, actions } = opened();
  using _ = store;
  await writer.close([body(0, "audit", { event: "stopped" })]);
  const late = Symbol();
  const written = await Promise.race([writer.change(change("a")), settled().then(() => late)]);
  assertEquals([written, writer.linesLost, actions()], ["unwritten", 1, ["stopped"]]);
});
