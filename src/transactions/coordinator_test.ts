/**
 * Proves what the coordinator promises around its machine, over a log whose disk syncs when told: answers and markers wait
 * for what they follow from, a decision is carried out whatever becomes of the process, the log or a partition, and time
 * ends what was left open.
 */
import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { TransactionDesk } from "../testing/transactions.ts";
import type { TransactionPartition } from "./coordinator.ts";

const { CONCURRENT_TRANSACTIONS, KAFKA_STORAGE_ERROR, NONE, PRODUCER_FENCED } = ErrorCode;

Deno.test("a decision is answered when it is kept, and not before; its markers leave no sooner", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1]);
  desk.markers.isHeld = true;
  const ended = track(desk.end("id", as, true));
  await turn();
  assertEquals([ended.value, desk.markers.written], [undefined, []]);
  desk.log.sync();
  await turn();
  assertEquals(ended.value?.errorCode, NONE, "answered though no marker is written");
  assertEquals(desk.markers.written, ["commit t-0 1000/1 c0 v2", "commit t-1 1000/1 c0 v2"]);
  assertEquals(desk.stateOf("id"), "PrepareCommit");
  desk.markers.release();
  await desk.settle();
  assertEquals(desk.stateOf("id"), "CompleteCommit");
});

Deno.test("that an earlier record is kept sends no markers of a decision that is still on its way", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  const added = desk.coordinator.addPartitions("id", {
    ...as,
    partitions: [{ topic: "t", partition: 1 }],
    clientVersion: 2,
  });
  await turn();
  const ended = track(desk.end("id", as, true));
  await turn();
  desk.log.sync(1);
  assertEquals(await added, NONE);
  await turn();
  assertEquals([ended.value, desk.markers.written], [undefined, []]);
  desk.log.failWrites();
  await turn();
  assertEquals([desk.stateOf("id"), desk.markers.written], ["Ongoing", []]);
});

Deno.test("nor does what was found in the log, when a decision follows it before that is kept", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  const added = track(desk.coordinator.addPartitions("id", {
    ...as,
    partitions: [{ topic: "t", partition: 1 }],
    clientVersion: 2,
  }));
  await turn();
  desk.leaderEpoch++; // loaded anew, with the record still on its way
  await desk.coordinator.loadAll();
  const ended = track(desk.end("id", as, true));
  await turn();
  desk.log.sync(1);
  await turn();
  assertEquals([added.value, ended.value, desk.markers.written], [NONE, undefined, []]);
  await desk.settle();
  assertEquals(desk.markers.written.length, 2);
});

Deno.test("one marker that is kept sends no other again", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1, 2]);
  await desk.after(desk.end("id", as, false));
  assertEquals(desk.markers.written.length, 3);
});

Deno.test("markers of clients that keep their epoch have it, and their version", async () => {
  const desk = await TransactionDesk.loaded();
  desk.version = 1;
  const as = await desk.open("id");
  await desk.after(desk.end("id", as, true));
  assertEquals(desk.markers.written, ["commit t-0 1000/0 c0 v0"]);
});

Deno.test("a decision that the log takes back was none: who asked looks for the coordinator, no marker is sent", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  const ended = desk.end("id", as, true);
  desk.log.failWrites();
  assertEquals((await ended).errorCode, ErrorCode.NOT_COORDINATOR);
  await desk.settle();
  assertEquals([desk.stateOf("id"), desk.markers.written], ["Ongoing", []]);
  assertEquals((await desk.after(desk.end("id", as, true))).errorCode, NONE);
});

