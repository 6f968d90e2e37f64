/**
 * Proves what the runtime promises to every coordinator, with registers for a machine: nothing is answered before the
 * log keeps it, a refused append changes nothing and is tried again, an append that is lost brings back what the log
 * has, deadlines come by monotonic time, and markers reach the shard, live and in a replay. The log is the
 * simulations', whose disk syncs when told.
 */
import { CountedTurns } from "../testing/counted_turns.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import type { CoordinatorLog } from "./coordinator_log.ts";
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { buildBatch } from "../protocol/records/build.ts";
import { buildEndTxnBatch } from "../protocol/records/control_record.ts";
import * as batch from "../protocol/records/batch.ts";
import {
  newRegister,
  RegisterDesk,
  type RegisterKinds,
  type RegisterPartition,
} from "../testing/registers.ts";

const PRODUCER = { producerId: 7, producerEpoch: 3 };

Deno.test("nothing is answered, or shown, before the log keeps it", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const set = track(desk.set("a", 1)), shown = track(desk.get("a"));
  await turn();
  assertEquals([set.value, shown.value], [undefined, undefined]);
  log.sync();
  await turn();
  assertEquals([set.value?.value, shown.value?.value], [1, 1]);
});

Deno.test("an append that is refused changes nothing, and who asked hears 15", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const waiting = track(desk.wait("a"));
  log.isRefusing = true;
  assertEquals((await desk.set("a", 1)).error, 15);
  assertEquals((await desk.set("b", 1)).error, 15);
  assertEquals([waiting.value, shardOf(desk).get("b")], [undefined, undefined]);
  log.isRefusing = false;
  const again = desk.set("a", 1);
  log.sync();
  await turn();
  assertEquals([(await again).error, waiting.value?.value], [0, 1]);
});

Deno.test("a deadline whose append is refused is tried again", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const set = desk.set("a", 1, 5000);
  log.sync();
  await set;
  log.isRefusing = true;
  await desk.pass(5000);
  assertEquals(shardOf(desk).get("a")?.value, 1);
  log.isRefusing = false;
  await desk.pass(999);
  assertEquals(shardOf(desk).get("a")?.value, 1);
  await desk.pass(1);
  assertEquals(shardOf(desk).get("a"), undefined);
});

Deno.test("submit says whether the log took the event", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const submit = () =>
    desk.runtime.submit(partitionOf(desk), newRegister("a"), { kind: "set", ticket: 0, value: 1 });
  log.isRefusing = true;
  assertEquals(submit(), 56);
  log.isRefusing = false;
  assertEquals([submit(), shardOf(desk).get("a")?.value], [0, 1]);
});

Deno.test("what the disk refuses after all is answered 16, and the state is the log's again", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const kept = desk.set("a", 1);
  log.sync();
  await kept;
  const lost = desk.set("a", 2), waiting = desk.wait("a");
  log.failWrites();
  assertEquals([(await lost).error, (await waiting).error], [16, 16]);
  await turn();
  assertEquals((await desk.get("a")).value, 1);
  assertEquals(desk.events.map(([event]) => event), ["log_write_failed"]);
});

Deno.test("giving a partition up answers whoever waits, and it is loaded anew when it comes back", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const set = desk.set("a", 1);
  log.sync();
  await set;
  const waiting = desk.wait("a");
  desk.runtime.unload(0);
  assertEquals([(await waiting).error, (await desk.get("a")).error], [16, 16]);
  await desk.runtime.loadAll();
  assertEquals((await desk.get("a")).value, 1);
});

Deno.test("who comes with a partition that has gone meanwhile is sent away, whatever was asked", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const gone = partitionOf(desk), register = newRegister("a");
  desk.runtime.unload(0);
  await desk.runtime.loadAll();
  const ask = (event: (ticket: number) => RegisterKinds["Event"]) =>
    desk.runtime.ask(gone, register, event);
  assertEquals((await ask((ticket) => ({ kind: "wait", ticket }))).error, 16);
  assertEquals((await ask((ticket) => ({ kind: "get", ticket }))).error, 16);
  assertEquals((await ask((ticket) => ({ kind: "set", ticket, value: 1 }))).error, 16);
  assertEquals([gone.write(register, [{ kind: "value", value: 1 }], 0), log.logEndOffset], [6, 0]);
});

Deno.test("a partition that is taken up under a new epoch shows what is on its way only once it is kept", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const set = track(desk.set("a", 1));
  await desk.runtime.load(0, { log, leaderEpoch: 1 });
  const shown = track(desk.get("a"));
  await turn();
  assertEquals(shown.value, undefined);
  log.sync();
  await turn();
  assertEquals([set.value?.value, shown.value?.value], [1, 1]);
});

