/**
 * Proves what `runnel group list|describe|reset|delete|watch` do at a running broker: what is committed afterwards, and
 * what is refused.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { ConsumerGroupHeartbeat } from "../../src/protocol/messages/consumer_group_heartbeat.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { append } from "./calls.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker, withDirectory } from "./harness.ts";

/** Topic t with 5 records in t-0, 3 in t-1; the group g has committed 2 in t-0 and 9 in u-0, which has one record. */
async function withGroup(
  body: (world: {
    readonly broker: TestBroker;
    readonly cluster: Cluster;
    readonly at: string;
    readonly committed: () => Promise<Record<string, bigint>>;
  }) => Promise<void>,
): Promise<void> {
  await using broker = await TestBroker.start();
  await broker.createTopic("t", { partitions: 2 });
  await broker.createTopic("u");
  const connection = await broker.connect();
  await append(connection, "t", ["a", "b", "c", "d", "e"], { partition: 0 });
  await append(connection, "t", ["a", "b", "c"], { partition: 1 });
  await append(connection, "u", ["a"], { partition: 0 });
  const at = `127.0.0.1:${broker.port}`, cluster = new Cluster({ bootstrap: at });
  const committed = async () =>
    Object.fromEntries(
      (await committedOffsets(cluster, "g")).map((one) => [
        `${one.topic}-${one.partition}`,
        one.offset,
      ]),
    );
  try {
    await commitOffsets(cluster, "g", [
      { topic: "t", partition: 0, offset: 2n },
      { topic: "u", partition: 0, offset: 9n },
    ]);
    await body({ broker, cluster, at: `--bootstrap=${at}`, committed });
  } finally {
    cluster.close();
  }
}

const RESETS: [args: string[], after: Record<string, bigint>][] = [
  [["--to=earliest", "--topic=t"], { "t-0": 0n, "t-1": 0n, "u-0": 9n }],
  [["--to=latest", "--topic=t"], { "t-0": 5n, "t-1": 3n, "u-0": 9n }],
  [["--to=latest", "--topic=t:1"], { "t-0": 2n, "t-1": 3n, "u-0": 9n }],
  [["--to=current", "--topic=t"], { "t-0": 2n, "t-1": 3n, "u-0": 9n }],
  [["--to=current", "--all-topics"], { "t-0": 2n, "u-0": 9n }],
  [["--to=4", "--topic=t"], { "t-0": 4n, "t-1": 3n, "u-0": 9n }],
  [["--to=9223372036854775807", "--topic=t"], { "t-0": 5n, "t-1": 3n, "u-0": 9n }],
  [["--shift=-1", "--all-topics"], { "t-0": 1n, "u-0": 1n }],
  [["--shift", "-100", "--topic=t:0"], { "t-0": 0n, "u-0": 9n }],
  [["--shift=+2", "--topic=t:0", "--topic=u"], { "t-0": 4n, "u-0": 1n }],
  [["--to-time=0", "--topic=t"], { "t-0": 0n, "t-1": 0n, "u-0": 9n }],
  [["--to-time=2999-01-01T00:00:00", "--topic=t"], { "t-0": 5n, "t-1": 3n, "u-0": 9n }],
  [["--ago=9999d", "--topic=t:0-1"], { "t-0": 0n, "t-1": 0n, "u-0": 9n }],
];

Deno.test("reset sets what was chosen to where it was told, and nothing else", async () => {
  for (const [args, after] of RESETS) {
    await withGroup(async ({ at, committed }) => {
      const before = await committed();
      const dry = await typed("group", "reset", "g", ...args, "--dry-run", at);
      assertEquals([dry.code, dry.error], [0, ""], args.join(" "));
      assertEquals(await committed(), before, `${args.join(" ")}: a dry run changes nothing`);
      const asked = await typed("group", "reset", "g", ...args, at);
      assertEquals(asked.code, 1, "without a terminal nobody can be asked");
      assertStringIncludes(asked.error, "--yes");
      assertEquals(await committed(), before);
      const done = await typed("group", "reset", "g", ...args, "--yes", "--json", at);
      assertEquals([done.code, done.error], [0, ""], args.join(" "));
      assertEquals(await committed(), after, args.join(" "));
      for (const { topic, partition, after: offset } of jsonLines(done)) {
        assertEquals(BigInt(offset), after[`${topic}-${partition}`]);
      }
    });
  }
});

