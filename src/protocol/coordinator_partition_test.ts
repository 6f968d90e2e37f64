/**
 * Proves that a key lives where Kafka looks for it. The values are those of Kafka 4.4.0's own class, of
 * Utils.abs(id.hashCode()) % partitions.
 */
import { assertEquals } from "@std/assert";
import { coordinatorPartition, javaHashCode } from "./coordinator_partition.ts";

/** Id, hash code, and its partition of 50 and of 7. */
const GOLDEN: readonly [string, number, number, number][] = [
  ["", 0, 0, 0],
  ["a", 97, 47, 6],
  ["g", 103, 3, 5],
  ["my-group", -1906497762, 12, 1],
  ["console-consumer-12345", 158455506, 6, 6],
  ["orders", -1008770331, 31, 2],
  ["payments-service", 332086293, 43, 0],
  ["gruppe-\u00e4-\u00f6-\u00fc", -1801813398, 48, 0],
  ["\u30b0\u30eb\u30fc\u30d7", 383750870, 20, 6],
  ["\u0433\u0440\u0443\u043f\u043f\u0430", 1749938458, 8, 2],
  ["\ud83d\ude00", 1772899, 49, 2],
  ["test", 3556498, 48, 1],
  ["connect-cluster", 1440343063, 13, 5],
  ["perf-consumer-48211", -1259982949, 49, 1],
  ["x.y_z", 112312254, 4, 5],
  ["\u0000", 0, 0, 0],
  ["\uffff\uffff", 2097120, 20, 4],
];

Deno.test("a key lives in the partition where Kafka looks for it, whatever the sign of its hash", () => {
  for (const [id, hash, of50, of7] of GOLDEN) {
    const found = [javaHashCode(id), coordinatorPartition(id, 50), coordinatorPartition(id, 7)];
    assertEquals(found, [hash, of50, of7], id);
  }
});

Deno.test("a key whose hash is the least int lives in partition 0", () => {
  for (const id of ["polygenelubricants", "GydZG_", "DESIGNING WORKHOUSES"]) {
    assertEquals(javaHashCode(id), -(2 ** 31));
    for (const partitions of [1, 3, 7, 50]) assertEquals(coordinatorPartition(id, partitions), 0);
  }
});
