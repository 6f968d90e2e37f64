/** Proves when an offset that was committed in a transaction counts. */
import { assertEquals } from "@std/assert";
import { ZERO_UUID } from "../../bytes/uuid.ts";
import type { OffsetCommitted } from "../group.ts";
import { PendingOffsets } from "./pending_offsets.ts";

Deno.test("a transaction's end gives its offsets, the last of each partition, once", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  pending.add(7, { groupId: "g", fact: fact(0, 2n) });
  pending.add(8, { groupId: "g", fact: fact(1, 3n) });
  assertEquals(pending.end(7).map(({ fact }) => fact.committed.offset), [2n]);
  assertEquals(pending.end(7), []);
  assertEquals([pending.has("g", fact(0, 0n)), pending.has("g", fact(1, 0n))], [false, true]);
  assertEquals([pending.concerns("g"), pending.concerns("h")], [true, false]);
});

Deno.test("a plain commit makes what is pending for its partition void", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  pending.add(7, { groupId: "g", fact: fact(1, 1n) });
  pending.supersede("g", { topic: "t", partition: 0 });
  pending.supersede("other", { topic: "t", partition: 1 });
  assertEquals(pending.end(7).map(({ fact }) => fact.partition), [1]);
});

function fact(partition: number, offset: bigint): OffsetCommitted {
  const rest = { leaderEpoch: -1, metadata: "", commitTimestampMs: 0, expireTimestampMs: -1 };
  return {
    kind: "committed",
    topic: "t",
    partition,
    committed: { offset, topicId: ZERO_UUID, ...rest },
  };
}
