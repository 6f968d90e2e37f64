/**
 * Proves that a transactional id's state is written as Kafka writes it, byte for byte, and read back in both versions.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { PartitionSet } from "./partition_set.ts";
import { decodeTransactionRecord, encodeTransactionFact } from "./transaction_records.ts";
import { State, type TransactionValue } from "./transaction.ts";

const VALUE: TransactionValue = {
  state: State.PrepareCommit,
  producerId: 1000,
  previousProducerId: 1000,
  nextProducerId: 1001,
  producerEpoch: 32_767,
  lastProducerEpoch: -1,
  timeoutMs: 60_000,
  partitions: new PartitionSet([
    { topic: "t", partition: 0 },
    { topic: "t", partition: 2 },
    { topic: "u", partition: 1 },
  ]),
  startTimestampMs: 1_700_000_000_000,
  lastUpdateTimestampMs: 1_700_000_000_001,
  clientVersion: 2,
};

function recordOf(value: TransactionValue, logVersion: 0 | 1) {
  return encodeTransactionFact("id", { kind: "changed", value, logVersion, sinceMs: null })!;
}

const hex = (bytes: Uint8Array | null) => bytes?.toHex();

Deno.test("the key is the type and the transactional id", () => {
  assertEquals(hex(recordOf(VALUE, 1).key), "0000" + "0002" + "6964");
});

Deno.test("v0 is what Kafka's TransactionLogValue 0 is", () => {
  assertEquals(
    hex(recordOf(VALUE, 0).value),
    "0000" + // version
      "00000000000003e8" + // producer id
      "7fff" + // epoch
      "0000ea60" + // timeout
      "02" + // PrepareCommit
      "00000002" + "0001" + "74" + "00000002" + "00000000" + "00000002" +
      "0001" + "75" + "00000001" + "00000001" +
      "0000018bcfe56801" + // last update
      "0000018bcfe56800", // start
  );
});

Deno.test("v1 is flexible and adds the ids on both sides and the client's version as tags", () => {
  assertEquals(
    hex(recordOf(VALUE, 1).value),
    "0001" +
      "00000000000003e8" +
      "7fff" +
      "0000ea60" +
      "02" +
      "03" + "02" + "74" + "03" + "00000000" + "00000002" + "00" +
      "02" + "75" + "02" + "00000001" + "00" +
      "0000018bcfe56801" +
      "0000018bcfe56800" +
      "03" + // tags
      "00" + "08" + "00000000000003e8" + // previous id
      "01" + "08" + "00000000000003e9" + // next id
      "02" + "02" + "0002", // client version
  );
});

Deno.test("what is written in v1 is read back whole, in v0 without the ids and the client's version", () => {
  for (const state of [State.Ongoing, State.PrepareAbort, State.CompleteCommit]) {
    const value = { ...VALUE, state };
    assertEquals(plain(decodeTransactionRecord(recordOf(value, 1))), plain({ id: "id", value }));
    const less = {
      ...value,
      previousProducerId: -1,
      nextProducerId: -1,
      clientVersion: 0 as const,
    };
    assertEquals(
      plain(decodeTransactionRecord(recordOf(value, 0))),
      plain({ id: "id", value: less }),
    );
  }
});

Deno.test("an empty state has no list of partitions", () => {
  const value = { ...VALUE, state: State.Empty, partitions: new PartitionSet() };
  assertEquals(decodeTransactionRecord(recordOf(value, 1))?.value?.partitions.size, 0);
  assertEquals(hex(recordOf(value, 0).value)!.slice(34, 42), "ffffffff");
});

Deno.test("a tombstone says that the id is forgotten, and a key of another type nothing", () => {
  const { key, value } = encodeTransactionFact("id", { kind: "gone" })!;
  assertEquals(value, null);
  assertEquals(decodeTransactionRecord({ key, value }), { id: "id", value: null });
  assertEquals(decodeTransactionRecord({ key: new Uint8Array([0, 9, 0, 0]), value }), null);
});

Deno.test("a value of a version, a state or a client version that nobody knows is not passed over", () => {
  const { key, value } = recordOf(VALUE, 1);
  const changedAt = (at: number, to: number) => {
    const changed = value!.slice();
    changed[at] = to;
    return { key, value: changed };
  };
  assertThrows(() => decodeTransactionRecord(changedAt(1, 2)));
  assertThrows(() => decodeTransactionRecord(changedAt(16, 8)), Error, "transaction state 8");
  const last = value!.length - 1;
  assertThrows(() => decodeTransactionRecord(changedAt(last, 3)), Error, "transaction version 3");
});

Deno.test("what lives in memory only has no record", () => {
  assertEquals(encodeTransactionFact("id", { kind: "since", sinceMs: 1, value: VALUE }), null);
});

function plain(decoded: { id: string; value: TransactionValue | null } | null) {
  return { ...decoded, value: { ...decoded!.value, partitions: [...decoded!.value!.partitions] } };
}