Deno.test("what a dry run wrote as CSV is where a reset by that file goes back to", async () => {
  await withDirectory((directory) =>
    withGroup(async ({ at, cluster, committed }) => {
      const { out } = await typed(
        "group",
        "reset",
        "g",
        "--to=1",
        "--topic=t",
        "--csv",
        "--dry-run",
        at,
      );
      assertEquals(out, "t,0,1\nt,1,1\n");
      const path = `${directory}/offsets.csv`;
      // As Kafka's tool exports several groups.
      await Deno.writeTextFile(path, `${out}\r\n"other","t",0,7\n"g","u",0,0\n`);
      const done = await typed("group", "reset", "g", `--file=${path}`, "--yes", at);
      assertEquals([done.code, done.error], [0, ""]);
      assertEquals(await committed(), { "t-0": 1n, "t-1": 1n, "u-0": 0n });
      // A group that is not there yet is made so, as by Kafka's tool.
      await typed("group", "reset", "fresh", "--to=latest", "--topic=u", "--yes", at);
      assertEquals(await committedOffsets(cluster, "fresh"), [
        { topic: "u", partition: 0, offset: 1n },
      ]);
      for (
        const [text, says] of [
          ["t,0", "line 1: needs topic,partition,offset"],
          ["t,0,-1", "line 1: needs topic,partition,offset"],
          ["t,0,1\nt,00,2", "line 2: names t-0 a second time"],
          ["other,t,0,1", "has no offsets of group g"],
          ["t,7,1", "t has no partition 7: it has 2"],
        ]
      ) {
        await Deno.writeTextFile(path, text);
        const { code, error } = await typed("group", "reset", "g", `--file=${path}`, "--yes", at);
        assertEquals(code, 1);
        assertStringIncludes(error, says);
      }
    })
  );
});

async function joined(broker: TestBroker): Promise<void> {
  const connection = await broker.connect();
  await connection.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ["g"] });
  const { errorCode } = await connection.request(ConsumerGroupHeartbeat, 1, {
    groupId: "g",
    memberId: "m",
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: ["t"],
    topicPartitions: [],
  });
  assertEquals(errorCode, 0);
}

Deno.test("reset and delete refuse while the group has members", async () => {
  await withGroup(async ({ broker, at, committed }) => {
    await joined(broker);
    const before = await committed();
    for (const flag of ["--yes", "--dry-run"]) {
      const { code, out, error } = await typed(
        "group",
        "reset",
        "g",
        "--to=0",
        "--topic=t",
        flag,
        at,
      );
      assertEquals([code, out], [1, ""]);
      assertStringIncludes(error, "Group g is Stable and has 1 member,");
    }
    const deleted = await typed("group", "delete", "g", "--yes", at);
    assertEquals(deleted.code, 1);
    assertStringIncludes(deleted.error, "NON_EMPTY_GROUP");
    const forgotten = await typed("group", "delete", "g", "--topic=t", "--yes", at);
    assertEquals(forgotten.code, 1);
    assertStringIncludes(forgotten.error, "GROUP_SUBSCRIBED_TO_TOPIC");
    assertEquals(await committed(), before);
    // What nobody subscribes to may be forgotten.
    assertEquals((await typed("group", "delete", "g", "--topic=u", "--yes", at)).code, 0);
    assertEquals(await committed(), { "t-0": 2n });
  });
});

const REFUSED: [args: string[], says: string][] = [
  [["--topic=t"], "needs one of --to, --to-time, --ago, --shift, --file"],
  [["--to=0", "--shift=1", "--topic=t"], "needs one of --to"],
  [["--to=0"], "needs either --topic or --all-topics"],
  [["--to=0", "--topic=t", "--all-topics"], "needs either --topic or --all-topics"],
  [["--file=x", "--topic=t"], "leave out --topic"],
  [["--to=middle", "--topic=t"], "--to middle: needs earliest, latest, current or an offset"],
  [["--to=-1", "--topic=t"], "--to -1"],
  [["--to=9223372036854775808", "--topic=t"], "--to 9223372036854775808"],
  [["--shift=1.5", "--topic=t"], "--shift 1.5"],
  [["--to-time=yesterday", "--topic=t"], "--to-time yesterday"],
  [["--to-time=2026-13-01", "--topic=t"], "--to-time 2026-13-01"],
  [["--ago=5", "--topic=t"], "--ago 5: needs a time"],
  [["--to=0", "--topic=t:"], "--topic t:"],
  [["--to=0", "--topic=t:3-1"], "3-1 is no run of partitions"],
  [["--to=0", "--topic=t:0-99999999"], "is no run of partitions below 1000000"],
  [["--to=0", "--topic=t:2"], "t has no partition 2: it has 2"],
  [["--to=0", "--topic=nope"], "topic nope: UNKNOWN_TOPIC_OR_PARTITION"],
  [["--shift=1", "--topic=t"], "t-1 cannot be shifted: group g has committed nothing there"],
  [["--file=/nowhere"], "Cannot read --file /nowhere"],
];

