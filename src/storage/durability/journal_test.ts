// Proves on which thread the journal syncs: a little on the broker's own while the device answers quickly, everything
// else through the pool. What it keeps is proved in partition_log_test.ts, crash_states_test.ts and journal_restore_test.ts.
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { Journal } from "./journal.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import type { InPlaceBlob } from "../store.ts";

/** Notes which way each sync goes; one in place takes `tookMs`. */
class Device extends MemoryStore {
  readonly syncs: string[] = [];
  tookMs = 0;
  readonly clock = new FakeClock();

  override openInPlace(path: string): InPlaceBlob {
    const blob = super.openInPlace(path);
    return {
      path,
      write: (position, bytes) => blob.write(position, bytes),
      sync: () => (this.syncs.push("pool"), blob.sync()),
      syncInPlace: () => {
        this.syncs.push("here");
        this.clock.advance(this.tookMs);
      },
      close: () => blob.close(),
    };
  }
}

async function setup() {
  const device = new Device();
  const journal = Journal.open({
    store: device,
    fileBytes: 64 << 20,
    clock: device.clock,
    onFailure: (error) => {
      throw error;
    },
  });
  await journal.begin();
  device.syncs.length = 0;
  /** Appends one stretch of `bytes`, of a log whose own sync is `behind`. */
  const keep = (bytes: number, behind: () => Promise<void> = () => Promise.resolve()) =>
    journal.append([{
      log: { sync: behind, isClosed: false },
      stretch: {
        topicId: randomUuid(),
        folder: "t-0",
        segmentBase: 0,
        position: 0,
        bytes,
        read: () => {},
      },
    }]);
  return { device, keep };
}

Deno.test("a small round is synced on this thread, a large one through the pool", async () => {
  const { device, keep } = await setup();
  await keep(100);
  await keep(200 << 10);
  await keep(100);
  assertEquals(device.syncs, ["here", "pool", "here"]);
});

Deno.test("a slow answer now and then is waited for, eight in a row are not followed by another", async () => {
  const { device, keep } = await setup();
  for (let i = 0; i < 16; i++) {
    device.tookMs = i % 8 === 7 ? 0 : 2;
    await keep(100);
  }
  assertEquals(device.syncs, Array(16).fill("here"));
  device.syncs.length = 0;
  device.tookMs = 2;
  for (let i = 0; i < 10; i++) await keep(100);
  assertEquals(device.syncs, [...Array(8).fill("here"), "pool", "pool"]);
});

Deno.test("after a stall the device is not waited for on this thread", async () => {
  const { device, keep } = await setup();
  device.tookMs = 6;
  for (let i = 0; i < 3; i++) await keep(100);
  assertEquals(device.syncs, ["here", "pool", "pool"]);
});

Deno.test("while a log is synced behind, rounds go through the pool", async () => {
  const { device, keep } = await setup();
  const behind = Promise.withResolvers<void>();
  await keep(3 << 20, () => behind.promise);
  await keep(100);
  behind.resolve();
  await behind.promise;
  await keep(100);
  assertEquals(device.syncs, ["pool", "pool", "here"]);
});
