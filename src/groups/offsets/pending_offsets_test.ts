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
  assertEquals(shown(pending.end(7, true)), [[0, 2n, true]]);
  assertEquals(pending.end(7, true), []);
  assertEquals([pending.has("g", fact(0, 0n)), pending.has("g", fact(1, 0n))], [false, true]);
  assertEquals([pending.concerns("g"), pending.concerns("h")], [true, false]);
});

Deno.test("an aborted transaction's offsets do not become true", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  assertEquals(shown(pending.end(7, false)), [[0, 1n, false]]);
});

Deno.test("what a plain commit overtook does not become true, and is pending until its marker", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  pending.add(7, { groupId: "g", fact: fact(1, 1n) });
  pending.overtake("g", { topic: "t", partition: 0 });
  pending.overtake("other", { topic: "t", partition: 1 });
  assertEquals(pending.has("g", fact(0, 0n)), true);
  assertEquals(shown(pending.end(7, true)), [[0, 1n, false], [1, 1n, true]]);
});

Deno.test("what was committed again after a plain commit becomes true", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  pending.overtake("g", fact(0, 0n));
  pending.add(7, { groupId: "g", fact: fact(0, 3n) });
  assertEquals(shown(pending.end(7, true)), [[0, 3n, true]]);
});

Deno.test("of two transactions the later record wins, whichever ends last", () => {
  for (const first of [7, 8]) {
    const pending = new PendingOffsets();
    pending.add(7, { groupId: "g", fact: fact(0, 1n) });
    pending.add(8, { groupId: "g", fact: fact(0, 2n) });
    const ends = [...pending.end(first, true), ...pending.end(15 - first, true)];
    assertEquals(shown(ends.filter(({ isTrue }) => isTrue)).at(-1), [0, 2n, true]);
    assertEquals(ends.filter(({ isTrue }) => isTrue).length, first === 7 ? 2 : 1);
  }
});

Deno.test("an aborted transaction overtakes nobody", () => {
  const pending = new PendingOffsets();
  pending.add(7, { groupId: "g", fact: fact(0, 1n) });
  pending.add(8, { groupId: "g", fact: fact(0, 2n) });
  pending.end(8, false);
  assertEquals(shown(pending.end(7, true)), [[0, 1n, true]]);
});

Deno.test("a tombstone takes what is pending with it, of every transaction", () => {
  const pending = new PendingOffsets();
  for (const producerId of [7, 8]) pending.add(producerId, { groupId: "g", fact: fact(0, 1n) });
  pending.add(7, { groupId: "g", fact: fact(1, 1n) });
  assertEquals(pending.of("g").map(({ partition }) => partition), [0, 1, 0]);
  pending.drop("g", fact(0, 0n));
  assertEquals([pending.has("g", fact(0, 0n)), pending.of("g").length], [false, 1]);
  assertEquals([shown(pending.end(7, true)), pending.end(8, true)], [[[1, 1n, true]], []]);
  assertEquals([pending.concerns("g"), pending.of("g")], [false, []]);
});

function shown(ended: ReturnType<PendingOffsets["end"]>): unknown[] {
  return ended.map(({ fact, isTrue }) => [fact.partition, fact.committed.offset, isTrue]);
}

function fact(partition: number, offset: bigint): OffsetCommitted {
  const rest = { leaderEpoch: -1, metadata: "", commitTimestampMs: 0, expireTimestampMs: -1 };
  return {
    kind: "committed",
    topic: "t",
    partition,
    committed: { offset, topicId: ZERO_UUID, ...rest },
  };
}

Deno.test("how many are pending, and how long their metadata is, is known, whatever becomes of them", () => {
  const pending = new PendingOffsets();
  const noted = (partition: number, metadata: string): OffsetCommitted => {
    const one = fact(partition, 1n);
    return { ...one, committed: { ...one.committed, metadata } };
  };
  pending.add(7, { groupId: "g", fact: noted(0, "abc") });
  pending.add(7, { groupId: "g", fact: noted(0, "ab") });
  pending.add(7, { groupId: "g", fact: noted(1, "abcd") });
  pending.add(8, { groupId: "g", fact: noted(1, "a") });
  assertEquals([pending.metadataLength, pending.count], [7, 3]);
  pending.drop("g", fact(1, 0n));
  assertEquals([pending.metadataLength, pending.count], [2, 1]);
  pending.end(7, true);
  assertEquals([pending.metadataLength, pending.count], [0, 0]);
});