Deno.test("a partition that is given up and taken up again shows what is on its way only once it is kept", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  desk.set("a", 1);
  desk.runtime.unload(0);
  await desk.runtime.loadAll();
  const shown = track(desk.get("a"));
  await turn();
  assertEquals(shown.value, undefined);
  log.sync();
  await turn();
  assertEquals(shown.value?.value, 1);
});

Deno.test("what was on its way when a partition was taken up anew, and is lost, is not the state", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const kept = desk.set("a", 1);
  log.sync();
  await kept;
  for (const leaderEpoch of [1, 2]) {
    desk.set("a", 2);
    if (leaderEpoch === 2) desk.runtime.unload(0);
    await desk.runtime.load(0, { log, leaderEpoch });
    const shown = desk.get("a");
    log.failWrites();
    assertEquals((await shown).error, 16);
    await turn();
    assertEquals((await desk.get("a")).value, 1);
  }
});

Deno.test("what was on its way before an append that was lost is shown only once it is kept", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  desk.set("a", 1);
  const lost = desk.set("a", 2);
  log.failLast();
  assertEquals((await lost).error, 16);
  await turn();
  const shown = track(desk.get("a"));
  await turn();
  assertEquals(shown.value, undefined);
  log.sync();
  await turn();
  assertEquals(shown.value?.value, 1);
});

Deno.test("a load that fails is tried again, and until then the partition is failed", async () => {
  const log = new SimulatedLog(), broken = new SimulatedLog();
  for (const [into, value] of [[log, "1"], [broken, "x"]] as const) append(into, "a", value);
  const desk = await RegisterDesk.loaded(broken);
  assertEquals((await desk.get("a")).error, 16);
  assertEquals(
    desk.runtime.failureOf("a"),
    "Partition registers-0 cannot be loaded: " +
      "The record at offset 0 cannot be understood: a is no number",
  );
  desk.led = () => ({ log, leaderEpoch: 0 });
  await desk.pass(1000);
  assertEquals([(await desk.get("a")).value, desk.runtime.failureOf("a")], [1, null]);
  assertEquals(desk.events.map(([event]) => event), ["load_failed", "load_healed"]);
});

Deno.test("a topic that cannot be made leaves the coordinator unavailable, until it can", async () => {
  const log = new SimulatedLog();
  let partitionCount = 0, isFull = true;
  const desk = new RegisterDesk(log, {
    topic: {
      name: "registers",
      get partitionCount() {
        return partitionCount;
      },
      create: () => {
        if (isFull) return Promise.reject(new Error("no space"));
        partitionCount = 1;
        return Promise.resolve();
      },
      led: () => ({ log, leaderEpoch: 0 }),
    },
  });
  await desk.runtime.ensureTopic();
  assertEquals([(await desk.get("a")).error, desk.events.map(([event]) => event)], [15, [
    "topic_failed",
  ]]);
  isFull = false;
  await desk.runtime.ensureTopic();
  assertEquals((await desk.get("a")).error, 0);
});

Deno.test("deadlines come by monotonic time, however the wall clock leaps", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  desk.set("a", 1, 5000);
  desk.set("b", 1, 3000);
  assertEquals(desk.timers.length, 1, "one timer for all of them");
  desk.clock.stepWall(1e9);
  await desk.pass(2999);
  assertEquals([...shardOf(desk).registers.keys()], ["a", "b"]);
  desk.clock.stepWall(-2e9);
  await desk.pass(1);
  assertEquals([...shardOf(desk).registers.keys()], ["a"]);
  await desk.pass(2000);
  assertEquals([...shardOf(desk).registers.keys()], []);
});

Deno.test("a deadline that has moved is waited for, and one of a forgotten entity is nothing", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  desk.set("a", 1, 3000);
  await desk.pass(1000);
  desk.set("a", 2, 5000);
  await desk.pass(2000);
  assertEquals(shardOf(desk).get("a")?.value, 2);
  desk.runtime.unload(0);
  await desk.runtime.loadAll();
  await desk.pass(60_000);
  assertEquals(shardOf(desk).get("a")?.value, 2, "deadlines live in memory only");
});

Deno.test("facts are told once they are kept, and never of a partition that has gone", async () => {
  const log = new SimulatedLog(), taken: number[] = [], kept: number[] = [];
  const valueOf = ({ facts }: { facts: readonly RegisterKinds["Fact"][] }) =>
    facts.flatMap((fact) => fact.kind === "value" ? [fact.value ?? -1] : []);
  const desk = await RegisterDesk.loaded(log, {
    onTaken: (happening) => taken.push(...valueOf(happening)),
    onKept: (happening) => kept.push(...valueOf(happening)),
  });
  desk.set("a", 1);
  await turn();
  assertEquals([taken, kept], [[1], []]);
  log.sync();
  await turn();
  assertEquals(kept, [1]);
  desk.set("a", 2);
  desk.runtime.unload(0);
  log.sync();
  await turn();
  assertEquals([taken, kept], [[1, 2], [1]]);
});

