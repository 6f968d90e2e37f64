/**
 * Proves what becomes of transactions that a start finds open: those that the coordinator knows go on or are ended by it, those
 * that a power loss left without its word are aborted, and of those of a producer that it does not have nothing is touched.
 * Logs and coordinator are the real ones; a start reads both anew.
 */
import { assertEquals } from "@std/assert";
import { buildBatch } from "../protocol/records/build.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import type { ProducerState } from "../storage/producers/producer_state.ts";
import { PartitionsFixture } from "../testing/partitions.ts";
import { TransactionDesk } from "../testing/transactions.ts";
import type { Credentials } from "../transactions/transaction_events.ts";
import { LocalMarkers } from "./local_markers.ts";
import { OrphanedTransactions, type OrphanedTransactionsOptions } from "./orphaned_transactions.ts";

async function start() {
  const fixture = await PartitionsFixture.start(), desk = await TransactionDesk.loaded();
  await fixture.create("t", 3);
  const markers = new LocalMarkers({
    ...fixture.lookup,
    clock: fixture.clock,
    listener: { onMarker: () => {} },
  });
  const ended: Record<string, unknown>[] = [];
  const logs = (): PartitionLog[] => [0, 1, 2].map((partition) => fixture.log("t", partition));
  const orphans = (
    meanwhile = () => {},
    looked: OrphanedTransactionsOptions["logs"] = logs,
  ) =>
    new OrphanedTransactions({
      logs: looked,
      coordinator: desk.coordinator,
      markers,
      turn: { isLong: true, next: () => Promise.resolve(meanwhile()) },
      onEnded: (details) => ended.push(details),
    });
  /** Records of a transaction, wherever the coordinator has it. */
  const write = (as: Credentials, partition = 0) => {
    const records = [{ timestampMs: 0, value: new Uint8Array(1) }];
    const bytes = buildBatch({ records, ...as, baseSequence: 0, isTransactional: true });
    const log = fixture.log("t", partition), { leaderEpoch } = log;
    assertEquals(log.append(bytes, { origin: "client", leaderEpoch }).errorCode, 0);
  };
  /** Both sides are read anew, by a start after a power loss. */
  const restart = async () => {
    for (const { topic, partition } of logs()) {
      await fixture.reopen(topic, partition);
      fixture.log(topic, partition).producers; // as whoever reads what is committed has them
    }
    await desk.restart();
  };
  const open = () => logs().map(({ producers }) => producers.firstUndecidedOffset);
  const unadmitted = () => logs().flatMap(({ producers }) => [...producers.unadmitted()]);
  return { fixture, desk, orphans, ended, write, restart, open, unadmitted };
}

Deno.test("records of which a power loss took the coordinator's word are aborted, and what is still sent of them is 47", async () => {
  const world = await start(), { desk, fixture } = world;
  const { producerId, producerEpoch } = await desk.init("id");
  const as = { producerId, producerEpoch };
  world.write(as);
  await world.restart();
  assertEquals(world.open(), [0, null, null]);
  await world.orphans().look();
  assertEquals(world.open(), [null, null, null]);
  assertEquals(fixture.batches("t"), ["data 1000/0", "abort 1000/1 c1"]);
  assertEquals(world.ended, [{ topic: "t", partition: 0, ...as }]);
  const retry = buildBatch({ records: [], ...as, baseSequence: 0, isTransactional: true });
  assertEquals(fixture.log("t").producers.beginVerification(retry, true, 0), 47);
  // The producer aborts, as it does upon 47, and its next transaction is taken here.
  const ended = await desk.after(desk.end("id", as, false));
  assertEquals([ended.errorCode, ended.producerEpoch], [0, 1]);
  world.write({ producerId, producerEpoch: 1 });
  assertEquals(world.open(), [2, null, null]);
});

Deno.test("a transaction that the coordinator has in just that partition goes on; one in another partition is left over", async () => {
  const world = await start(), { desk } = world, as = await desk.open("id", [0, 1]);
  for (const partition of [0, 1, 2]) world.write(as, partition);
  await world.restart();
  assertEquals(world.unadmitted().length, 3);
  await world.orphans().look();
  assertEquals(world.open(), [0, 0, null]);
  assertEquals(world.unadmitted(), []);
});

