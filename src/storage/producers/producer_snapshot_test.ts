/**
 * Producer snapshots and the transaction index, against bytes that Apache Kafka 4.3.1 wrote: three idempotent
 * producers, one transactional producer with two aborted and two committed transactions, one with an aborted and an
 * open one, and one more idempotent producer.
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { MemoryStore } from "../backends/memory_store.ts";
import { decodeProducerSnapshot, encodeProducerSnapshot } from "./producer_snapshot.ts";
import { ProducerState } from "./producer_state.ts";
import { type AbortedTransaction, TxnIndex } from "../index/txn_index.ts";

const SNAPSHOT = hex(
  "0001a88eea4900000006" +
    "0000000000000000000000000013000000000000001300000002000001a1fd680e29ffffffffffffffffffffffff" +
    "0000000000000001000000000014000000000000002800000003000001a1fd680e5cffffffffffffffffffffffff" +
    "0000000000000002000000000015000000000000003e00000000000001a1fd680e7dffffffffffffffffffffffff" +
    "00000000000000030004ffffffffffffffffffffffff00000000000001a1fd68105800000000ffffffffffffffff" +
    "0000000000000004000100000000000000000000007100000000000001a1fd68105a000000000000000000000071" +
    "0000000000000005000000000513000000000000058500000003000001a1fd68107fffffffffffffffffffffffff",
);

const TXN_INDEX = hex(
  "00000000000000000003000000000000004400000000000000" + "4e000000000000003f" +
    "00000000000000000003000000000000005a00000000000000" + "64000000000000003f" +
    "00000000000000000004000000000000003f00000000000000" + "700000000000000071",
);

const ABORTED: AbortedTransaction[] = [
  { producerId: 3, firstOffset: 68, lastOffset: 78, lastStableOffset: 63 },
  { producerId: 3, firstOffset: 90, lastOffset: 100, lastStableOffset: 63 },
  { producerId: 4, firstOffset: 63, lastOffset: 112, lastStableOffset: 113 },
];

Deno.test("a snapshot that Kafka wrote is read, restored, and written again to the same bytes", () => {
  const entries = decodeProducerSnapshot(SNAPSHOT);
  if (typeof entries === "string") throw new Error(entries);
  assertEquals(entries[3], {
    producerId: 3,
    epoch: 4,
    lastSequence: -1,
    lastOffset: -1,
    offsetDelta: 0,
    timestampMs: 0x1a1fd681058,
    coordinatorEpoch: 0,
    currentTxnFirstOffset: -1,
  });
  const state = ProducerState.restore(entries, 0x1a1fd681058);
  assertEquals(state.firstUndecidedOffset, 0x71);
  assertEquals(encodeProducerSnapshot(state.entries()), SNAPSHOT);
});

Deno.test("an empty state makes a snapshot without entries", () => {
  assertEquals(decodeProducerSnapshot(encodeProducerSnapshot([])), []);
});

Deno.test("decodeProducerSnapshot() refuses every cut and every flipped byte", () => {
  for (let length = 0; length < SNAPSHOT.length; length++) {
    assertEquals(
      typeof decodeProducerSnapshot(SNAPSHOT.subarray(0, length)),
      "string",
      `cut to ${length}`,
    );
  }
  for (let at = 0; at < SNAPSHOT.length; at++) {
    const flipped = SNAPSHOT.slice();
    flipped[at] ^= 0x40;
    assertEquals(typeof decodeProducerSnapshot(flipped), "string", `flipped at ${at}`);
  }
  assertStringIncludes(
    decodeProducerSnapshot(new Uint8Array(10)) as string,
    "version is 0, needs 1",
  );
});

Deno.test("the transaction index writes Kafka's bytes and reads them back", () => {
  const store = new MemoryStore();
  const index = new TxnIndex(store, "i.txnindex");
  for (const transaction of ABORTED) index.append(transaction);
  assertEquals(store.readAll("i.txnindex"), TXN_INDEX);
  assertEquals(new TxnIndex(store, "i.txnindex").entries, ABORTED);
  assertThrows(() => index.append(ABORTED[1]), RangeError, "needs to end after 112");
});

Deno.test("txnIndex.collect() finds the transactions that reach into the range", () => {
  const store = new MemoryStore();
  const index = new TxnIndex(store, "i.txnindex");
  for (const transaction of ABORTED) index.append(transaction);
  const collect = (from: number, to: number) => {
    const found: AbortedTransaction[] = [];
    const isComplete = index.collect(from, to, found);
    return [found.map((transaction) => transaction.firstOffset), isComplete];
  };
  assertEquals(collect(0, 113), [[68, 90, 63], true]);
  assertEquals(collect(0, 114), [[68, 90, 63], false]);
  assertEquals(collect(0, 63), [[], true]);
  assertEquals(collect(0, 64), [[63], true]);
  assertEquals(collect(79, 90), [[63], true]);
  assertEquals(collect(101, 113), [[63], true]);
  assertEquals(collect(113, 200), [[], false]);
});

Deno.test("a transaction index that was never written has no file", () => {
  const store = new MemoryStore();
  const index = new TxnIndex(store, "i.txnindex");
  assertEquals(index.collect(0, 10, []), false);
  index.truncateTo(5);
  index.truncateTo(0);
  index.unload();
  index.close();
  assertEquals(store.list(""), []);
});

Deno.test("txnIndex.truncateTo() forgets transactions that end at or after the offset", () => {
  const store = new MemoryStore();
  const index = new TxnIndex(store, "i.txnindex");
  for (const transaction of ABORTED) index.append(transaction);
  index.truncateTo(113);
  assertEquals(index.entries.length, 3);
  index.truncateTo(100);
  assertEquals(index.entries.length, 1);
  assertEquals(store.readAll("i.txnindex")!.length, 34);
  index.append(ABORTED[2]);
  index.truncateTo(0);
  assertEquals(store.readAll("i.txnindex")!.length, 0);
});

Deno.test("a damaged transaction index is refused, not read in part", () => {
  for (
    const damage of [TXN_INDEX.subarray(0, 40), new Uint8Array(68), hex("0001" + "00".repeat(32))]
  ) {
    const store = new MemoryStore();
    store.open("i.txnindex").append(damage);
    const index = new TxnIndex(store, "i.txnindex");
    assertStringIncludes(index.sanityCheck()!, "i.txnindex is damaged");
    assertThrows(() => index.collect(0, 10, []), Error, "i.txnindex is damaged");
  }
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(
    { length: text.length / 2 },
    (_, i) => parseInt(text.slice(i * 2, i * 2 + 2), 16),
  );
}
