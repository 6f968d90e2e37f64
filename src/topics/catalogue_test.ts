/** The catalogue: that each record changes the image as Kafka's MetadataImage does, by applying records one by one. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Uuid } from "../bytes/uuid.ts";
import { resolveTopicConfig, topicConfigDefaults } from "../config/topic_configs.ts";
import { Catalogue } from "./catalogue.ts";
import { noChange } from "./catalogue_change.ts";
import {
  decodeRecord,
  encodeRecord,
  type NewRecord,
  UnknownRecordError,
} from "./metadata_record.ts";

const ID = "mX-yEGCuQ1S3irKP22TSVQ" as Uuid;
const ACL_ID = "bhf3AgiESiernUHTqExSkQ" as Uuid;

function newCatalogue(): Catalogue {
  const topicDefaults = resolveTopicConfig([["retention.ms", "1000"]], topicConfigDefaults());
  return new Catalogue({ nodeId: 0, topicDefaults });
}

/** Through the bytes, as the log does. */
function apply(catalogue: Catalogue, ...records: NewRecord[]) {
  const change = noChange();
  for (const record of records) catalogue.apply(decodeRecord(encodeRecord(record)), change);
  return change;
}

const topic = (name: string, topicId = ID): NewRecord => ({
  kind: "TopicRecord",
  version: 0,
  value: { name, topicId },
});
const partition = (partitionId: number): NewRecord => ({
  kind: "PartitionRecord",
  version: 2,
  value: {
    partitionId,
    topicId: ID,
    replicas: [0],
    isr: [0],
    leader: 0,
    leaderEpoch: 0,
    partitionEpoch: 0,
  },
});
const config = (resourceType: number, resourceName: string, name: string, value: string | null) =>
  ({
    kind: "ConfigRecord",
    version: 0,
    value: { resourceType, resourceName, name, value },
  }) as NewRecord;

Deno.test("a topic is found by name and id until it is removed", () => {
  const catalogue = newCatalogue();
  const made = apply(catalogue, topic("a.b"), partition(0), partition(1));
  const found = catalogue.topic("a.b")!;
  assertStrictEquals(catalogue.topicById(ID), found);
  assertEquals([...made.created], [found]);
  assertEquals(made.grown.size, 0);
  assertEquals(catalogue.partitionCount, 2);
  assertEquals(catalogue.collidingTopic("a_b"), "a.b");
  const gone = apply(catalogue, {
    kind: "RemoveTopicRecord",
    version: 0,
    value: { topicId: ID },
  });
  assertEquals(gone.deleted, [found]);
  assertEquals(catalogue.topic("a.b"), undefined);
  assertEquals(catalogue.topicById(ID), undefined);
  assertEquals(catalogue.collidingTopic("a_b"), undefined);
  assertEquals(catalogue.partitionCount, 0);
  assertEquals(catalogue.topics(), []);
});

Deno.test("a name collides while any topic with such a name is there", () => {
  const catalogue = newCatalogue(), other = "b2theXJvdGhlcm90aGVyLQ" as Uuid;
  apply(catalogue, topic("a.b"), topic("a_b", other));
  const remove = (topicId: Uuid): NewRecord =>
    ({ kind: "RemoveTopicRecord", version: 0, value: { topicId } }) as NewRecord;
  apply(catalogue, remove(ID));
  assertEquals(catalogue.collidingTopic("a.b"), "a_b");
  apply(catalogue, remove(other));
  assertEquals(catalogue.collidingTopic("a.b"), undefined);
});

Deno.test("topics() is sorted by name after every change", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("b", "AAAAAAAAAAAAAAAAAAAAAg" as Uuid), topic("B", ID));
  assertEquals(catalogue.topics().map((topic) => topic.name), ["B", "b"]);
  apply(catalogue, topic("a", "AAAAAAAAAAAAAAAAAAAABA" as Uuid));
  assertEquals(catalogue.topics().map((topic) => topic.name), ["B", "a", "b"]);
});

Deno.test("partitions that a topic gains later are told with where they begin", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("t"), partition(0));
  const change = apply(catalogue, partition(1), partition(2));
  assertEquals([...change.grown], [[catalogue.topic("t")!, 1]]);
  assertEquals(change.created.size, 0);
});

Deno.test("a partition with a hole before it is refused", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("t"));
  assertThrows(() => apply(catalogue, partition(1)), Error, "has partition 1, needs 0 to 0");
});