Deno.test("a reset that is wrong is refused in one line that has what is wrong, and changes nothing", async () => {
  await withGroup(async ({ at, committed }) => {
    const before = await committed();
    for (const [args, says] of REFUSED) {
      const { code, out, error } = await typed("group", "reset", "g", ...args, "--yes", at);
      assertEquals([code, out], [1, ""], args.join(" "));
      assertMatch(error, /^runnel: [^\n]+\n$/, args.join(" "));
      assertStringIncludes(error, says);
    }
    const nobody = await typed("group", "reset", "nobody", "--to=0", "--all-topics", "--yes", at);
    assertEquals(nobody.code, 1);
    assertStringIncludes(nobody.error, "Group nobody has committed nothing");
    assertEquals(await committed(), before);
  });
});

Deno.test("delete takes a group away, and says so of one that is not there", async () => {
  await withGroup(async ({ at, committed }) => {
    const asked = await typed("group", "delete", "g", at);
    assertEquals(asked.code, 1);
    assertStringIncludes(asked.error, "Say --yes");
    const some = await typed("group", "delete", "g", "--topic=t:0", "--yes", at);
    assertEquals([some.code, some.out], [0, "g: t-0 forgotten, was 2\n"]);
    assertEquals((await typed("group", "delete", "g", "--topic=t", "--yes", at)).code, 1);
    const both = await typed("group", "delete", "g", "g", "--yes", at);
    assertEquals([both.code, both.out], [0, "g: deleted\n"]);
    assertEquals(await committed(), {});
    const gone = await typed("group", "delete", "g", "--yes", at);
    assertEquals(gone.code, 1);
    assertStringIncludes(gone.error, "GROUP_ID_NOT_FOUND");
    const fine = await typed("group", "delete", "g", "--if-present", "--yes", at);
    assertEquals([fine.code, fine.out], [0, "g: is not there\n"]);
  });
});

Deno.test("list and describe print tables, and with --json what scripts need", async () => {
  await withGroup(async ({ at, cluster }) => {
    await commitOffsets(cluster, "\x1b[31mred", [{ topic: "t", partition: 0, offset: 1n }]);
    const list = await typed("group", "list", at);
    assertEquals(list.out.split("\n").length, 4);
    assertStringIncludes(list.out, "\\u{1b}[31mred");
    assertEquals(jsonLines(await typed("group", "list", "--json", at)).map(({ group }) => group), [
      "\x1b[31mred",
      "g",
    ]);
    const text = await typed("group", "describe", "g", "--wait=0", at);
    assertStringIncludes(text.out, "\nWhat is wrong\n  The group has no members");
    const [found] = jsonLines(await typed("group", "describe", "g", "--wait=0", "--json", at));
    assertEquals([found.groupId, found.state, found.partitions[0].lag], ["g", "Empty", 3]);
    assertEquals(found.findings[0], "The group has no members: nobody reads for it.");
    const absent = await typed("group", "describe", "nope", at);
    assertEquals([absent.code, absent.out], [1, ""]);
    assertStringIncludes(absent.error, "There is no group nope");
  });
});

Deno.test("watch prints lag again and again, with how fast the group gets on", async () => {
  await withGroup(async ({ at, cluster }) => {
    const watching = typed("group", "watch", "g", "--every=400ms", "--count=2", "--json", at);
    // Once the first look is printed, however long that takes; typed() gives standard output back.
    const { promise, resolve } = Promise.withResolvers<void>(), { writeSync } = Deno.stdout;
    Deno.stdout.writeSync = (bytes) => {
      resolve();
      return writeSync(bytes);
    };
    await promise;
    await commitOffsets(cluster, "g", [{ topic: "t", partition: 0, offset: 5n }]);
    const { code, out } = await watching;
    const [first, second] = jsonLines({ code, out, error: "" });
    assertEquals([code, first.lag, first.partitions[0].perSecond], [0, 3, null]);
    assertEquals([second.lag, second.partitions[0].perSecond > 0], [0, true]);
    const text = await typed("group", "watch", "g", "--count=1", at);
    assertMatch(text.out, /^\d\d:\d\d:\d\dZ {2}Group g: Empty, 0 members, 0 behind\nPARTITION /);
    assertEquals(text.out.includes("\x1b"), false);
    assertEquals((await typed("group", "watch", "nope", at)).code, 1);
    assertStringIncludes(
      (await typed("group", "watch", "g", "--every=1ms", at)).error,
      "100ms to 1h",
    );
  });
});