Deno.test("a refused append burns no epoch and no decision", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.log.isRefusing = true;
  assertEquals((await desk.end("id", as, true)).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  assertEquals((await desk.init("id")).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  assertEquals((await desk.init("new")).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  desk.log.isRefusing = false;
  assertEquals(desk.stateOf("new"), "");
  assertEquals((await desk.after(desk.end("id", as, true))).producerEpoch, 1);
});

Deno.test("completing is tried again where the log refuses it", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.markers.isHeld = true;
  await desk.after(desk.end("id", as, true));
  desk.log.isRefusing = true;
  desk.markers.release();
  await turn();
  assertEquals(desk.stateOf("id"), "PrepareCommit");
  desk.log.isRefusing = false;
  await desk.pass(1000);
  assertEquals(desk.stateOf("id"), "CompleteCommit");
  assertEquals(desk.markers.written.length, 1);
});

Deno.test("after a crash every prepared transaction completes, with the coordinator's new epoch", async () => {
  for (const isCommit of [true, false]) {
    const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1]);
    desk.markers.codes.set("t-1", KAFKA_STORAGE_ERROR);
    await desk.after(desk.end("id", as, isCommit));
    assertEquals(desk.markers.written.length, 1);
    desk.markers.codes.clear();
    await desk.restart();
    assertEquals(desk.stateOf("id"), isCommit ? "CompleteCommit" : "CompleteAbort");
    const what = isCommit ? "commit" : "abort";
    assertEquals(desk.markers.written.slice(1), [
      `${what} t-0 1000/1 c1 v2`,
      `${what} t-1 1000/1 c1 v2`,
    ]);
  }
});

Deno.test("a crash at any record leaves what was answered, and ends all that was decided", async () => {
  // Every number of syncs after which the power may fail.
  for (let syncs = 0; syncs < 8; syncs++) {
    const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1]);
    const ended = track(desk.end("id", as, true));
    for (let i = 0; i < syncs; i++) {
      await turn();
      desk.log.sync();
    }
    await turn();
    const wasAnswered = ended.value?.errorCode === NONE;
    await desk.restart();
    await desk.pass(60_000);
    await desk.pass(10_000);
    const state = desk.stateOf("id");
    assert(state === "CompleteCommit" || !wasAnswered && state === "CompleteAbort", state);
  }
});

Deno.test("KAFKA-20734: a partition that is offline, or has no leader, is not taken for deleted", async () => {
  for (const code of [KAFKA_STORAGE_ERROR, 6, 3, 5]) {
    const desk = await TransactionDesk.loaded(SELDOM), as = await desk.open("id", [0, 1]);
    desk.markers.codes.set("t-1", code);
    assertEquals((await desk.after(desk.end("id", as, true))).errorCode, NONE);
    await desk.pass(3_600_000);
    assertEquals(desk.stateOf("id"), "PrepareCommit", `the partition answered ${code} for an hour`);
    assertEquals(desk.coordinator.delayedMarkers, 1);
    assertEquals(desk.events.filter(([event]) => event === "marker_delayed").length, 1);
    desk.markers.codes.clear();
    desk.coordinator.online({ topic: "t", partition: 1 });
    await desk.settle();
    assertEquals(desk.stateOf("id"), "CompleteCommit");
    assertEquals(desk.coordinator.delayedMarkers, 0);
  }
});

Deno.test("a marker that waits is tried again by itself, ever more seldom", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.markers.codes.set("t-0", KAFKA_STORAGE_ERROR);
  await desk.after(desk.end("id", as, true));
  await desk.pass(100_000);
  desk.markers.codes.clear();
  await desk.pass(60_000);
  assertEquals(desk.stateOf("id"), "CompleteCommit");
});

Deno.test("markers for a deleted topic are skipped", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1]);
  for (const partition of ["t-0", "t-1"]) desk.markers.codes.set(partition, KAFKA_STORAGE_ERROR);
  await desk.after(desk.end("id", as, false));
  for (const partition of ["t-0", "t-1"]) desk.markers.codes.set(partition, 3);
  desk.unknown.add("t");
  desk.coordinator.deleted();
  await desk.settle();
  assertEquals(desk.stateOf("id"), "CompleteAbort");
  assertEquals(desk.markers.written, []);
});

Deno.test("where somebody else has ended a transaction under a newer epoch (47) it completes, though not at once", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0, 1]);
  desk.markers.codes.set("t-1", ErrorCode.INVALID_PRODUCER_EPOCH);
  await desk.after(desk.end("id", as, false));
  await desk.pass(3000);
  assertEquals(desk.stateOf("id"), "PrepareAbort");
  await desk.pass(4000);
  assertEquals([desk.stateOf("id"), desk.coordinator.delayedMarkers], ["CompleteAbort", 0]);
});