for (const isCommit of [true, false]) {
  Deno.test(`an end that is decided (${isCommit}) is the coordinator's to carry out, and not what came after it`, async () => {
    const world = await start(), { desk } = world, as = await desk.open("id", [0, 1]);
    world.write(as, 0);
    desk.markers.codes.set("t-0", 56).set("t-1", 56);
    await desk.after(desk.end("id", as, isCommit));
    world.write({ ...as, producerEpoch: as.producerEpoch + 1 }, 1); // which was complete before the power went
    await world.restart();
    assertEquals(desk.stateOf("id"), isCommit ? "PrepareCommit" : "PrepareAbort");
    await world.orphans().look();
    assertEquals(world.open(), [0, null, null]);
  });
}

Deno.test("after a newer instance what the older one left is ended too", async () => {
  const world = await start(), { desk } = world;
  const { producerId, producerEpoch } = await desk.init("id");
  world.write({ producerId, producerEpoch });
  await world.restart();
  await desk.init("id");
  await world.orphans().look();
  assertEquals(world.open(), [null, null, null]);
});

Deno.test("a producer that the coordinator does not have is left to operators; also while nothing is loaded", async () => {
  const world = await start(), { desk } = world;
  const { producerId, producerEpoch } = await desk.init("id");
  world.write({ producerId: 424_242, producerEpoch: 3 }, 0);
  world.write({ producerId, producerEpoch: producerEpoch + 1 }, 1); // an epoch that nobody was given
  await world.restart();
  await world.orphans().look();
  assertEquals(world.open(), [0, 0, null]);
  world.write({ producerId, producerEpoch }, 2);
  await world.restart();
  desk.coordinator.runtime.unload(0);
  await world.orphans().look();
  assertEquals(world.open(), [0, 0, 0]);
  assertEquals(world.ended, []);
});

Deno.test("what is admitted while the broker runs is nobody's orphan, and an offline partition is tried again", async () => {
  const world = await start(), { desk, fixture } = world;
  const { producerId, producerEpoch } = await desk.init("id");
  world.write({ producerId, producerEpoch });
  await world.orphans().look();
  assertEquals(world.open(), [0, null, null]);
  await world.restart();
  fixture.setOffline("t", 0, "it is examined");
  await world.orphans().look();
  fixture.setOffline("t", 0, null);
  assertEquals([world.open(), world.ended], [[0, null, null], []]);
  await world.orphans().look();
  assertEquals(world.open(), [null, null, null]);
});

Deno.test("what the coordinator knows and has not kept yet admits nothing, since a retry would be told that its records are kept", async () => {
  const world = await start(), { desk } = world;
  const { producerId, producerEpoch } = await desk.init("id"), as = { producerId, producerEpoch };
  world.write(as);
  await world.restart();
  const claim = { transactionalId: "id", ...as, topic: "t", partition: 0, mode: "add" } as const;
  const admitted = desk.gate.admit({ ...claim, isBeside: false }); // the retry asks
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(desk.stateOf("id"), "Ongoing");
  await world.orphans().look();
  assertEquals([world.unadmitted(), world.open()], [[as], [0, null, null]]);
  assertEquals(await desk.after(admitted), 0);
  await world.orphans().look();
  assertEquals(world.unadmitted(), []);
});

Deno.test("a partition whose producers are read anew while it is looked at is left to the next look", async () => {
  const world = await start(), { desk, fixture } = world;
  const first = await desk.init("first"), second = await desk.init("second");
  for (const { producerId, producerEpoch } of [first, second]) {
    world.write({ producerId, producerEpoch });
  }
  await world.restart();
  const log = fixture.log("t"), { topic, partition } = log;
  let read: ProducerState | null = log.producers;
  const logs = () => [{
    topic,
    partition,
    get loadedProducers() {
      return read;
    },
  }];
  // A write fails: what was known of producers is forgotten, and what comes then is not seen here.
  await world.orphans(() => void (read = null), logs).look();
  assertEquals(world.ended.length, 1);
  await world.orphans().look();
  assertEquals([world.ended.length, log.producers.firstUndecidedOffset], [2, null]);
});
