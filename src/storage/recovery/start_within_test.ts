/**
 * A start that begins within a segment: that it reads little, ends with the same indexes as a walk of everything, and believes
 * the offset index nothing that the log does not say too. And that what was walked is on the device before it is served.
 */
import { assert, assertEquals } from "@std/assert";
import { readInt32, writeInt32 } from "../../bytes/int64.ts";
import { buildBatch } from "../../protocol/records/build.ts";
import { buildEndTxnBatch } from "../../protocol/records/control_record.ts";
import {
  contextOf,
  filesOf,
  filledLog,
  harm,
  opened,
  pathOf,
  PLAIN,
  REF,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { FaultyStore } from "../../testing/faulty_store.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { createLog } from "../log/open_log.ts";
import { recoverLog } from "./recovery.ts";

const CONFIG = { ...PLAIN, "index.interval.bytes": 4096, "segment.bytes": 4_000_000 };

/** Two segments, of 4 and about 3 MB. */
async function largeLog() {
  const store = new MemoryStore();
  const log = createLog(contextOf(store), REF, CONFIG);
  await log.lead(0);
  for (let i = 0; i < 700; i++) {
    await log.append(twoRecords(4000 + i % 7 * 500, "v", 1000 + i), {
      origin: "client",
      leaderEpoch: 0,
    }).durable;
  }
  await log.close();
  assertEquals(log.segments.length, 2);
  return { store, end: log.logEndOffset, base: log.segments[1].baseOffset };
}

/** Counts the bytes that are read of logs. */
class Counting extends FaultyStore {
  bytes = 0;
  override open(path: string) {
    const blob = super.open(path);
    if (!path.endsWith(".log")) return blob;
    const read = blob.read.bind(blob);
    blob.read = (position, into) => {
      const n = read(position, into);
      this.bytes += n;
      return n;
    };
    return blob;
  }
}

function recovered(
  store: MemoryStore | FaultyStore,
  bases: number[],
  recoveryPoint: number,
  sync = false,
) {
  return recoverLog({ ...contextOf(store), folder: "t-0" }, bases, {
    recoveryPoint,
    logStartOffset: 0,
    indexIntervalBytes: 4096,
    mayHaveGaps: false,
    compactedTo: 0,
    maxLeaderEpoch: 0,
    journal: [],
    mayBeTorn: true,
    sync,
    nowMs: 0,
  });
}

Deno.test("a start reads what lies behind the recovery point, and comes to the indexes of a whole walk", async () => {
  const { store, end, base } = await largeLog();
  const whole = filesOf(store), counting = new Counting(store);
  const found = await recovered(counting, [0, base], end - 20);
  assertEquals([found.damage, found.logEndOffset], [null, end]);
  assert(counting.bytes < 1 << 20, `${counting.bytes} bytes read`);
  const { bytes } = counting;
  await recovered(counting, [0, base], base);
  assert(counting.bytes - bytes > 2_500_000, "the bytes are counted");
  // The active segment has its last timestamp when it is closed, and not before.
  const last = `t-0/${
    [...whole.keys()].find((name) => name.endsWith("timeindex") && !name.startsWith("0".repeat(20)))
  }`;
  assertEquals(
    [...filesOf(store)].filter(([name, hex]) => whole.get(name) !== hex && !last.endsWith(name)),
    [],
  );
});

Deno.test("an index that the log contradicts is not begun from", async () => {
  const { store, end, base } = await largeLog();
  const whole = store.readAll(pathOf(base, ".index"))!.slice();
  const wrong: Record<string, (bytes: Uint8Array) => Uint8Array | void> = {
    "positions off by one": (bytes) => {
      for (let at = 7; at < bytes.length; at += 8) bytes[at] ^= 1;
    },
    "offsets off by two": (bytes) => {
      for (let at = 3; at < bytes.length; at += 8) bytes[at] ^= 2;
    },
    "offsets two higher": (bytes) => {
      for (let at = 0; at < bytes.length; at += 8) writeInt32(bytes, at, readInt32(bytes, at) + 2);
    },
    "not ascending": (bytes) => void bytes.reverse(),
    "half an entry": (bytes) => bytes.subarray(0, bytes.length / 2 - 3),
    "nothing": () => new Uint8Array(0),
    "zeros": (bytes) => void bytes.fill(0),
  };
  for (const [name, change] of Object.entries(wrong)) {
    await store.replace(pathOf(base, ".index"), whole);
    await harm(store, pathOf(base, ".index"), change);
    const { log, damage } = await opened(store, { recoveryPoint: end - 20 }, CONFIG);
    assertEquals([damage, log.logEndOffset], [null, end], name);
    assertEquals(store.readAll(pathOf(base, ".index")), whole, name);
  }
});

Deno.test("with the times of the segment lost, it is walked whole", async () => {
  const { store, end, base } = await largeLog();
  const whole = store.readAll(pathOf(base, ".timeindex"))!.length;
  await store.replace(pathOf(base, ".timeindex"), new Uint8Array(0));
  const { log, damage } = await opened(store, { recoveryPoint: end - 20 }, CONFIG);
  assertEquals([damage, log.logEndOffset], [null, end]);
  assert(whole > 100 * 12);
  assert(log.segments[1].timeIndex.entryCount >= whole / 12 - 1);
});

Deno.test("others go on while a log is walked", async () => {
  const { store, base, end } = await largeLog();
  let rests = 0;
  const found = await recoverLog({ ...contextOf(store), folder: "t-0" }, [0, base], {
    recoveryPoint: 0,
    logStartOffset: 0,
    indexIntervalBytes: 4096,
    mayHaveGaps: false,
    compactedTo: 0,
    maxLeaderEpoch: 0,
    journal: [],
    mayBeTorn: true,
    sync: false,
    nowMs: 0,
    rest: () => Promise.resolve(void rests++),
  });
  assertEquals(found.logEndOffset, end);
  assert(rests >= 1, `${rests} rests`);
});

Deno.test("what was walked survives a power loss right after, the names too; without sync it need not", async () => {
  for (const sync of [true, false]) {
    const { store } = await filledLog();
    const faulty = new FaultyStore(new MemoryStore()); // kill -9: everything written, nothing synced
    faulty.makeFolder("t-0");
    for (const { name } of store.list("t-0")) {
      const blob = faulty.open(`t-0/${name}`);
      blob.append(store.readAll(`t-0/${name}`)!);
      blob.close();
    }
    const found = await recoverLog({ ...contextOf(faulty), folder: "t-0" }, [0, 8, 16], {
      recoveryPoint: 0,
      logStartOffset: 0,
      indexIntervalBytes: 4096,
      mayHaveGaps: false,
      compactedTo: 0,
      maxLeaderEpoch: 0,
      journal: [],
      mayBeTorn: true,
      sync,
      nowMs: 0,
    });
    assertEquals([found.damage, found.logEndOffset], [null, 24]);
    const disk = await faulty.crash({ unsynced: "lost", names: "lost" });
    const left = [0, 8, 16].map((base) => disk.readAll(pathOf(base))?.length ?? 0);
    const whole = [0, 8, 16].map((base) => sync ? store.readAll(pathOf(base))!.length : 0);
    assertEquals(left, whole);
  }
});

Deno.test("the recovery point passes no aborted transaction that is not on the device, for nobody looks there again", async () => {
  const store = new FaultyStore(new MemoryStore());
  const log = createLog(contextOf(store), REF, PLAIN);
  const origin = { leaderEpoch: 0 } as const;
  for (let i = 0; i < 3; i++) {
    const records = [{ timestampMs: 1, value: new Uint8Array(9) }];
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: i, isTransactional: true };
    const data = buildBatch({ records, ...producer });
    await log.append(data, { origin: "client", ...origin }).durable;
    const end = { isCommit: false, coordinatorEpoch: 0, timestampMs: 1 };
    const marker = buildEndTxnBatch({ ...end, producerId: 7, producerEpoch: 0 });
    await log.append(marker, { origin: "coordinator", ...origin }).durable;
    await log.sync();
    const disk = await store.crash({ unsynced: "lost", names: "lost" });
    assertEquals(log.recoveryPoint, 2 * i + 2);
    assertEquals(disk.readAll(pathOf(0, ".txnindex"))?.length, 34 * (i + 1));
  }
  // Nor after a recovery, which says that everything is on the device.
  const again = new FaultyStore(await store.crash({ unsynced: "kept", names: "kept" }));
  again.remove(pathOf(0, ".txnindex"));
  const { log: found } = await opened(again, { recoveryPoint: 0 });
  assertEquals(found.recoveryPoint, 6);
  const disk = await again.crash({ unsynced: "lost", names: "lost" });
  assertEquals(disk.readAll(pathOf(0, ".txnindex"))?.length, 34 * 3);
});

Deno.test("aborted transactions of a log that has none are gone from the device too", async () => {
  const { store } = await filledLog();
  const faulty = new FaultyStore(store);
  const blob = faulty.open(pathOf(8, ".txnindex"));
  blob.append(new Uint8Array(34)); // of a tail that was cut
  await blob.sync();
  blob.close();
  await faulty.syncFolder("t-0");
  const found = await recovered(faulty, [0, 8, 16], 0, true);
  assertEquals(found.damage, null);
  const disk = await faulty.crash({ unsynced: "lost", names: "lost" });
  assertEquals(disk.readAll(pathOf(8, ".txnindex"))?.length ?? 0, 0);
});