Deno.test("where a newer coordinator has written (52) it does not", async () => {
  const desk = await TransactionDesk.loaded(SELDOM), as = await desk.open("id");
  desk.markers.codes.set("t-0", ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  await desk.after(desk.end("id", as, false));
  await desk.pass(600_000);
  assertEquals(desk.stateOf("id"), "PrepareAbort");
});

Deno.test("KAFKA-19999: markers that were written before the coordinator crashed are written again, and it completes", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.markers.isHeld = true; // written, but the answer is lost
  await desk.after(desk.end("id", as, true));
  desk.markers.isHeld = false;
  await desk.restart();
  assertEquals(desk.markers.written, ["commit t-0 1000/1 c0 v2", "commit t-0 1000/1 c1 v2"]);
  assertEquals(desk.stateOf("id"), "CompleteCommit");
  desk.markers.release();
  await desk.settle();
  assertEquals(desk.stateOf("id"), "CompleteCommit", "an answer to the one before says nothing");
});

Deno.test("an open transaction is aborted when it is too old, and its producer is fenced", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id", [0], 30_000);
  await desk.pass(30_000);
  assertEquals(desk.stateOf("id"), "Ongoing");
  await desk.pass(10_000);
  assertEquals(desk.stateOf("id"), "CompleteAbort");
  assertEquals(desk.markers.written, ["abort t-0 1000/1 c0 v2"]);
  assertEquals(await desk.add("id", as), PRODUCER_FENCED);
  assertEquals(desk.coordinator.metrics.timedOut, 1);
});

Deno.test("one whose id is of another partition by now, because there are more, is aborted all the same", async () => {
  const desk = await TransactionDesk.loaded();
  await desk.open("id", [0], 5000);
  desk.partitionCount = 50; // of a directory whose topic was made larger
  await desk.pass(10_000);
  assertEquals(desk.markers.written, ["abort t-0 1000/1 c0 v2"]);
});

Deno.test("one that was open at a crash is aborted by its timeout, counted from its beginning", async () => {
  const desk = await TransactionDesk.loaded();
  await desk.open("id", [0], 30_000);
  await desk.pass(25_000);
  await desk.restart();
  assertEquals(desk.stateOf("id"), "Ongoing");
  await desk.pass(10_000);
  assertEquals(desk.stateOf("id"), "CompleteAbort");
});

Deno.test("a clock that is set forward aborts nobody", async () => {
  const desk = await TransactionDesk.loaded();
  await desk.open("id", [0], 30_000);
  desk.clock.stepWall(86_400_000);
  await desk.pass(20_000);
  assertEquals(desk.stateOf("id"), "Ongoing");
});

Deno.test("a timeout at the last epoch gets a fresh id", async () => {
  const desk = await TransactionDesk.loaded();
  await desk.open("id", [0], 10_000);
  const partition = desk.coordinator.place("id") as TransactionPartition;
  const transaction = partition.shard.get("id")!;
  transaction.value = { ...transaction.value, producerEpoch: 32_766 };
  await desk.pass(20_000);
  assertEquals(desk.markers.written, ["abort t-0 1000/32767 c0 v2"]);
  assertEquals(transaction.value.producerId, 1001);
});

Deno.test("ids expire with a tombstone when nothing became of them; open ones do not", async () => {
  const desk = await TransactionDesk.loaded({ idExpirationMs: 3_600_000 });
  await desk.init("idle");
  await desk.open("open", [0], 900_000);
  desk.markers.codes.set("t-0", KAFKA_STORAGE_ERROR);
  await desk.pass(3_600_000);
  assertEquals([desk.stateOf("idle"), desk.stateOf("open")], ["", "PrepareAbort"]);
  assertEquals(desk.coordinator.metrics.expiredIds, 1);
  await desk.restart();
  assertEquals([desk.stateOf("idle"), desk.stateOf("open")], ["", "PrepareAbort"]);
});

