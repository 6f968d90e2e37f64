// Proves that the journal gives back what a crash took, and leaves alone what lies below the recovery point: such
// segments may have been compacted or removed since their entries were written.
import { assertEquals } from "@std/assert";
import * as batch from "../../protocol/records/batch.ts";
import { Cleaner } from "../compaction/cleaner.ts";
import {
  BusyClock,
  compactedConfig,
  consume,
  History,
  newLog,
  testContext,
  TOPIC_ID,
} from "../../testing/compaction_history.ts";
import type { JournalEntry } from "./journal_entries.ts";
import { MemoryStore } from "../backends/memory_store.ts";
import { openLog } from "../log/open_log.ts";

/** Entries for every batch of the log's segments, as they lie there now. */
function entriesOf(log: ReturnType<typeof newLog>): JournalEntry[] {
  return log.segments.flatMap((segment) =>
    [...segment.scan()].map(([bytes, position]) => ({
      sequence: batch.baseOffset(bytes),
      topicId: TOPIC_ID,
      folder: log.folder,
      segmentBase: segment.baseOffset,
      position,
      payload: bytes.slice(),
    }))
  );
}

async function logWithJournal() {
  const store = new MemoryStore(), clock = new BusyClock();
  const context = testContext(store, clock);
  const log = newLog(context);
  const history = new History(log, clock, () => 0);
  for (let i = 0; i < 100; i++) await history.put([`k${i % 5}`, `value ${i}`]);
  await log.sync();
  return { store, context, clock, log, history, journal: entriesOf(log) };
}

async function reopenedWith(
  { context }: Awaited<ReturnType<typeof logWithJournal>>,
  journal: readonly JournalEntry[],
  recoveryPoint: number,
) {
  const ref = { topicId: TOPIC_ID, topic: "t", partition: 0 };
  const checkpoint = { recoveryPoint, logStartOffset: undefined, clean: false, journal };
  return await openLog(context, ref, compactedConfig(), checkpoint);
}

Deno.test("what is missing behind the recovery point is put back", async () => {
  const setup = await logWithJournal();
  const before = consume(setup.log, "committed");
  const { baseOffset } = setup.log.segments.at(-1)!;
  setup.store.open(`t-0/${String(baseOffset).padStart(20, "0")}.log`).truncate(0);
  const { log, damage } = await reopenedWith(setup, setup.journal, baseOffset);
  assertEquals([damage, log.logEndOffset], [null, 100]);
  assertEquals(consume(log, "committed"), before);
});

Deno.test("entries of segments that were compacted since are not redone", async () => {
  const setup = await logWithJournal();
  const { store, clock, log, history, context } = setup;
  const cleaner = new Cleaner({
    store,
    pool: context.pool,
    clock,
    logs: () => [log],
    checkpoint: () => Promise.resolve(),
    backoffMs: 1,
    dedupeBufferBytes: 1 << 20,
    ioMaxBytesPerSecond: Infinity,
    maxDecompressedBytes: 1 << 20,
    onEvent: () => {},
  });
  while (await cleaner.cleanDirtiest());
  await history.put(["k0", "more"]); // and once more, so that segments join
  log.roll();
  await log.sync();
  while (await cleaner.cleanDirtiest());
  const before = consume(log, "committed");
  const { log: again, damage } = await reopenedWith(setup, setup.journal, log.recoveryPoint);
  assertEquals(damage, null);
  assertEquals(consume(again, "committed"), before);
});
