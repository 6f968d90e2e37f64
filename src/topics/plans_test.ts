/** Plans: codes, texts and records for creating, growing and deleting topics, as a Kafka 4.4.0 was seen to answer. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "../protocol/errors.ts";
import { type Uuid, ZERO_UUID } from "../bytes/uuid.ts";
import { Fixture } from "../testing/topics.ts";
import type { Plan, Steps } from "./metadata_store.ts";
import { type NewTopic, planCreateTopics } from "./plan_create_topics.ts";
import { planCreatePartitions } from "./plan_create_partitions.ts";
import { planDeleteTopics } from "./plan_delete_topics.ts";

const UNKNOWN = "SOMEsomeSOMEsomeSOMEsA" as Uuid;
const LIMITS = { numPartitions: 4, maxPartitions: 100 };

function topic(name: string, fields: Partial<NewTopic> = {}): NewTopic {
  return {
    name,
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [],
    configs: [],
    ...fields,
  };
}

const assigned = (...brokerIds: number[][]) => ({
  assignments: brokerIds.map((ids, partitionIndex) => ({ partitionIndex, brokerIds: ids })),
});

/** The plan, without pauses between its steps. */
function planned<Result>(steps: Steps<Result>): Plan<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

async function create(...topics: NewTopic[]) {
  const { catalogue } = await Fixture.start();
  return planned(planCreateTopics(catalogue, topics, LIMITS));
}

Deno.test("planCreateTopics() fills in the defaults", async () => {
  const { records, result: [created] } = await create(topic("t"));
  assertEquals([created.errorCode, created.numPartitions, created.replicationFactor], [0, 4, 1]);
  assertEquals(records.map((record) => record.kind), [
    "TopicRecord",
    ...Array(4).fill("PartitionRecord"),
  ]);
});

Deno.test("planCreateTopics() takes a manual assignment to this node, in any order", async () => {
  const { assignments } = assigned([3], [3]);
  const { result: [created] } = await create(topic("t", { assignments: assignments.reverse() }));
  assertEquals([created.errorCode, created.numPartitions, created.replicationFactor], [0, 2, 1]);
});

Deno.test("planCreateTopics() refuses one topic and creates the others", async () => {
  const cases: [NewTopic, number, RegExp][] = [
    [topic("a/b"), 17, /contains one or more characters/],
    [topic("p0", { numPartitions: 0 }), 37, /invalid non-positive value/],
    [topic("p-2", { numPartitions: -2 }), 37, /invalid non-positive value/],
    [topic("r0", { replicationFactor: 0 }), 38, /larger than 0, or -1/],
    [topic("r2", { replicationFactor: 2 }), 38, /Unable to replicate the partition 2 time/],
    [topic("c1", { configs: [{ name: "nope", value: "1" }] }), 40, /^Unknown topic config name/],
    [topic("c2", { configs: [{ name: "retention.ms", value: "x" }] }), 40, /^Invalid value x for/],
    [topic("c3", { configs: [{ name: "retention.ms", value: null }] }), 40, /^Null value not/],
    [topic("m1", { ...assigned([3]), replicationFactor: 1 }), 42, /replication factor was not/],
    [topic("m2", { ...assigned([3]), numPartitions: 1 }), 42, /numPartitions was not/],
    [topic("m3", assigned([7])), 39, /includes broker 7, but no such broker/],
    [topic("m4", assigned([])), 39, /includes an empty replica list/],
    [topic("m5", assigned([3, 3])), 39, /the broker 3 more than once/],
    [topic("m6", { assignments: [{ partitionIndex: 1, brokerIds: [3] }] }), 39, /consecutive/],
    [topic("__cluster_metadata"), 42, /is prohibited/],
  ];
  const { records, result } = await create(topic("good"), ...cases.map(([topic]) => topic));
  for (const [{ name }, errorCode, message] of cases) {
    const refused = result.find((topic) => topic.name === name)!;
    assertEquals(refused.errorCode, errorCode, name);
    assertMatch(refused.errorMessage!, message, name);
  }
  assertEquals(result.find((topic) => topic.name === "good")!.errorCode, 0);
  assertEquals(records.length, 1 + LIMITS.numPartitions);
});

Deno.test("planCreateTopics() refuses names that are taken, collide with a topic that exists, or come twice", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a.b");
  const names = ["a.b", "a_b", "x.y", "x_y", "twice", "twice"];
  const { result } = planned(
    planCreateTopics(fixture.catalogue, names.map((name) => topic(name)), LIMITS),
  );
  const codes = result.map(({ name, errorCode }) => [name, errorCode]);
  assertEquals(codes, [["a.b", 36], ["a_b", 17], ["x.y", 0], ["x_y", 0], ["twice", 42]]);
});

