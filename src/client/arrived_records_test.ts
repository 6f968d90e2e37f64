/** Proves that records are handed out in their order and that no position passes one that was not. */
import { assertEquals } from "@std/assert";
import { type Arrived, ArrivedRecords } from "./arrived_records.ts";
import { AssignedPartition } from "./assigned_partition.ts";

function arrived(assigned: AssignedPartition, offsets: number[], nextOffset: number): Arrived {
  const { topic, partition } = assigned;
  const records = offsets.map((offset) => ({
    topic,
    partition,
    offset,
    timestampMs: 0,
    key: null,
    value: null,
    headers: [],
  }));
  return { assigned, records, nextOffset, leaderEpoch: 0 };
}

Deno.test("a part without records is not passed before the records of its partition that came earlier", () => {
  const one = new AssignedPartition("t", 0), waiting = new ArrivedRecords();
  waiting.add(arrived(one, [0, 1], 2));
  waiting.add(arrived(one, [], 9)); // aborted
  assertEquals(waiting.take(1).map(({ offset }) => offset), [0]);
  assertEquals(one.position, 1);
  assertEquals(waiting.take(1).map(({ offset }) => offset), [1]);
  assertEquals(waiting.take(1), []);
  assertEquals([one.position, waiting.hasRecords], [9, false]);
});

Deno.test("what is paused stays where it is, and the others are handed out", () => {
  const [one, other] = [0, 1].map((partition) => new AssignedPartition("t", partition));
  const waiting = new ArrivedRecords();
  waiting.add(arrived(one, [0], 1));
  waiting.add(arrived(other, [5], 6));
  one.isPaused = true;
  assertEquals(waiting.take(Infinity).map(({ partition }) => partition), [1]);
  assertEquals([one.position, other.position, waiting.hasRecords], [null, 6, false]);
  one.isPaused = false;
  assertEquals(waiting.takeOne()?.offset, 0);
  assertEquals(one.position, 1);
});
