/** Proves that the estimate of bytes between two offsets is never too little, over segments and batches of many sizes. */
import { assert } from "@std/assert";
import { buildBatch } from "../../protocol/records/build.ts";
import { PartitionsFixture } from "../../testing/partitions.ts";
import { mostBytesBetween } from "./bytes_between.ts";

Deno.test("mostBytesBetween() is never less than what lies there, and little more", async () => {
  const fixture = await PartitionsFixture.start();
  await fixture.create("t");
  const log = fixture.log("t"), bytesBefore: number[] = [];
  let bytes = 0, largest = 0;
  for (let i = 0; i < 400; i++) {
    bytesBefore.push(bytes);
    const value = new Uint8Array(i * 7919 % 100 === 0 ? 20_000 : i * 31 % 3000);
    const batch = buildBatch({ records: [{ timestampMs: fixture.clock.nowMs(), value }] });
    await log.append(batch, { origin: "client", leaderEpoch: 0 }).written;
    if (i % 90 === 89) log.roll();
    bytes += batch.length;
    largest = Math.max(largest, batch.length);
  }
  bytesBefore.push(bytes);
  const slack = 2 * (log.config["index.interval.bytes"] + largest);
  for (let from = 0; from <= 400; from += 7) {
    for (let to = from; to <= 400; to += 11) {
      const exact = bytesBefore[to] - bytesBefore[from];
      const found = mostBytesBetween(log.segments, from, to);
      assert(found >= exact && found <= exact + slack, `${from} to ${to}: ${found} for ${exact}`);
    }
  }
});