Deno.test("planCreateTopics() refuses a request that passes a limit, whole", async () => {
  for (const numPartitions of [98, 10_001, 2_000_000_000]) {
    const { records, result } = await create(topic("t", { numPartitions }), topic("u"));
    assertEquals([records.length, ...result.map((topic) => topic.errorCode)], [0, 44, 44]);
  }
});

Deno.test("planCreatePartitions() adds what is missing", async () => {
  const fixture = await Fixture.start();
  await fixture.create("t", 2);
  const { records, result } = planned(planCreatePartitions(
    fixture.catalogue,
    [{ name: "t", count: 4, assignments: [{ brokerIds: [3] }, { brokerIds: [3] }] }],
    LIMITS,
  ));
  assertEquals(result, [{ name: "t", errorCode: 0, errorMessage: null }]);
  await fixture.metadata.transact(() => ({ records, result }));
  assertEquals(fixture.catalogue.topic("t")!.partitions.map(({ index }) => index), [0, 1, 2, 3]);
});

Deno.test("planCreatePartitions() refuses as Kafka does, and changes nothing then", async () => {
  const fixture = await Fixture.start();
  await fixture.create("t", 2);
  const ask = (count: number, assignments: { brokerIds: number[] }[] | null = null) => {
    const { records, result } = planned(planCreatePartitions(
      fixture.catalogue,
      [{ name: "t", count, assignments }],
      LIMITS,
    ));
    assertEquals(records, []);
    return result[0].errorCode;
  };
  assertEquals([ask(2), ask(1), ask(0), ask(-1)], [37, 37, 37, 37]);
  assertEquals([ask(3, []), ask(3, [{ brokerIds: [] }]), ask(3, [{ brokerIds: [9] }])], [
    39,
    39,
    39,
  ]);
  assertEquals([ask(101), ask(2_000_000_000)], [44, 44]);
  const unknown = planned(planCreatePartitions(
    fixture.catalogue,
    [{ name: "no", count: 1, assignments: null }],
    LIMITS,
  ));
  assertEquals(unknown.result[0].errorCode, 3);
});

Deno.test("planCreatePartitions() leaves topics alone whose state is found by their number of partitions", async () => {
  const fixture = await Fixture.start();
  for (const name of ["__transaction_state", "__consumer_offsets", "__share_group_state"]) {
    await fixture.create(name, 2);
    const growth = { name, count: 3, assignments: null };
    const { records, result } = planned(
      planCreatePartitions(fixture.catalogue, [growth], LIMITS),
    );
    assertEquals([records, result[0].errorCode], [[], ErrorCode.POLICY_VIOLATION]);
    assertStringIncludes(result[0].errorMessage!, name);
  }
});

Deno.test("planDeleteTopics() deletes by name and by id", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a");
  await fixture.create("b");
  const { id } = fixture.catalogue.topic("b")!;
  const selectors = [{ name: "a", topicId: ZERO_UUID }, { name: null, topicId: id }];
  const deleted = await fixture.metadata.transact((catalogue) =>
    planDeleteTopics(catalogue, selectors)
  );
  assertEquals(deleted.map(({ name, errorCode }) => [name, errorCode]), [["a", 0], ["b", 0]]);
  assertEquals(fixture.catalogue.topics(), []);
});

Deno.test("planDeleteTopics() refuses what is unknown, named twice or named wrongly", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a");
  const { id } = fixture.catalogue.topic("a")!;
  const code = (...selectors: { name: string | null; topicId: Uuid }[]) =>
    planned(planDeleteTopics(fixture.catalogue, selectors)).result.map((topic) => topic.errorCode);
  assertEquals(code({ name: "no", topicId: ZERO_UUID }), [3]);
  assertEquals(code({ name: null, topicId: UNKNOWN }), [100]);
  assertEquals(code({ name: null, topicId: ZERO_UUID }), [42]);
  assertEquals(code({ name: "a", topicId: id }), [42]);
  assertEquals(code({ name: "a", topicId: ZERO_UUID }, { name: "a", topicId: ZERO_UUID }), [42]);
  assertEquals(code({ name: null, topicId: id }, { name: null, topicId: id }), [42]);
  assertEquals(code({ name: "a", topicId: ZERO_UUID }, { name: null, topicId: id }), [0, 42]);
});

Deno.test("a topic that is created again has another id", async () => {
  const fixture = await Fixture.start();
  await fixture.create("a");
  const before = fixture.catalogue.topic("a")!.id;
  await fixture.metadata.transact((catalogue) =>
    planDeleteTopics(catalogue, [{ name: "a", topicId: ZERO_UUID }])
  );
  await fixture.create("a");
  assertEquals(fixture.catalogue.topic("a")!.id === before, false);
  assertEquals(fixture.catalogue.topicById(before), undefined);
});
