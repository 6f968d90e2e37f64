/** Proves what a lag is, on offsets and ends made up here. What a running broker shows is in tests/broker/. */
import { assertEquals } from "@std/assert";
import { ZERO_UUID } from "../bytes/uuid.ts";
import { lagsOf } from "./group_scrape.ts";
import { GroupOffsets } from "./offsets/offsets.ts";

function offsetsOf(committed: Record<number, bigint>): GroupOffsets {
  const offsets = new GroupOffsets();
  for (const [partition, offset] of Object.entries(committed)) {
    offsets.set("t", Number(partition), {
      offset,
      leaderEpoch: -1,
      metadata: "",
      commitTimestampMs: 0,
      expireTimestampMs: -1,
      topicId: ZERO_UUID,
    });
  }
  return offsets;
}

Deno.test("lag is the end less the committed offset, and never below 0", () => {
  const offsets = offsetsOf({ 0: 3n, 1: 10n, 2: 99n });
  assertEquals([...lagsOf(offsets, () => 10)], [
    { topic: "t", partition: 0, lag: 7 },
    { topic: "t", partition: 1, lag: 0 },
    { topic: "t", partition: 2, lag: 0 },
  ]);
});

Deno.test("a partition that is gone has no lag", () => {
  assertEquals([...lagsOf(offsetsOf({ 0: 3n }), () => null)], []);
});
