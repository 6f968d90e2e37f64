/** AsRecorded: what lies behind the recorded end goes only when it was looked at and is no batch. */
import { assert, assertEquals } from "@std/assert";
import {
  batchesOf,
  contextOf,
  filledLog,
  harm,
  opened,
  pathOf,
  PLAIN,
  twoRecords,
} from "../../testing/damaged_log.ts";
import { asRecorded, closedForRecord } from "../../testing/recorded_log.ts";
import * as batch from "../../protocol/records/batch.ts";

async function recordedLog() {
  const { store } = await filledLog();
  const record = await closedForRecord(contextOf(store), (await opened(store)).log);
  return { store, record };
}

/** What a batch of this log behind its end would be. */
function nextBatch(offset: number): Uint8Array {
  const bytes = twoRecords();
  batch.assign(bytes, 0, offset, 0);
  return bytes;
}

const join = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

Deno.test("garbage behind the recorded end is cut, with both sizes in a warning", async () => {
  for (const garbage of [new Uint8Array(1), new Uint8Array(500), nextBatch(24).subarray(0, -1)]) {
    const { store, record } = await recordedLog();
    const whole = store.readAll(pathOf(16))!;
    await harm(store, pathOf(16), (bytes) => join(bytes, garbage));
    const { log, damage, warnings } = await asRecorded(contextOf(store), PLAIN, record);
    assertEquals([damage, log.logEndOffset, batchesOf(log).length], [null, 24, 12]);
    assert(
      warnings.some((text) =>
        text.includes(`${whole.length + garbage.length}`) && text.includes(`${whole.length}`)
      ),
      `${warnings}`,
    );
    assertEquals(store.readAll(pathOf(16)), whole);
  }
});

Deno.test("an intact batch anywhere behind the recorded end is kept, and the partition is offline", async () => {
  for (const before of [0, 1, 100_000]) {
    const { store, record } = await recordedLog();
    await harm(store, pathOf(16), (bytes) => join(bytes, new Uint8Array(before), nextBatch(24)));
    const there = store.readAll(pathOf(16))!;
    const { damage } = await asRecorded(contextOf(store), PLAIN, record);
    const position = there.length - nextBatch(24).length;
    assert(damage?.includes(`an intact batch lies at position ${position}`), `${damage}`);
    assertEquals(store.readAll(pathOf(16)), there);
  }
});

Deno.test("more bytes than are looked at are not cut", async () => {
  const { store, record } = await recordedLog();
  const blob = store.open(pathOf(16)), before = blob.size;
  blob.append(new Uint8Array((64 << 20) + 1));
  blob.close();
  const { damage } = await asRecorded(contextOf(store), PLAIN, record);
  assert(damage?.includes("more than 67108864 bytes"), `${damage}`);
  const after = store.open(pathOf(16));
  assertEquals(after.size, before + (64 << 20) + 1);
  after.close();
});
