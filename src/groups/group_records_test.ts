/**
 * Proves that facts become Kafka's records and are read back as they were, and that records of Kafka's which are no
 * facts are left alone. The bytes were read off a Kafka 4.3.1's `__consumer_offsets`; 4.4.0
 * writes the same versions.
 */
import { assertEquals } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { encodeRecordKey, encodeVersioned } from "../protocol/log_record.ts";
import {
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from "../protocol/messages/group_log/classic.ts";
import { ShareGroupMetadataKey } from "../protocol/messages/group_log/share_group.ts";
import type { LogFact } from "./group.ts";
import { decodeFact, encodeFact } from "./group_records.ts";

const TOPIC_ID = "8yhyLFDpT2y1stp1lzl1tA" as Uuid;

const facts: LogFact[] = [
  {
    kind: "stored",
    protocolType: "consumer",
    generation: 3,
    protocol: "range",
    leaderId: "a",
    stateSinceMs: 1_795_254_106_261,
    members: [member("a", null), member("b", "i")],
  },
  {
    kind: "stored",
    protocolType: null,
    generation: 0,
    protocol: null,
    leaderId: null,
    stateSinceMs: 5,
    members: [],
  },
  { kind: "groupGone" },
  offset(-9223372036854775808n, -1),
  offset(9223372036854775807n, 99),
  { kind: "offsetGone", topic: "t", partition: 4 },
];

for (const fact of facts) {
  const what = fact.kind === "committed" ? `${fact.kind} ${fact.committed.offset}` : fact.kind;
  Deno.test(`a fact comes back from its record: ${what}`, () => {
    const { key, value } = encodeFact("g", fact, 1);
    assertEquals(decodeFact(key!, value ?? null), { groupId: "g", fact: asRead(fact) });
  });
}

Deno.test("an offset is the record that Kafka writes", () => {
  const key = "0001" + "000e703770726f62652d653434313063" + "0009703770726f62652d74" + "00000000";
  const value = "0004" + "0000000000000007" + "00000003" + "026d" + "000001a1fd7bb849" +
    "01" + "0010" + "f328722c50e94f6cb5b2da75973975b4";
  const { groupId, fact } = decodeFact(bytes(key), bytes(value))!;
  assertEquals(groupId, "p7probe-e4410c");
  assertEquals(fact.kind === "committed" && [fact.committed.offset, fact.committed.topicId], [
    7n,
    TOPIC_ID,
  ]);
  const written = encodeFact(groupId, fact, 1);
  assertEquals([hex(written.key!), hex(written.value!)], [key, value]);
});

Deno.test("a group is the record that Kafka writes", () => {
  const key = "0002" + "000e703770726f62652d653434313063";
  const value = "0003" + "0008636f6e73756d6572" + "00000002" + "ffff" + "ffff" +
    "000001a1fd7bb8a3" + "00000000";
  const { groupId, fact } = decodeFact(bytes(key), bytes(value))!;
  assertEquals(fact.kind === "stored" && [fact.protocolType, fact.generation], ["consumer", 2]);
  const written = encodeFact(groupId, fact, 1);
  assertEquals([hex(written.key!), hex(written.value!)], [key, value]);
});

Deno.test("records of old brokers are read: offsets of type 0, groups without rebalance timeouts", () => {
  const key = encodeRecordKey(OffsetCommitKey, { group: "g", topic: "t", partition: 0 });
  key[1] = 0;
  const value = encodeVersioned(OffsetCommitValue, 0, {
    offset: 8n,
    metadata: "m",
    commitTimestamp: 2,
  });
  const read = decodeFact(key, value)!.fact;
  assertEquals(read.kind === "committed" && [read.committed.offset, read.committed.leaderEpoch], [
    8n,
    -1,
  ]);

  const old = encodeVersioned(GroupMetadataValue, 0, {
    protocolType: "consumer",
    generation: 1,
    protocol: "range",
    leader: "a",
    members: [{ memberId: "a", sessionTimeout: 9000 }],
  });
  const group = decodeFact(encodeFact("g", { kind: "groupGone" }, 1).key!, old)!.fact;
  assertEquals(group.kind === "stored" && group.members[0].rebalanceTimeoutMs, 9000);
});

Deno.test("records of other types of groups are no facts of this room", () => {
  const key = encodeRecordKey(ShareGroupMetadataKey, { groupId: "g" });
  assertEquals(decodeFact(key, null), null);
});

Deno.test("what was read does not lie in the memory it was read from", () => {
  const { key, value } = encodeFact("g", facts[0], 1);
  const { fact } = decodeFact(key!, value!)!;
  value!.fill(0);
  assertEquals(fact, asRead(facts[0]));
});

function member(id: string, instanceId: string | null) {
  return {
    id,
    instanceId,
    clientId: "c",
    clientHost: "/127.0.0.1",
    rebalanceTimeoutMs: 20_000,
    sessionTimeoutMs: 10_000,
    subscription: new Uint8Array([1, 2]),
    assignment: new Uint8Array([3]),
  };
}

function offset(value: bigint, expireTimestampMs: number): LogFact {
  return {
    kind: "committed",
    topic: "t",
    partition: 4,
    committed: {
      offset: value,
      leaderEpoch: 3,
      metadata: "m",
      commitTimestampMs: 1_795_254_109_708,
      expireTimestampMs,
      topicId: TOPIC_ID,
    },
  };
}

/** Version 1 of an offset, which alone has a time to expire, has no epoch and no topic id. */
function asRead(fact: LogFact): LogFact {
  if (fact.kind !== "committed" || fact.committed.expireTimestampMs < 0) return fact;
  const topicId = "AAAAAAAAAAAAAAAAAAAAAA" as Uuid;
  return { ...fact, committed: { ...fact.committed, leaderEpoch: -1, topicId } };
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g)!, (pair) => parseInt(pair, 16));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
