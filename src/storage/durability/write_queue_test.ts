/** Proves that the memory of writes goes back to the pool whatever becomes of them, once no thread reads from it. */
import { assertEquals } from "@std/assert";
import { BufferPool } from "../../bytes/pool.ts";
import type { Segment } from "../segments/segment.ts";
import { WriteQueue } from "./write_queue.ts";

for (const isLost of [false, true]) {
  const end = isLost ? "fails" : "ends";
  Deno.test(`what a thread still writes when its log goes is lent no more, and the pool's to give when that ${end}`, async () => {
    const pool = new BufferPool({ keepBytes: 1 << 20 });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const segment = { log: { appendAsync: () => promise } } as unknown as Segment; // all that is asked of one here
    const queue = new WriteQueue({
      pool,
      maxInPlaceBytes: 10,
      onWritten: () => {},
      onFailed: () => {},
    });
    for (let i = 0; i < 3; i++) {
      queue.add(segment, i * 4000, new Uint8Array(4000), i + 1, false);
      await Promise.resolve(); // the first is on its way, the others wait behind it
    }
    queue.abandon(new Error("the topic was deleted"));
    assertEquals(pool.lentBytes, 0);
    const behind = pool.take(4000), others = pool.take(4000);
    assertEquals(behind.buffer === others.buffer, false);
    if (isLost) reject(new Error("no such file"));
    else resolve();
    await promise.catch(() => {});
    await Promise.resolve();
    for (const buffer of [behind, others]) pool.give(buffer);
    assertEquals(pool.lentBytes, 0);
  });
}
