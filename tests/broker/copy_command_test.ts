/**
 * Proves `runnel copy` between two brokers: what comes over, what is refused and why, where a group goes on, and that a
 * copy which dies at any of its writes is finished by the next one with each record once.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { copied, type CopyOptions } from "../../src/cli/copy/copy.ts";
import { makeTopic } from "../../src/cli/copy/topics.ts";
import { Output } from "../../src/cli/output.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer, type ConsumerRecord } from "../../src/client/consumer.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { GroupMember } from "../../src/client/group_member.ts";
import { committedOffsets } from "../../src/client/groups.ts";
import { type Isolation, listOffsets } from "../../src/client/list_offsets.ts";
import { Producer } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { withSeed } from "../random.ts";
import { jsonLines, typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

/** A source and a target. */
class Two implements AsyncDisposable {
  readonly source: Cluster;
  readonly target: Cluster;

  private constructor(readonly from: TestBroker, readonly to: TestBroker) {
    this.source = new Cluster({ bootstrap: `127.0.0.1:${from.port}` });
    this.target = new Cluster({ bootstrap: `127.0.0.1:${to.port}` });
  }

  static async start(): Promise<Two> {
    return new Two(await TestBroker.start(), await TestBroker.start());
  }

  get flags(): string[] {
    return ["--from", `127.0.0.1:${this.from.port}`, "--to", `127.0.0.1:${this.to.port}`];
  }

  copy(...args: string[]) {
    return typed("copy", ...args, ...this.flags);
  }

  async send(topic: string, values: readonly (string | null)[], partition = 0): Promise<void> {
    await using producer = new Producer(this.source);
    for (const [n, value] of values.entries()) {
      await producer.send({ topic, partition, key: `k${n}`, value, timestampMs: 1e12 + n });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.source.close();
    this.target.close();
    await this.from[Symbol.asyncDispose]();
    await this.to[Symbol.asyncDispose]();
  }
}

async function recordsOf(
  cluster: Cluster,
  topic: string,
  { partition = 0, offset = 0, isolation = "readUncommitted" }: {
    partition?: number;
    offset?: number;
    isolation?: Isolation;
  } = {},
): Promise<ConsumerRecord[]> {
  using consumer = new Consumer(cluster, { autoOffsetReset: "earliest", isolation });
  const one = { topic, partition }, records: ConsumerRecord[] = [];
  const [{ offset: end }] = await listOffsets(cluster, [{ ...one, at: "latest" }], { isolation });
  consumer.assign([one]);
  consumer.seek(one, offset);
  while (!consumer.hasReached(one, end)) records.push(...await consumer.poll(100));
  return records;
}

const contentOf = (records: readonly ConsumerRecord[]) =>
  records.map(({ timestampMs, key, value, headers }) => ({ timestampMs, key, value, headers }));

const valuesOf = (records: readonly ConsumerRecord[]) =>
  records.map(({ value }) => value === null ? null : new TextDecoder().decode(value));

const KEPT = { "retention.ms": "-1" };

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
});

const OPTIONS: CopyOptions = {
  selection: { names: ["t"], matches: null, renames: new Map(), prefix: "" },
  groups: null,
  isFollowing: false,
  isAppending: false,
  compression: null,
  replicas: null,
  name: null,
};

/** A cluster whose process dies at its n-th write to a socket: the write may have arrived, nothing is heard or sent since. */
function mortal(port: number, writes: number): Cluster {
  let left = writes;
  const sockets = new Set<Deno.TcpConn>();
  const die = () => {
    cluster.close();
    for (const socket of sockets) {
      try {
        socket.close();
      } catch {
        // The cluster has closed it.
      }
    }
  };
  const cluster: Cluster = new Cluster({
    bootstrap: `127.0.0.1:${port}`,
    dial: async (address) => {
      if (left <= 0) throw new Error("dead");
      const socket = await Deno.connect(address);
      sockets.add(socket);
      return {
        read: (into) => socket.read(into),
        async write(bytes) {
          if (left <= 0) throw new Error("dead");
          const written = await socket.write(bytes);
          if (--left === 0) die();
          return written;
        },
        close: () => socket.close(),
      };
    },
  });
  return cluster;
}