Deno.test("a PartitionChangeRecord that names a leader begins an epoch, also for the same leader", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("t"), partition(0));
  const change = (value: Record<string, unknown>): NewRecord => ({
    kind: "PartitionChangeRecord",
    version: 2,
    value: { partitionId: 0, topicId: ID, ...value },
  });
  const state = () => {
    const { leaderId, leaderEpoch, partitionEpoch, isr, eligibleLeaderReplicas, isRecovering } =
      catalogue.topic("t")!.partitions[0];
    return { leaderId, leaderEpoch, partitionEpoch, isr, eligibleLeaderReplicas, isRecovering };
  };
  apply(catalogue, change({ leader: -1, isr: [], eligibleLeaderReplicas: [0] }));
  assertEquals(state(), {
    leaderId: -1,
    leaderEpoch: 1,
    partitionEpoch: 1,
    isr: [],
    eligibleLeaderReplicas: [0],
    isRecovering: false,
  });
  apply(catalogue, change({ leader: 0, isr: [0], leaderRecoveryState: 1 }));
  apply(catalogue, change({ leader: 0, leaderRecoveryState: 0 }));
  apply(catalogue, change({ eligibleLeaderReplicas: [] }));
  assertEquals(state(), {
    leaderId: 0,
    leaderEpoch: 3,
    partitionEpoch: 4,
    isr: [0],
    eligibleLeaderReplicas: [],
    isRecovering: false,
  });
});

Deno.test("topicConfig(): override before broker before cluster before static default", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("t"));
  const retention = () => catalogue.topicConfig(catalogue.topic("t")!)["retention.ms"];
  assertEquals(retention(), 1000);
  assertEquals(
    apply(catalogue, config(4, "", "log.retention.hours", "2")).brokerConfigured,
    true,
  );
  assertEquals(retention(), 7_200_000);
  apply(catalogue, config(4, "", "log.retention.ms", "5"));
  assertEquals(retention(), 5); // ms before hours
  apply(catalogue, config(4, "0", "log.retention.minutes", "1"));
  assertEquals(retention(), 60_000);
  apply(catalogue, config(4, "7", "log.retention.ms", "77"));
  assertEquals(retention(), 60_000); // another broker's
  const change = apply(catalogue, config(2, "t", "retention.ms", "9"));
  assertEquals([...change.configured].map((topic) => topic.name), ["t"]);
  assertEquals(retention(), 9);
  apply(catalogue, config(2, "t", "retention.ms", null));
  assertEquals(retention(), 60_000);
});

Deno.test("topicConfig() is computed once until something changes", () => {
  const catalogue = newCatalogue();
  apply(catalogue, topic("t"));
  const first = catalogue.topicConfig(catalogue.topic("t")!);
  assertStrictEquals(catalogue.topicConfig(catalogue.topic("t")!), first);
});

Deno.test("what no room reads yet is kept and removed by its key", () => {
  const catalogue = newCatalogue();
  const acl = {
    id: ACL_ID,
    resourceType: 2,
    resourceName: "t",
    patternType: 3,
    principal: "User:a",
    host: "*",
    operation: 3,
    permissionType: 3,
  };
  const scram = {
    name: "u",
    mechanism: 1,
    salt: Uint8Array.of(1, 2),
    storedKey: Uint8Array.of(3),
    serverKey: Uint8Array.of(4),
    iterations: 4096,
  };
  const quota = (value: number, remove = false): NewRecord => ({
    kind: "ClientQuotaRecord",
    version: 0,
    value: {
      entity: [{ entityType: "user", entityName: "u" }, {
        entityType: "client-id",
        entityName: null,
      }],
      key: "producer_byte_rate",
      value,
      remove,
    },
  });
  apply(
    catalogue,
    { kind: "AccessControlEntryRecord", version: 0, value: acl },
    { kind: "UserScramCredentialRecord", version: 0, value: scram },
    quota(1),
    quota(2),
    config(32, "group", "consumer.session.timeout.ms", "50000"),
  );
  assertEquals([...catalogue.kept("AccessControlEntryRecord")], [acl]);
  assertEquals([...catalogue.kept("UserScramCredentialRecord")], [scram]);
  assertEquals([...catalogue.kept("ClientQuotaRecord")].map((quota) => quota.value), [2]);
  assertEquals([...catalogue.configs(32, "group").values()], ["50000"]);
  apply(
    catalogue,
    { kind: "RemoveAccessControlEntryRecord", version: 0, value: { id: ACL_ID } },
    { kind: "RemoveUserScramCredentialRecord", version: 0, value: { name: "u", mechanism: 1 } },
    quota(0, true),
  );
  assertEquals([...catalogue.kept("AccessControlEntryRecord")], []);
  assertEquals([...catalogue.kept("UserScramCredentialRecord")], []);
  assertEquals([...catalogue.kept("ClientQuotaRecord")], []);
});

Deno.test("a record of an unknown type or version is refused by name", () => {
  assertThrows(
    () => decodeRecord(Uint8Array.of(1, 99, 0, 0)),
    UnknownRecordError,
    "type 99 is not known",
  );
  assertThrows(
    () => decodeRecord(Uint8Array.of(1, 2, 7, 0)),
    UnknownRecordError,
    "TopicRecord has version 7",
  );
});