Deno.test("more ids than max_ids are refused, known ones are served", async () => {
  const desk = await TransactionDesk.loaded({ maxIds: 2 });
  await desk.init("a");
  await desk.init("b");
  assertEquals((await desk.init("c")).errorCode, ErrorCode.POLICY_VIOLATION);
  assertEquals((await desk.init("a")).errorCode, NONE);
});

Deno.test("ids that are longer than ids are count for several, before and after a restart", async () => {
  const desk = await TransactionDesk.loaded({ maxIds: 3 }); // room for 3 × 256 characters
  const codeOf = async (id: string) => (await desk.init(id)).errorCode;
  assertEquals(await codeOf("a".repeat(700)), NONE);
  assertEquals(await codeOf("b".repeat(100)), ErrorCode.POLICY_VIOLATION);
  await desk.restart();
  assertEquals(await codeOf("b".repeat(100)), ErrorCode.POLICY_VIOLATION);
  assertEquals([await codeOf("b"), await codeOf("a".repeat(700))], [NONE, NONE]);
  await desk.pass(604_800_000 + 3_600_000);
  assertEquals([await codeOf("c".repeat(700)), desk.stateOf("b")], [NONE, ""]);
});

Deno.test("without a producer id to be had a new id is told to ask again (14)", async () => {
  const desk = await TransactionDesk.loaded();
  desk.nextProducerId = null;
  assertEquals((await desk.init("id")).errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  desk.nextProducerId = 7;
  assertEquals((await desk.init("id")).producerId, 7);
});

Deno.test("two instances that come at once for a new id get epochs one after the other", async () => {
  const desk = await TransactionDesk.loaded();
  const [a, b] = await Promise.all([desk.init("id"), desk.init("id")]);
  assertEquals([a.producerId, b.producerId], [1000, 1000]);
  assertEquals([a.producerEpoch, b.producerEpoch].sort(), [0, 1]);
});

Deno.test("requests are refused by what they say: an empty id 42, no topic yet 16, a timeout out of bounds 50", async () => {
  const desk = await TransactionDesk.loaded();
  assertEquals((await desk.init("")).errorCode, ErrorCode.INVALID_REQUEST);
  for (const timeoutMs of [0, -1, 900_001]) {
    assertEquals(
      (await desk.init("id", timeoutMs)).errorCode,
      ErrorCode.INVALID_TRANSACTION_TIMEOUT,
    );
  }
  assertEquals((await desk.init("id", 900_000)).errorCode, NONE);
  desk.partitionCount = 0;
  assertEquals((await desk.init("id")).errorCode, ErrorCode.NOT_COORDINATOR);
  await desk.coordinator.runtime.ensureTopic();
  assertEquals((await desk.init("id")).errorCode, NONE);
});

Deno.test("an id that the log has no room for, having grown as it was read, is 42 and leaves nothing", async () => {
  const desk = await TransactionDesk.loaded({ maxIds: 100 });
  assertEquals((await desk.init("\ufffd".repeat(10_923))).errorCode, ErrorCode.INVALID_REQUEST);
  assertEquals((await desk.init("\ufffd".repeat(10_922))).errorCode, NONE);
});

Deno.test("the gate adds a partition durably, and says of one to be verified whether it is there", async () => {
  const desk = await TransactionDesk.loaded();
  const { producerId, producerEpoch } = await desk.init("id");
  const claim = { transactionalId: "id", producerId, producerEpoch, topic: "t", partition: 0 };
  const added = track(desk.gate.admit({ ...claim, mode: "add" }));
  await turn();
  assertEquals(added.value, undefined);
  await desk.settle();
  assertEquals(added.value, NONE);
  assertEquals(await desk.gate.admit({ ...claim, mode: "verify" }), NONE);
  assertEquals(
    await desk.gate.admit({ ...claim, partition: 1, mode: "verify" }),
    ErrorCode.TRANSACTION_ABORTABLE,
  );
  assertEquals(
    await desk.gate.admit({ ...claim, producerEpoch: 9, mode: "verify" }),
    PRODUCER_FENCED,
  );
});

Deno.test("the gate adds what comes at once in one record, and answers all of it alike", async () => {
  const desk = await TransactionDesk.loaded(), { gate } = desk;
  const { producerId, producerEpoch } = await desk.init("id");
  const claim = {
    transactionalId: "id",
    producerId,
    producerEpoch,
    topic: "t",
    mode: "add",
  } as const;
  const before = desk.log.logEndOffset;
  const added = [0, 1, 2, 3, 4].map((partition) => gate.admit({ ...claim, partition }));
  const stale = gate.admit({ ...claim, partition: 5, producerEpoch: producerEpoch + 9 });
  assertEquals(await desk.after(Promise.all(added)), [NONE, NONE, NONE, NONE, NONE]);
  assertEquals(await stale, PRODUCER_FENCED);
  assertEquals(desk.log.logEndOffset, before + 1);
  for (const partition of [0, 4]) {
    assertEquals(await gate.admit({ ...claim, partition, mode: "verify" }), NONE);
  }
  const later = await desk.after(gate.admit({ ...claim, partition: 5 }));
  assertEquals([later, desk.log.logEndOffset], [NONE, before + 2]);
});

Deno.test("the next transaction's first batch waits while the one before is ended, and goes on when that is complete", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.markers.isHeld = true;
  const { producerId, producerEpoch } = await desk.after(desk.end("id", as, true));
  const claim = { transactionalId: "id", producerId, producerEpoch, topic: "t", partition: 0 };
  const added = track(desk.gate.admit({ ...claim, mode: "add" }));
  await desk.pass(50);
  assertEquals(added.value, undefined);
  desk.markers.release();
  await desk.settle(); // no time passes
  assertEquals([added.value, desk.stateOf("id")], [NONE, "Ongoing"]);
});