Deno.test("work that is begun when facts are kept, and throws, is told and stops nobody", async () => {
  const log = new SimulatedLog();
  const onKept = () => {
    throw new Error("no");
  };
  const desk = await RegisterDesk.loaded(log, { onKept });
  const set = desk.set("a", 1);
  log.sync();
  assertEquals((await set).value, 1);
  await turn();
  assertEquals(desk.events.map(([event]) => event), ["work_failed"]);
});

Deno.test("of a topic that was made anew nothing old is shown, also while its log is still being opened", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  const set = desk.set("a", 1);
  log.sync();
  await set;
  const topicId = "AAAAAAAAAAAAAAAAAAAAAA" as Uuid, fresh = new SimulatedLog();
  const { promise, resolve } = Promise.withResolvers<CoordinatorLog>();
  desk.led = () => ({ log: () => promise, leaderEpoch: 0, topicId });
  await desk.runtime.loadAll();
  assertEquals((await desk.get("a")).error, 14);
  resolve(fresh);
  await turn();
  assertEquals((await desk.get("a")).value, null);
});

Deno.test("a partition becomes active once, when all of its log is there", async () => {
  const log = new SimulatedLog(), seen: number[] = [];
  append(log, "a", "1");
  append(log, "a", "2");
  const onActive = ({ shard }: RegisterPartition) => seen.push(shard.get("a")!.value!);
  const desk = await RegisterDesk.loaded(log, { onActive });
  await desk.runtime.loadAll();
  assertEquals(seen, [2]);
});

Deno.test("what a producer writes in a transaction counts from its marker on, live and in a replay", async () => {
  for (const isCommit of [true, false]) {
    const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
    const partition = partitionOf(desk);
    partition.write(newRegister("a"), [{ kind: "value", value: 1 }], 0);
    assertEquals(write(partition, "a", 2), 0);
    assertEquals(write(partition, "b", 2), 0);
    const expected = isCommit ? [2, 2] : [1, undefined];
    const both = (shard = shardOf(desk)) => ["a", "b"].map((id) => shard.get(id)?.value);
    assertEquals(both(), [1, undefined]);
    assertEquals(both(shardOf(await RegisterDesk.loaded(log))), [1, undefined]);
    mark(desk, log, isCommit);
    assertEquals(both(), expected);
    assertEquals(both(shardOf(await RegisterDesk.loaded(log))), expected);
  }
});

Deno.test("a transactional batch bears its producer, as Kafka's coordinators write it", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  write(partitionOf(desk), "a", 2);
  const bytes = log.read(0)!;
  assertEquals(
    [batch.producerId(bytes), batch.producerEpoch(bytes), batch.baseSequence(bytes)],
    [7, 3, 0],
  );
  assert(batch.isTransactional(bytes));
});

Deno.test("a transactional append that is refused holds nothing", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  log.isRefusing = true;
  assertEquals([write(partitionOf(desk), "a", 2), shardOf(desk).held], [56, []]);
});

Deno.test("what a marker made true is shown once the marker is kept", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  write(partitionOf(desk), "a", 2);
  log.sync();
  await turn();
  mark(desk, log, true);
  const shown = track(desk.get("a"));
  await turn();
  assertEquals(shown.value, undefined);
  log.sync();
  await turn();
  assertEquals(shown.value?.value, 2);
});

Deno.test("a marker that is lost after all takes back what it made true", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  write(partitionOf(desk), "a", 2);
  log.sync();
  await turn();
  mark(desk, log, true);
  log.failWrites();
  await turn();
  assertEquals([(await desk.get("a")).value, shardOf(desk).held.length], [null, 1]);
});

Deno.test("a marker that comes while the log is read counts once", async () => {
  const log = new OneByOneLog();
  const before = await RegisterDesk.loaded(log);
  write(partitionOf(before), "a", 2);
  write(partitionOf(before), "b", 3);
  const desk = new RegisterDesk(log), loading = desk.runtime.loadAll();
  await turn();
  assertEquals(desk.runtime.partitions.count("loading"), 1);
  mark(desk, log, true);
  await loading;
  log.sync();
  assertEquals([(await desk.get("a")).value, (await desk.get("b")).value], [2, 3]);
  desk.runtime.marker(5, { ...PRODUCER, isCommit: true, durable: Promise.resolve() }); // led elsewhere
});

