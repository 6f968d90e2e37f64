/**
 * Proves what a consumer sees of fetched batches: nothing before its position, no control records, nothing aborted, and
 * a position that goes on behind all of that. Batches are built as a broker stores them.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { joined } from "../protocol/codec.ts";
import { type BatchOptions, buildBatch } from "../protocol/records/build.ts";
import { CorruptBatchError, fetchedRecords } from "./fetched_records.ts";

const utf8 = new TextEncoder();

function values(baseOffset: number, texts: string[], options: Partial<BatchOptions> = {}) {
  const records = texts.map((text) => ({ timestampMs: 1, value: utf8.encode(text) }));
  return buildBatch({ baseOffset, records, ...options });
}

const inTransaction = (producerId: number) => ({
  producerId,
  producerEpoch: 0,
  isTransactional: true,
});

function marker(baseOffset: number, producerId: number, type: "abort" | "commit") {
  const key = new Uint8Array([0, 0, 0, type === "abort" ? 0 : 1]);
  return buildBatch({
    baseOffset,
    records: [{ timestampMs: 1, key, value: new Uint8Array(6) }],
    ...inTransaction(producerId),
    isControl: true,
  });
}

const texts = (fetched: ReturnType<typeof fetchedRecords>) =>
  fetched.records.map(({ value }) => new TextDecoder().decode(value!));

Deno.test("fetchedRecords() begins at the position, inside a batch too", () => {
  const records = joined([values(10, ["a", "b", "c"]), values(13, ["d"])]);
  const fetched = fetchedRecords({ records, abortedTransactions: null }, 12);
  assertEquals(texts(fetched), ["c", "d"]);
  assertEquals(fetched.nextOffset, 14);
});

Deno.test("fetchedRecords() leaves a batch that is cut off for the next fetch", () => {
  const last = values(1, ["b"]);
  const records = joined([values(0, ["a"]), last.subarray(0, last.length - 1)]);
  const fetched = fetchedRecords({ records, abortedTransactions: null }, 0);
  assertEquals(texts(fetched), ["a"]);
  assertEquals(fetched.nextOffset, 1);
});

Deno.test("fetchedRecords() goes on behind offsets that compaction took", () => {
  const records = values(5, ["a"], { lastOffsetDelta: 20 });
  assertEquals(fetchedRecords({ records, abortedTransactions: null }, 5).nextOffset, 26);
});

Deno.test("fetchedRecords() hides aborted transactions up to their marker, and every marker", () => {
  const records = joined([
    values(0, ["aborted 1"], inTransaction(7)),
    values(1, ["plain"]),
    values(2, ["committed"], inTransaction(8)),
    values(3, ["aborted 2"], inTransaction(7)),
    marker(4, 8, "commit"),
    marker(5, 7, "abort"),
    values(6, ["next transaction of 7"], inTransaction(7)),
    marker(7, 7, "commit"),
  ]);
  const abortedTransactions = [{ producerId: 7, firstOffset: 0 }];
  const committed = fetchedRecords({ records, abortedTransactions }, 0);
  assertEquals(texts(committed), ["plain", "committed", "next transaction of 7"]);
  assertEquals(committed.nextOffset, 8);
  const all = fetchedRecords({ records, abortedTransactions: null }, 0);
  assertEquals(all.records.length, 5);
});

Deno.test("fetchedRecords() hides two aborted transactions of one producer, not the one between", () => {
  const records = joined([
    values(0, ["x"], inTransaction(7)),
    marker(1, 7, "abort"),
    values(2, ["seen"], inTransaction(7)),
    marker(3, 7, "commit"),
    values(4, ["y"], inTransaction(7)),
    marker(5, 7, "abort"),
  ]);
  const abortedTransactions = [
    { producerId: 7, firstOffset: 4 },
    { producerId: 7, firstOffset: 0 },
  ];
  assertEquals(texts(fetchedRecords({ records, abortedTransactions }, 0)), ["seen"]);
});

Deno.test("fetchedRecords() refuses a batch whose checksum is wrong, unless told not to look", () => {
  const records = values(3, ["abc"]);
  records[records.length - 2] ^= 1;
  const partition = { records, abortedTransactions: null };
  assertThrows(() => fetchedRecords(partition, 3), CorruptBatchError, "offset 3");
  assertEquals(fetchedRecords(partition, 3, { checkCrcs: false }).nextOffset, 4);
});

Deno.test("fetchedRecords() reads no more batches than have room when decompressed, one at least", () => {
  const records = joined([0, 1, 2].map((at) => values(at, ["x".repeat(1000)], { compression: 4 })));
  const read = (from: number, maxBytes: number) => {
    const { records: found, nextOffset } = fetchedRecords(
      { records, abortedTransactions: null },
      from,
      { maxBytes },
    );
    return [found.length, nextOffset];
  };
  assertEquals(read(0, 0), [1, 1]);
  assertEquals(read(1, 0), [1, 2]); // what lies before the position is no batch read
  assertEquals(read(0, 1500), [2, 2]);
  assertEquals(read(0, Infinity), [3, 3]);
});