Deno.test("a copy that dies at any of its writes is finished by the next one: each record once", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { partitions: 2, configs: KEPT });
  {
    // Batches of their own, with gaps between them, so that the log may end only where one of them does.
    await using producer = new TransactionalProducer(two.source, { transactionalId: "x" });
    await producer.init();
    for (let n = 0; n < 60; n++) {
      producer.begin();
      const value = new Uint8Array(66_000).fill(n);
      producer.send({ topic: "t", partition: n % 2, value, timestampMs: 1e12 + n });
      await producer.commit();
    }
  }
  const expected = [0, 1].map((partition) =>
    Array.from({ length: 30 }, (_, n) => n * 2 + partition).join()
  );
  const seen = async (topic: string) => {
    const both = [];
    for (const partition of [0, 1]) {
      const records = await recordsOf(two.target, topic, { partition });
      both.push(records.map(({ value }) => value![0]).join());
    }
    return both;
  };
  const moments: number[] = [];
  withSeed((random) => {
    for (let n = 0; n < 14; n++) moments.push(1 + random.below(n < 9 ? 110 : 40));
  });
  let died = 0;
  for (const [n, moment] of moments.entries()) {
    const selection = { ...OPTIONS.selection, prefix: `${n}.` },
      out = new Output({ isJson: true, sink: SILENT });
    const options = { ...OPTIONS, selection, name: `n${n}` };
    for (const writes of [moment, Math.max(1, moment >> 1), Infinity]) {
      const target = mortal(two.to.port, writes);
      const source = new Cluster({ bootstrap: `127.0.0.1:${two.from.port}` });
      const code = await quietly(() => copied({ source, target, out, options })).catch(() => -1);
      if (writes === Infinity) assertEquals(code, 0, `after death at write ${moment}`);
      else if (target.isClosed) died++;
      target.close();
      source.close();
    }
    assertEquals(await seen(`${n}.t`), expected, `after death at write ${moment}`);
    await new Admin(two.target).deleteTopics([`${n}.t`]);
  }
  assert(died > 16, `it died ${died} times only`);
});

const SILENT = { write() {}, width: null };

/** What the dying say is not what is looked at. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = () => {};
  try {
    return await work();
  } finally {
    console.error = error;
  }
}

Deno.test("of two copies with one name the later goes on, and the earlier ends and says so", async () => {
  await using two = await Two.start();
  await two.from.createTopic("t", { configs: KEPT });
  await two.send("t", ["a", "b"]);
  const first = two.copy("t", "--follow");
  const { source, target } = two;
  const out = new Output({ isJson: true, sink: SILENT });
  for (let tries = 0; tries < 200; tries++) {
    if ((await target.topics()).some(({ name }) => name === "t")) break;
    await target.pause(50);
  }
  while ((await recordsOf(target, "t")).length < 2) await target.pause(50);
  assertEquals(await copied({ source, target, out, options: OPTIONS }), 0);
  await two.send("t", ["c"]);
  const told = await first;
  assertEquals(told.code, 1);
  assertMatch(told.error, /Another copy named .* has begun/);
  assertEquals(valuesOf(await recordsOf(target, "t")), ["a", "b"]);
  assertEquals(await copied({ source, target, out, options: OPTIONS }), 0);
  assertEquals(valuesOf(await recordsOf(target, "t")), ["a", "b", "c"]);
});

Deno.test("copy --follow goes on with what comes, partitions too, and Ctrl-C ends it in order", async () => {
  await using two = await Two.start();
  const { source, target } = two;
  await two.from.createTopic("t", {
    configs: { ...KEPT, "message.timestamp.type": "LogAppendTime" },
  });
  await two.send("t", ["a"]);
  const following = two.copy("t", "--follow", "--json");
  const there = async (partition: number, count: number) => {
    for (let tries = 0; tries < 400; tries++) {
      const records = await recordsOf(target, "t", { partition }).catch(() => []);
      if (records.length === count) return;
      await target.pause(50);
    }
    throw new Error(`t-${partition} did not come to ${count} records`);
  };
  await there(0, 1);
  await two.send("t", ["b", "c"]);
  await there(0, 3);
  await new Admin(source).createPartitions("t", 3);
  source.forget("t");
  await two.send("t", ["z"], 2);
  target.forget("t");
  for (let tries = 0; tries < 400 && (await target.topic("t")).partitions.length < 3; tries++) {
    await target.pause(50);
    target.forget("t");
  }
  await there(2, 1);
  await commitOffsets(source, "g", [{ topic: "t", partition: 0, offset: 2n }]);
  Deno.kill(Deno.pid, "SIGTERM"); // which is as Ctrl-C, but for the test runner
  const told = await following;
  assertEquals([told.code, told.error], [0, ""]);
  assertEquals(jsonLines(told).map(({ state, group }) => [group, state]), [
    [undefined, "copied"],
    ["g", "set"],
  ]);
  const [type] = await new Admin(target).describeConfigs({ type: "topic", name: "t" }, [
    "message.timestamp.type",
  ]);
  assertEquals(type.value, "LogAppendTime");
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
