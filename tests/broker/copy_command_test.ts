/** Proves `runnel copy` between two brokers: what comes over, what is refused and why, and where a group goes on. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { makeTopic } from "../../src/cli/copy/topics.ts";
import { Admin } from "../../src/client/admin.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { GroupMember } from "../../src/client/group_member.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { listOffsets } from "../../src/client/list_offsets.ts";
import { Producer } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { jsonLines, typed } from "./command_line.ts";
import { contentOf, KEPT, recordsOf, Two, valuesOf } from "./copies.ts";

Deno.test("copy brings topics with their configs and records, and the next one what has come since", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", {
    partitions: 2,
    configs: { ...KEPT, "max.message.bytes": "77777" },
  });
  await two.send("t", ["a", null, ""]);
  await two.send("t", ["b"], 1);
  const first = await two.copy("t", "--json");
  assertEquals([first.code, first.error], [0, ""]);
  assertEquals(jsonLines(first), [
    {
      topic: "t",
      target: "t",
      partitions: 2,
      records: 4,
      bytes: jsonLines(first)[0].bytes,
      lost: 0,
      state: "copied",
    },
  ]);
  await two.send("t", ["c"], 1);
  const second = await two.copy("--topics", "t.*", "--json");
  assertEquals([second.code, jsonLines(second)[0].records], [0, 1]);
  for (const partition of [0, 1]) {
    assertEquals(
      contentOf(await recordsOf(two.target, "t", { partition })),
      contentOf(await recordsOf(two.source, "t", { partition })),
    );
  }
  const configs = await new Admin(two.target).describeConfigs({ type: "topic", name: "t" });
  const set = configs.filter(({ source }) => source === "topic").map((
    { name, value },
  ) => [name, value]);
  assertEquals(set.sort(), [["max.message.bytes", "77777"], ["retention.ms", "-1"]]);
});

Deno.test("copy of what the broker stamped keeps the timestamps, and the topic stamps again in the end", async () => {
  await using two = await Two.start();
  const configs = { ...KEPT, "message.timestamp.type": "LogAppendTime" };
  await two.from.createTopic("t", { configs });
  await two.send("t", ["a", "b"]);
  for (const _ of [1, 2]) assertEquals((await two.copy("t")).code, 0);
  await two.send("t", ["c"]);
  assertEquals((await two.copy("t")).code, 0);
  const there = await recordsOf(two.target, "t");
  assertEquals(contentOf(there), contentOf(await recordsOf(two.source, "t")));
  assert(there[0].timestampMs > 1.7e12);
  const [type] = await new Admin(two.target).describeConfigs({ type: "topic", name: "t" }, [
    "message.timestamp.type",
  ]);
  assertEquals(type.value, "LogAppendTime");
});

Deno.test("copy leaves out aborted records, and a group goes on with the same record behind gaps", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  {
    await using producer = new TransactionalProducer(two.source, { transactionalId: "x" });
    await producer.init();
    for (let n = 0; n < 40; n++) {
      producer.begin();
      for (const letter of ["a", "b"]) {
        producer.send({ topic: "t", value: `${n}${letter}`, timestampMs: 1e12 });
      }
      if (n % 3 === 1) await producer.abort();
      else await producer.commit();
    }
  }
  const committed = await recordsOf(two.source, "t", { isolation: "readCommitted" });
  const [{ offset: end }] = await listOffsets(two.source, [{
    topic: "t",
    partition: 0,
    at: "latest",
  }]);
  for (let offset = 0; offset <= end; offset++) {
    await commitOffsets(two.source, `g${offset}`, [{
      topic: "t",
      partition: 0,
      offset: BigInt(offset),
    }]);
  }
  const told = await two.copy("t", "--groups", "g.*");
  assertEquals([told.code, told.error], [0, ""]);
  const there = await recordsOf(two.target, "t");
  assertEquals(valuesOf(there), valuesOf(committed));
  assertEquals(there.map(({ offset }) => offset), there.map((_, at) => at));
  for (let offset = 0; offset <= end; offset++) {
    const [one] = await committedOffsets(two.target, `g${offset}`);
    const expected = committed.filter((record) => record.offset < offset).length;
    assertEquals(Number(one.offset), expected, `group at ${offset}`);
  }
});

Deno.test("copy refuses a group with members at the target, and leaves one that is further on there", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await two.send("t", ["a", "b", "c"]);
  const at = (offset: bigint) => [{ topic: "t", partition: 0, offset }];
  await commitOffsets(two.source, "ahead", at(1n));
  await commitOffsets(two.source, "other", at(2n));
  assertEquals((await two.copy("t", "--without-groups")).code, 0);
  assertEquals(await committedOffsets(two.target, "other"), []);
  await commitOffsets(two.target, "ahead", at(3n));
  const member = new GroupMember(two.target, { groupId: "other", topics: ["t"] });
  await member.heartbeat();
  const refused = await two.copy("t", "--groups", "other");
  assertEquals(refused.code, 1);
  assertMatch(refused.error, /Group "other" is not copied: it has members at the target/);
  await member.leave();
  const told = await two.copy("t", "--json");
  assertEquals(told.code, 0);
  const groups = jsonLines(told).filter((line) => line.group !== undefined);
  assertEquals(groups.map(({ group, target, state }) => [group, target, state]), [
    ["ahead", 1, "ahead"],
    ["other", 2, "set"],
  ]);
  assertEquals((await committedOffsets(two.target, "ahead"))[0].offset, 3n);
});

Deno.test("copy refuses records that are not its own, and keeps them in front with --append", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await two.to.createTopic("t", { configs: { ...KEPT, "max.message.bytes": "99999" } });
  await two.send("t", ["a", "b"]);
  await using producer = new Producer(two.target);
  await producer.send({ topic: "t", value: "theirs" });
  const refused = await two.copy("t");
  assertEquals(refused.code, 1);
  assertMatch(refused.error, /t-0 has records that are not of this copy.*--append/);
  const appended = await two.copy("t", "--append");
  assertEquals([appended.code, appended.error], [0, ""]);
  assertEquals(valuesOf(await recordsOf(two.target, "t")), ["theirs", "a", "b"]);
  await producer.send({ topic: "t", value: "theirs again" });
  await two.send("t", ["c"]);
  const again = await two.copy("t", "--append");
  assertEquals(again.code, 1);
  assertStringIncludes(again.error, "somebody else wrote there");
  assertEquals((await recordsOf(two.target, "t")).length, 4);
});

Deno.test("copy refuses a topic with fewer partitions, one made again, and a copy onto itself", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { partitions: 3 });
  await two.to.createTopic("t", { partitions: 2 });
  assertMatch((await two.copy("t")).error, /t has 2 partitions at the target, 3 are needed/);
  assertEquals((await two.copy("t", "--rename", "t=u")).code, 0);
  await new Admin(two.source).deleteTopics(["t"]);
  await two.from.createTopic("t", { partitions: 3 });
  const made = await two.copy("t", "--rename", "t=u");
  assertEquals(made.code, 1);
  assertStringIncludes(made.error, "is a copy of another topic t");
  const address = `127.0.0.1:${two.from.port}`;
  const own = await typed("copy", "t", "--from", address, "--to", address);
  assertStringIncludes(own.error, "t would be copied to itself");
  assertEquals(
    (await typed("copy", "t", "--from", address, "--to", address, "--prefix", "x.")).code,
    0,
  );
});

Deno.test("copy tells of what the source deleted first, and of partitions that were added", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await two.send("t", ["a", "b", "c", "d"]);
  assertEquals((await two.copy("t")).code, 0);
  await two.send("t", ["e", "f", "g"]);
  await new Admin(two.source).deleteRecords({ topic: "t", partition: 0, offset: 6 });
  await new Admin(two.source).createPartitions("t", 2);
  await two.send("t", ["z"], 1);
  await commitOffsets(two.source, "g", [{ topic: "t", partition: 0, offset: 6n }]);
  const told = await two.copy("t");
  assertEquals(told.code, 0);
  assertMatch(told.error, /t-0: the source deleted 2 offsets before they were copied/);
  assertEquals(valuesOf(await recordsOf(two.target, "t")), ["a", "b", "c", "d", "g"]);
  assertEquals(valuesOf(await recordsOf(two.target, "t", { partition: 1 })), ["z"]);
  assertEquals((await committedOffsets(two.target, "g"))[0].offset, 4n);
});

Deno.test("copy --dry-run changes nothing, and what is called wrongly is told", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { partitions: 2, configs: { "retention.ms": "99" } });
  const plan = await two.copy("t", "--dry-run", "--json");
  assertEquals(jsonLines(plan), [{
    topic: "t",
    target: "t",
    partitions: 2,
    offsets: 0,
    state: "to be made",
    configs: "retention.ms=99",
  }]);
  assertEquals((await two.target.topics()).filter(({ isInternal }) => !isInternal), []);
  for (
    const [args, words] of [
      [[], "needs names of topics, or --topics"],
      [["nowhere"], "There is no topic nowhere at the source"],
      [["t", "--rename", "t"], "--rename t: needs SOURCE=TARGET"],
      [["t", "--rename", "u=v"], "--rename u: that topic is not copied"],
      [["--topics", "("], "--topics (: "],
      [["t", "--name", "a/b"], "--name a/b: needs letters"],
      [["t", "--compression", "rar"], "needs one of none, gzip"],
    ] as [string[], string][]
  ) {
    const told = await two.copy(...args);
    assertEquals(told.code, 1);
    assertStringIncludes(told.error, words);
  }
  assertStringIncludes((await typed("copy", "t", "--to", "x:1")).error, "needs --from HOST:PORT");
  const [, source] = two.flags, nobody = "127.0.0.1:1";
  const silent = await typed("copy", "t", "--from", source, "--to", nobody);
  assertEquals(silent.code, 1);
  assertMatch(silent.error, /^runnel: The target does not answer: Cannot connect to 127.0.0.1:1/);
  assertStringIncludes(silent.error, "--to HOST:PORT says where it is");
});

Deno.test("a config that the target refuses is told, and the topic is made without it", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  const topic = await two.source.topic("t"), told: string[] = [];
  const configs = {
    "retention.ms": "-1",
    "min.insync.replicas": "2",
    "segment.bytes": "3",
    "no.such": "x",
  };
  await makeTopic(two.target, { source: topic, target: "u" }, {
    recipe: { configs, meanwhile: { "message.timestamp.type": "CreateTime" } },
    replicas: null,
    tell: (text) => told.push(text),
  });
  assertEquals(told.length, 3);
  assertMatch(told[0], /^u: the target does not take segment.bytes=3: .*1048576/);
  assertMatch(told[1], /^u: the target does not take no.such=x: /);
  assertMatch(told[2], /^u: min.insync.replicas=2 is left out, since the target keeps 1 of each/);
  const there = await new Admin(two.target).describeConfigs({ type: "topic", name: "u" });
  assertEquals(there.filter(({ source }) => source === "topic").map(({ name }) => name).sort(), [
    "message.timestamp.type",
    "retention.ms",
  ]);
});
