/** Proves what `runnel consume` prints, and where it ends, by running it against a broker of its own. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { plannedPartitions } from "../../src/cli/consume/plan.ts";
import { rangesOf } from "../../src/cli/consume/range.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { committedOffsets, describeGroup } from "../../src/client/groups.ts";
import { Producer } from "../../src/client/producer.ts";
import { TransactionalProducer } from "../../src/client/transactional_producer.ts";
import { TestBroker } from "../broker/harness.ts";
import { runnel, spawned, started } from "./program.ts";

const lines = (text: string) => text.split("\n").slice(0, -1);

async function withRecords(broker: TestBroker, topic: string, values: readonly string[]) {
  const bootstrap = `127.0.0.1:${broker.port}`;
  await using producer = new Producer({ bootstrap });
  for (const [i, value] of values.entries()) {
    await producer.send({ topic, partition: 0, key: `k${i}`, value, timestampMs: 1000 + i });
  }
}

Deno.test("consume prints values, keys, nulls and JSON, and ends where the topic ended", async () => {
  await using broker = await TestBroker.start();
  const bootstrap = `127.0.0.1:${broker.port}`, at = ["--bootstrap", bootstrap];
  await broker.createTopic("t");
  {
    await using producer = new Producer({ bootstrap });
    await producer.send({ topic: "t", key: "a", value: "one", timestampMs: 5 });
    await producer.send({ topic: "t", key: "b", value: null, timestampMs: 6 });
    await producer.send({ topic: "t", value: "", timestampMs: 7 });
    const headers = [{ key: "h", value: null }, { key: "h", value: Uint8Array.of(0xff) }];
    await producer.send({ topic: "t", value: Uint8Array.of(0xff, 10), timestampMs: 8, headers });
  }
  const plain = await runnel(["consume", "t", ...at]);
  assertEquals([plain.code, plain.error], [0, ""]);
  const expected = [...new TextEncoder().encode("one\nnull\n\n"), 0xff, 10, 10];
  assertEquals([...plain.out], expected);
  const keyed = await runnel(["consume", "t", "--key-separator", "\\t", "--null", "∅", ...at]);
  assertEquals(lines(keyed.text).slice(0, 3), ["a\tone", "b\t∅", "∅\t"]);
  const json = await runnel(["consume", "t", "--json", ...at]);
  assertEquals(lines(json.text).map((line) => JSON.parse(line)).at(-1), {
    topic: "t",
    partition: 0,
    offset: 3,
    timestamp: 8,
    key: null,
    value: { base64: "/wo=" },
    headers: [{ key: "h", value: null }, { key: "h", value: { base64: "/w==" } }],
  });
});

Deno.test("consume reads ranges of offsets and times, chosen partitions and counts", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t", { partitions: 2 });
  await withRecords(broker, "t", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  const cluster = new Cluster({ bootstrap: at[1] });
  const planned = async (...texts: string[]) => {
    const ranges = rangesOf(texts, Date.now());
    if (typeof ranges === "string") throw new Error(ranges);
    const options = { topics: ["t"], partitions: [], isFollowing: false } as const;
    const found = await plannedPartitions(cluster, {
      ...options,
      ranges,
      isolation: "readCommitted",
    });
    return found.map(({ from, until }) => `${from}:${until}`).join(" ");
  };
  assertEquals(await planned(), "0:10 0:0");
  assertEquals(await planned("3:6"), "3:6 0:0");
  assertEquals(await planned("+1:-7"), "1:3 0:0");
  assertEquals(await planned("@1004:@1006"), "4:6 0:0");
  assertEquals(await planned("@1008"), "8:10 0:0");
  assertEquals(await planned("@-1h"), "10:10 0:0");
  assertEquals(await planned("0=8", "1=end"), "8:10 0:0");
  assertEquals(await planned("500"), "10:10 0:0");
  cluster.close();
  const printed = async (...args: string[]) => {
    const { code, text, error } = await runnel(["consume", "t", ...args, ...at]);
    assertEquals([code, error], [0, ""], args.join(" "));
    return lines(text).join("");
  };
  assertEquals(await printed("--offset", "3:6"), "345");
  assertEquals(await printed("--last", "2"), "89");
  assertEquals(await printed("--partition", "1"), "");
  assertEquals(await printed("--count", "3"), "012");
  const behind = await runnel(["consume", "t", "--offset", "500", ...at]);
  assertEquals([behind.code, behind.text], [0, ""]);
  assertStringIncludes(behind.error, "every one of 2 partitions ends at 10 or before");
  const missing = await runnel(["consume", "t", "--partition", "7", ...at]);
  assertEquals(missing.code, 1);
  assertStringIncludes(missing.error, "t has no partition 7: it has 0 to 1");
  const none = await runnel(["consume", "nowhere", ...at]);
  assertEquals(none.code, 1);
  assertStringIncludes(none.error, "nowhere");
});

Deno.test("consume ends over control records, aborted and open transactions", async () => {
  await using broker = await TestBroker.start();
  const bootstrap = `127.0.0.1:${broker.port}`, at = ["--bootstrap", bootstrap];
  await broker.createTopic("t");
  await using producer = new TransactionalProducer({ bootstrap }, { transactionalId: "x" });
  await producer.init();
  for (const [value, isKept] of [["kept", true], ["aborted", false]] as const) {
    producer.begin();
    await producer.send({ topic: "t", value });
    await (isKept ? producer.commit() : producer.abort());
  }
  assertEquals((await runnel(["consume", "t", ...at])).text, "kept\n");
  producer.begin();
  await producer.send({ topic: "t", value: "open" });
  assertEquals((await runnel(["consume", "t", ...at])).text, "kept\n");
  assertEquals(
    (await runnel(["consume", "t", "--uncommitted", ...at])).text,
    "kept\naborted\nopen\n",
  );
  await producer.abort();
});

Deno.test("consume ends at the end of its start, though a producer goes on", async () => {
  await using broker = await TestBroker.start();
  const bootstrap = `127.0.0.1:${broker.port}`;
  await broker.createTopic("t");
  await withRecords(broker, "t", ["first"]);
  const stop = new AbortController();
  const producing = (async () => {
    await using producer = new Producer({ bootstrap });
    for (let i = 0; !stop.signal.aborted; i++) {
      await producer.send({ topic: "t", value: `${i}` });
    }
  })();
  const { code, text } = await runnel(["consume", "t", "--bootstrap", bootstrap]);
  stop.abort();
  await producing;
  assertEquals([code, lines(text)[0]], [0, "first"]);
});

Deno.test("consume --follow goes on with what comes until Ctrl-C", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t");
  await withRecords(broker, "t", ["before"]);
  await using child = started(["consume", "t", "--follow", "--count", "2", ...at]);
  await using stopped = started(["consume", "t", "--follow", ...at]);
  await Promise.all([child.printed("before\n"), stopped.printed("before\n")]);
  await withRecords(broker, "t", ["after"]);
  assertEquals((await child.told).text, "before\nafter\n");
  await stopped.printed("after\n");
  stopped.process.kill("SIGINT");
  const { code, text, error } = await stopped.told;
  assertEquals([code, text, error], [0, "before\nafter\n", ""]);
});

Deno.test("consume ends quietly when nobody reads it any more", async () => {
  await using broker = await TestBroker.start();
  await broker.createTopic("t");
  await withRecords(broker, "t", Array.from({ length: 300 }, () => "x".repeat(2000)));
  const child = spawned(["consume", "t", "--bootstrap", `127.0.0.1:${broker.port}`]);
  const reader = child.stdout.getReader();
  assert((await reader.read()).value!.length > 0);
  await reader.cancel();
  const [{ code }, error] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
    child.stdin.close(),
  ]);
  assertEquals([code, error], [0, ""]);
});

Deno.test("consume counts what its filters let through", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t");
  await withRecords(broker, "t", ['{"n":1}', '{"n":2}', "no JSON", '{"n":3}', '{"n":4}']);
  const run = (...args: string[]) => runnel(["consume", "t", ...args, ...at]);
  const found = await run("--where", "$[?@ > 1]", "--count", "2", "--format", "%o %k %s\\n");
  assertEquals([found.code, found.text], [0, '1 k1 {"n":2}\n3 k3 {"n":3}\n']);
  assertEquals((await run("--key", "k2")).text, "no JSON\n");
  const wrong = await run("--where", "n");
  assertEquals([wrong.code, wrong.text], [1, ""]);
  assertStringIncludes(wrong.error, "--where n");
});

Deno.test("consume in a group goes on where the group is, commits what it printed, and shares", async () => {
  await using broker = await TestBroker.start({ groups: { consumerHeartbeatIntervalMs: 1000 } });
  const bootstrap = `127.0.0.1:${broker.port}`, at = ["--bootstrap", bootstrap];
  await broker.createTopic("t", { partitions: 2 });
  await withRecords(broker, "t", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  const run = (...args: string[]) => runnel(["consume", "t", "--group", "g", ...args, ...at]);
  const cluster = new Cluster({ bootstrap });
  const committed = async () =>
    (await committedOffsets(cluster, "g")).filter(({ partition }) => partition === 0)
      .map(({ offset }) => Number(offset));
  const first = await run("--count", "3");
  assertEquals([first.code, first.error, lines(first.text).join("")], [0, "", "012"]);
  assertEquals(await committed(), [3]);
  const filtered = await run("--key", "k5");
  assertEquals([filtered.code, filtered.text], [0, "5\n"]);
  assertEquals(await committed(), [10]);
  assertEquals((await run()).text, "");
  await using following = started(["consume", "t", "--group", "g", "--follow", ...at]);
  await using other = started(["consume", "t", "--group", "g", "--follow", ...at]);
  for (let tries = 0; tries < 100; tries++) {
    const group = await describeGroup(cluster, "g");
    const shares = group?.members.map(({ partitions }) => partitions.length) ?? [];
    if (shares.length === 2 && shares.every((count) => count === 1)) break;
    assert(tries < 99, `the members have ${shares}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  {
    await using producer = new Producer({ bootstrap });
    for (const partition of [0, 1]) {
      await producer.send({ topic: "t", partition, value: `p${partition}` });
    }
  }
  await Promise.all([following.printed("\n"), other.printed("\n")]);
  for (const one of [following, other]) one.process.kill("SIGINT");
  const texts = [await following.told, await other.told];
  assertEquals(texts.map(({ code, error }) => [code, error]), [[0, ""], [0, ""]]);
  assertEquals(texts.map(({ text }) => text).sort(), ["p0\n", "p1\n"]);
  assertEquals(await committed(), [11]);
  assertEquals((await describeGroup(cluster, "g"))?.members, []); // they have left
  cluster.close();
  const wrong = await run("--last", "3");
  assertEquals(wrong.code, 1);
  assertStringIncludes(wrong.error, "--last: the group says");
});
