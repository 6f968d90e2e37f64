// Proves that a full file is left once, however many rounds come to it, and on which thread the journal syncs: a little on the broker's own while the device answers quickly, everything
// else through the pool. What it keeps is proved in partition_log_test.ts, crash_states_test.ts and journal_restore_test.ts.
import { assertEquals } from "@std/assert";
import { randomUuid } from "../../bytes/uuid.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { Journal } from "./journal.ts";
import { readJournal } from "./journal_entries.ts";
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
      log: { sync: behind, isClosed: false, isGone: false },
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

Deno.test("a mark and an entry that come to a full file together turn it once, and both are read again", async () => {
  const store = new MemoryStore();
  const later = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
  const fail = (error: unknown) => {
    throw error;
  };
  const journal = Journal.open({ store, fileBytes: 8192, onFailure: fail });
  const id = randomUuid(),
    logs = [0, 1, 2, 3].map(() => ({ isClosed: false, isGone: false, sync: later }));
  const stretch = (n: number, position: number, bytes: number) => ({
    topicId: id,
    folder: `t-${n}`,
    segmentBase: 0,
    position,
    bytes,
    read: (into: Uint8Array) => void into.fill(n),
    durable: () => {},
  });
  const put = (n: number, position: number, bytes: number) =>
    journal.append([{ log: logs[n], stretch: stretch(n, position, bytes) }]);
  for (const [n, position, bytes] of [[0, 0, 3000], [1, 0, 3500], [2, 0, 3400], [2, 3400, 3600]]) {
    await put(n, position, bytes);
  }
  const [isKept] = await Promise.all([
    put(2, 7000, 1000),
    journal.mark([{ log: logs[3], stretch: stretch(3, 0, 5000) }]),
  ]);
  const there = readJournal(store).entries.map(({ folder, position, payload }) =>
    `${folder} ${position} ${payload.length}`
  );
  assertEquals(isKept, true);
  assertEquals(there.filter((entry) => ["t-2 7000 1000", "t-3 5000 0"].includes(entry)).length, 2);
  journal.close();
});
