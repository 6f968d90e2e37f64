/**
 * Proves that what is acknowledged survives a power loss that meets writes, syncs and snapshots on their way: a log's
 * segments are synced to their last byte, and what is taken back leaves nothing that could come to life.
 */
import { assert, assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { SlowDevice } from "../../testing/slow_device.ts";
import {
  consumed,
  isResolved,
  largeValue,
  openDriven,
  send,
  wantedLog,
} from "../../testing/storage_world.ts";

const TOPIC_ID = randomUuid();

/** Every call takes a turn but those whose time a test sets. */
function slowStore() {
  const device = new SlowDevice(() => 1);
  return { device, store: new FaultyStore(new MemoryStore(), { device }) };
}

for (const names of ["lost", "kept"] as const) {
  Deno.test(`a write that lands after its segment was sealed is synced before it is acknowledged (new names ${names})`, async () => {
    const wanted = [wantedLog(TOPIC_ID, { topic: "t" }, { "segment.bytes": 400_000 })];
    const { device, store } = slowStore();
    const world = await openDriven(device, store, wanted);
    const log = world.logs.get(TOPIC_ID, 0)!;
    await device.drive(send(log, ["in the first segment"]).durable);

    device.latency = (on, path) => on === "append" && path.endsWith(".log") ? 12 : 1;
    const values = [largeValue("a", 300_000), largeValue("b", 300_000)];
    const first = send(log, [values[0]]);
    await isResolved(first.written); // it is on its way to the thread now
    assertEquals(device.flights.map(({ on }) => on), ["append"]);
    const second = send(log, [values[1]]);
    assertEquals(log.segments.length, 2, "the second batch rolls");
    await device.drive(Promise.all([first.durable, second.durable]));

    const disk = await store.crash({ unsynced: "lost", names });
    world.abandon();
    const left = slowStore();
    const again = await openDriven(left.device, new FaultyStore(disk), wanted);
    const found = await consumed(again.logs.get(TOPIC_ID, 0)!);
    again.abandon();
    assertEquals([...found.keys()], [0, 1, 2]);
    assertEquals([found.get(1) === values[0], found.get(2) === values[1]], [true, true]);
  });
}

Deno.test("the recovery point never passes a sealed segment with bytes that are not synced", async () => {
  const wanted = [wantedLog(TOPIC_ID, { topic: "t" }, { "segment.bytes": 400_000 })];
  const { device, store } = slowStore();
  const world = await openDriven(device, store, wanted);
  const log = world.logs.get(TOPIC_ID, 0)!;
  device.latency = (on, path) => on === "append" && path.endsWith(".log") ? 12 : 1;
  const first = send(log, [largeValue("a", 300_000)]);
  await isResolved(first.written);
  const second = send(log, [largeValue("b", 300_000)]);
  await device.drive(Promise.all([first.durable, second.durable]));
  for (let i = 0; i < 5; i++) {
    await device.drive(send(log, [largeValue(`more ${i}`, 270_000)]).durable);
    await device.drive(log.sync());
  }
  await device.drive(world.logs.checkpoint());
  const { recoveryPoint } = log;
  const disk = await store.crash({ unsynced: "lost", names: "kept" });
  world.abandon();
  assert(recoveryPoint > 1, "the later syncs moved it");
  const again = await openDriven(device, new FaultyStore(disk), wanted);
  const found = await consumed(again.logs.get(TOPIC_ID, 0)!);
  assertEquals(again.logs.get(TOPIC_ID, 0)!.offline, null);
  assertEquals([...found.keys()], [0, 1, 2, 3, 4, 5, 6]);
  again.abandon();
});

for (const crash of ["kill", "power loss"] as const) {
  Deno.test(`a roll that is taken back leaves no producer snapshot (${crash})`, async () => {
    const wanted = [wantedLog(TOPIC_ID, { topic: "t" }, { "segment.bytes": 1000 })];
    const { device, store } = slowStore();
    const world = await openDriven(device, store, wanted);
    const log = world.logs.get(TOPIC_ID, 0)!;
    const [ours, theirs] = [7, 8];
    await device.drive(send(log, ["kept"], { producerId: ours, baseSequence: 0 }).durable);

    // The roll's snapshot is slow; the batch that fills the segment, and so the roll, fail and are taken back.
    device.latency = (on) => on === "replace" ? 30 : 1;
    store.fail({ on: "append", pathEndsWith: ".log", kind: "noSpace" });
    const failed = send(log, [largeValue("never was", 700)], {
      producerId: theirs,
      baseSequence: 0,
    });
    const behind = send(log, [largeValue("nor was this", 700)], {
      producerId: theirs,
      baseSequence: 1,
    });
    assertEquals(log.segments.length, 2, "the second batch rolls");
    const rejected = await Promise.allSettled([failed.durable, behind.durable]);
    assertEquals(rejected.map(({ status }) => status), ["rejected", "rejected"]);
    assertEquals([log.offline, log.logEndOffset], [null, 1]);

    // Somebody else's record takes the offset, and the slow snapshot lands at last.
    await device.drive(
      send(log, ["somebody else's"], { producerId: ours, baseSequence: 1 }).durable,
    );
    for (let i = 0; i < 40; i++) {
      device.turn();
      await isResolved(Promise.resolve());
    }
    store.assertAllFired();

    const next = crash === "kill"
      ? await store.killed(() => 0.9)
      : new FaultyStore(await store.crash({ unsynced: "kept", names: "kept" }));
    world.abandon();
    const again = await openDriven(device, next, wanted);
    const reopened = again.logs.get(TOPIC_ID, 0)!;
    // The client tries again what was refused.
    const retry = send(reopened, [largeValue("never was", 700)], {
      producerId: theirs,
      baseSequence: 0,
    });
    assertEquals([retry.errorCode, retry.baseOffset], [0, 2]);
    const next1 = send(reopened, ["after it"], { producerId: theirs, baseSequence: 1 });
    assertEquals([next1.errorCode, next1.baseOffset], [0, 3]);
    again.abandon();
  });
}