Deno.test("it waits no longer than add.partitions.to.txn.retry.backoff.max.ms, and is told 51 then", async () => {
  const desk = await TransactionDesk.loaded(), as = await desk.open("id");
  desk.markers.isHeld = true;
  const { producerId, producerEpoch } = await desk.after(desk.end("id", as, true));
  const claim = { transactionalId: "id", producerId, producerEpoch, topic: "t", partition: 0 };
  const added = track(desk.gate.admit({ ...claim, mode: "add" }));
  await turn(); // from then on it waits
  for (let i = 0; i < 4; i++) await desk.pass(20);
  assertEquals(added.value, undefined);
  await desk.pass(20);
  assertEquals(added.value, CONCURRENT_TRANSACTIONS);
});

Deno.test("many transactions that time out at once are aborted over several turns, each once", async () => {
  const desk = await TransactionDesk.loaded({ ...SELDOM, maxIds: 500 });
  const ids = Array.from({ length: 300 }, (_, i) => `id${i}`);
  const opened = ids.map(async (id) => {
    const asked = { transactionalId: id, timeoutMs: 1000, expected: null };
    const { producerId, producerEpoch } = await desk.coordinator.initProducerId({
      ...asked,
    });
    await desk.coordinator.addPartitions(id, {
      ...{ producerId, producerEpoch, clientVersion: 2 },
      partitions: [{ topic: "t", partition: 0 }],
    });
  });
  await desk.after(Promise.all(opened));
  desk.clock.advance(2000);
  desk.coordinator.abortTimedOut();
  for (let i = 0; i < 100; i++) await null;
  const aborting = () => ids.filter((id) => desk.stateOf(id) !== "Ongoing").length;
  assert(aborting() > 0 && aborting() <= 100, `${aborting()} of 300 in the first turn`);
  desk.coordinator.abortTimedOut(); // while the last look is under way
  for (let i = 0; i < 20; i++) await desk.pass(0);
  assertEquals([aborting(), desk.coordinator.metrics.timedOut], [300, 300]);
});

/** For tests in which much time passes. */
const SELDOM = { abortTimedOutIntervalMs: 3_600_000 };

/** What a promise has come to. */
function track<T>(promise: Promise<T>): { value?: T } {
  const tracked: { value?: T } = {};
  promise.then((value) => tracked.value = value, () => {});
  return tracked;
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve));
}