Deno.test("so does one that comes at any time while a partition becomes active", async () => {
  for (let turns = 0; turns < 30; turns++) {
    const log = new SimulatedLog(), before = await RegisterDesk.loaded(log);
    write(partitionOf(before), "a", 2);
    const desk = new RegisterDesk(log), loading = desk.runtime.loadAll();
    for (let i = 0; i < turns; i++) await null;
    mark(desk, log, true);
    await loading;
    log.sync();
    assertEquals((await desk.get("a")).value, 2, `${turns} turns after the load began`);
  }
});

Deno.test("who asks what cannot be written down waits for nothing", async () => {
  const desk = await RegisterDesk.loaded(new SimulatedLog()),
    { shard, waiting } = partitionOf(desk);
  shard.encode = () => {
    throw new Error("it cannot be written down");
  };
  await assertRejects(() => desk.set("a", 1), Error, "cannot be written down");
  assertEquals(waiting.size, 0);
});

Deno.test("a sweep writes what is decided on every entity, in as many batches as it needs", async () => {
  const log = new SimulatedLog(), desk = await RegisterDesk.loaded(log);
  for (const id of ["a", "b"]) desk.set(id, 1);
  const many = Array.from({ length: 2500 }, (_, value) => ({ kind: "value", value }) as const);
  const done: number[] = [];
  await desk.runtime.sweep(({ id }) => id === "a" ? many : [], (facts) => done.push(facts.length));
  assertEquals([done, log.logEndOffset], [[2500], 2502]);
  assertEquals([...shardOf(desk).registers.values()].map(({ value }) => value), [2499, 1]);
  await desk.runtime.sweep(() => [{ kind: "value", value: null }]);
  assertEquals(shardOf(desk).registers.size, 0);
});

Deno.test("a sweep gives others turns, and looks at nothing that went or came to be anew in them", async () => {
  const turn = new CountedTurns(1), log = new SimulatedLog();
  const desk = await RegisterDesk.loaded(log, { turn });
  for (const id of ["a", "b", "c", "d"]) desk.set(id, 1);
  const looked: string[] = [];
  turn.between = () => {
    const { registers } = shardOf(desk);
    if (turn.turns === 2) registers.delete("b");
    if (turn.turns === 3) registers.set("c", newRegister("c"));
  };
  await desk.runtime.sweep(({ id, value }) => {
    looked.push(`${id} ${value}`);
    return [];
  });
  assertEquals([looked, turn.turns], [["a 1", "d 1"], 4]);
  turn.between = () => desk.runtime.unload(0);
  looked.length = 0;
  await desk.runtime.sweep(({ id }) => (looked.push(id), []));
  assertEquals(looked, []);
});

Deno.test("work at intervals goes on until the coordinator stops", async () => {
  const desk = await RegisterDesk.loaded(new SimulatedLog());
  let count = 0;
  desk.runtime.every(1000, () => count++);
  await desk.pass(1000);
  await desk.pass(1000);
  assertEquals(count, 2);
  desk.runtime.stop();
  await desk.pass(1000);
  assertEquals([count, desk.timers.length, (await desk.get("a")).error], [2, 0, 15]);
});

/** Gives one batch at a read, so that loading takes its time. */
class OneByOneLog extends SimulatedLog {
  override read(from: number): Uint8Array | null {
    const whole = super.read(from);
    return whole && whole.subarray(0, batch.sizeInBytes(whole));
  }
}

function append(log: SimulatedLog, id: string, value: string): void {
  const [key, bytes] = [id, value].map((text) => new TextEncoder().encode(text));
  const records = [{ timestampMs: 0, key, value: bytes }];
  log.append(buildBatch({ records }), { origin: "coordinator", leaderEpoch: 0 });
}

function write(partition: RegisterPartition, id: string, value: number): number {
  return partition.writeInTransaction(id, [{ kind: "value", value }], {
    producer: PRODUCER,
    wallMs: 0,
  });
}

function mark(desk: RegisterDesk, log: SimulatedLog, isCommit: boolean): void {
  const bytes = buildEndTxnBatch({ isCommit, coordinatorEpoch: 0, timestampMs: 0, ...PRODUCER });
  const { durable } = log.append(bytes, { origin: "coordinator", leaderEpoch: 0 });
  desk.runtime.marker(0, { producerId: PRODUCER.producerId, isCommit, durable });
}

function partitionOf({ runtime }: RegisterDesk): RegisterPartition {
  return runtime.partitions.get(0)!;
}

function shardOf(desk: RegisterDesk) {
  return partitionOf(desk).shard;
}

function track<T>(promise: Promise<T>): { value: T | undefined } {
  const tracked: { value: T | undefined } = { value: undefined };
  promise.then((value) => tracked.value = value);
  return tracked;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await null;
}
