/** Proves what `runnel bench` measures and leaves behind, by running it against a broker of its own. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Fetch } from "../../src/protocol/messages/fetch.ts";
import { Produce } from "../../src/protocol/messages/produce.ts";
import { TestBroker } from "../broker/harness.ts";
import { runnel, started } from "./program.ts";

/** Standard error but for how far it is, which takes a slow machine to be told. */
const withoutProgress = (error: string) => error.replace(/^\d+% .*\n/gm, "");

/** A broker, and what asks it. */
async function asked() {
  const broker = await TestBroker.start(), bootstrap = `127.0.0.1:${broker.port}`;
  const cluster = new Cluster({ bootstrap });
  return {
    broker,
    at: ["--bootstrap", bootstrap],
    topics: async () => (await cluster.topics()).map(({ name }) => name),
    /** How many records a topic has. */
    async records(topic: string) {
      cluster.forget(topic);
      const asked = (await cluster.topic(topic)).partitions.map(({ index: partition }) => ({
        topic,
        partition,
        at: "latest" as const,
      }));
      const ends = await new Admin(cluster).listOffsets(asked);
      return ends.reduce((sum, { offset }) => sum + offset, 0);
    },
    async bench(...args: string[]) {
      const { code, text, error } = await runnel(["bench", ...args, "--json", ...this.at]);
      assertEquals([code, withoutProgress(error)], [0, ""], args.join(" "));
      return JSON.parse(text);
    },
    async [Symbol.asyncDispose]() {
      cluster.close();
      await broker[Symbol.asyncDispose]();
    },
  };
}

Deno.test("bench produce sends what it counts, and removes the topic that it made without a name", async () => {
  await using on = await asked();
  const own = await on.bench("produce", "--count", "3000", "--size", "100", "--connections", "2");
  assertEquals([own.records, own.bytes, own.failed], [3000, 300_000, 0]);
  assertMatch(own.topic, /^runnel-bench-[\da-f]{12}$/);
  assert(own.recordsPerSecond > 0 && own.latencyMs.p50 > 0, JSON.stringify(own));
  assert(
    own.latencyMs.p50 <= own.latencyMs["p99.9"] && own.latencyMs["p99.9"] <= own.latencyMs.max,
  );
  assertEquals(await on.topics(), []);

  for (const acks of ["all", "leader", "none"]) {
    const found = await on.bench("produce", "t", "--create", "--count", "1000", "--acks", acks);
    assertEquals([found.topic, found.records], ["t", 1000]);
  }
  assertEquals(await on.topics(), ["t"]);
  assertEquals(await on.records("t"), 3000);
});

Deno.test("bench produce keeps a topic that was there, and one that it is told to keep", async () => {
  await using on = await asked();
  await on.broker.createTopic("mine", { partitions: 3 });
  const found = await on.bench("produce", "mine", "--count", "500", "--compression", "lz4");
  assertEquals([found.partitions, await on.records("mine")], [3, 500]);
  const args = ["--keep", "--partitions", "2", "--count", "10", "--payload", "text"];
  const { code, error, text } = await runnel(["bench", "produce", ...args, ...on.at]);
  assertEquals(code, 0);
  const [, kept] = /^The records are in (\S+)\.\n$/.exec(withoutProgress(error)) ?? [];
  assertMatch(text, /^RECORDS +SECONDS +RECORDS\/S +MB\/S\n10 /);
  assertMatch(text, /\nLATENCY, MS +P50 .*P99\.9 .*MAX .*MEAN\nacknowledged /);
  assertEquals((await on.topics()).sort(), ["mine", kept]);
  assertEquals(await on.records(kept), 10);
});

Deno.test("bench produce keeps its rate, and what a warm-up sent is not counted", async () => {
  await using on = await asked();
  const args = ["--rate", "500", "--for", "2s", "--warm-up", "500ms", "--size", "10"];
  const found = await on.bench("produce", "t", "--create", ...args);
  assert(found.records >= 800 && found.records <= 1010, JSON.stringify(found));
  assert(found.recordsPerSecond > 300 && found.recordsPerSecond < 550, JSON.stringify(found));
  const all = await on.records("t");
  assert(all > found.records && all <= 1300, `${all} with those of the warm-up`);
});

Deno.test("bench consume counts what there is, once, of the partitions it is told", async () => {
  await using on = await asked();
  await on.broker.createTopic("t", { partitions: 4 });
  for (const codec of ["none", "lz4"]) {
    await on.bench("produce", "t", "--count", "5000", "--size", "300", "--compression", codec);
  }
  const all = await on.bench("consume", "t");
  assertEquals([all.records, all.bytes, all.partitions], [10_000, 3_000_000, 4]);
  assert(all.fetches > 0 && all.fetchMs.p50 > 0);
  const three = await on.bench("consume", "t", "--connections", "3", "--fetch-bytes", "20000");
  assertEquals([three.records, three.bytes], [10_000, 3_000_000]);
  assert(three.fetches > all.fetches, `${three.fetches} small fetches, ${all.fetches} large ones`);
  let sum = 0;
  for (const some of ["0", "1,2", "3"]) {
    sum += (await on.bench("consume", "t", "--partition", some)).records;
  }
  assertEquals(sum, 10_000);
  const few = await on.bench("consume", "t", "--count", "100", "--partition-bytes", "1");
  assert(few.records >= 100 && few.records < 10_000, `${few.records}`);
  const empty = await on.bench("consume", "t", "--from", "end", "--for", "300ms");
  assertEquals([empty.records, empty.bytes], [0, 0]);
});

Deno.test("bench e2e has every record come back, and knows those of others", async () => {
  await using on = await asked();
  const args = ["--rate", "300", "--for", "1s", "--warm-up", "300ms", "--partitions", "2"];
  const found = await on.bench("e2e", ...args, "--size", "50");
  assert(found.records >= 200 && found.records <= 310, JSON.stringify(found));
  assertEquals([found.lost, found.failed, found.strangers], [0, 0, 0]);
  assert(found.consumedMs.p50 > 0 && found.acknowledgedMs.p50 > 0, JSON.stringify(found));
  assertEquals(await on.topics(), []);

  await on.broker.createTopic("t");
  const long = on.bench("e2e", "t", "--rate", "100", "--count", "300");
  for (let tries = 0; await on.records("t") === 0 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await on.bench("produce", "t", "--count", "20", "--size", "50");
  const { records, strangers, lost } = await long;
  assertEquals([records, strangers, lost], [300, 20, 0]);
});

Deno.test("Ctrl-C ends a bench with what it has measured, and its topic is removed", async () => {
  await using on = await asked();
  await on.broker.createTopic("t");
  for (
    const [api, args] of [
      [Produce, ["produce"]],
      [Fetch, ["e2e"]],
      [Fetch, ["consume", "t", "--from", "end"]],
    ] as const
  ) {
    const before = on.broker.arrivals(api);
    await using child = started(["bench", ...args, "--for", "1h", "--json", ...on.at]);
    await on.broker.arrived(api, before + 1);
    child.process.kill("SIGINT");
    const { code, text, error } = await child.told;
    assertEquals([code, withoutProgress(error)], [130, ""], args.join(" "));
    assertEquals(JSON.parse(text).bench, args[0]);
    assertEquals(await on.topics(), ["t"]);
  }
});

Deno.test("a record that fails ends a bench, with why and what had gone well", async () => {
  await using on = await asked();
  await on.broker.createTopic("small", { configs: { "max.message.bytes": "1000" } });
  const { code, error, text } = await runnel(["bench", "produce", "small", "--json", ...on.at]);
  assertEquals(code, 1);
  assertMatch(
    withoutProgress(error),
    /^runnel: produce to small-0: .*MESSAGE_TOO_LARGE.*; \d+ records failed, 0 did not\n$/,
  );
  assertEquals(JSON.parse(text).records, 0);
});

const REFUSED: readonly (readonly [string[], string])[] = [
  [["produce", "--count", "0"], "--count 0: needs a whole number"],
  [["produce", "--for", "10"], "--for 10: needs a time"],
  [["produce", "--for", "0s"], "--for 0s: needs 1ms to 30d"],
  [["produce", "--warm-up", "99d"], "--warm-up 99d: needs 1ms to 30d"],
  [["produce", "--rate", "fast"], "--rate fast: needs records a second"],
  [["produce", "--rate", "0"], "--rate 0: needs records a second"],
  [["produce", "--size", "-1"], "--size -1: needs a whole number"],
  [["produce", "--size", "33554433"], "--size 33554433: needs a whole number, 0 to 33554432"],
  [["produce", "--acks", "2"], "--acks"],
  [
    ["produce", "--acks", "leader", "--idempotent", "yes"],
    "--idempotent yes needs --acks all, not leader",
  ],
  [["produce", "--in-flight", "6"], "--in-flight 6: needs 1 to 5, more with --idempotent no"],
  [["produce", "--compression-level", "3"], "--compression-level 3: none has none"],
  [
    ["produce", "--compression", "gzip", "--compression-level", "10"],
    "--compression-level 10: needs",
  ],
  [["produce", "--create"], "--create needs the name of the topic"],
  [["produce", "t", "--keep"], "--keep: t has a name"],
  [["produce", "t", "--partitions", "3"], "--partitions 3: t has those it has"],
  [["produce", "t", "--create", "--partitions", "3"], "--partitions 3: t is there, with 1"],
  [["produce", "nothing-here"], "There is no topic nothing-here"],
  [["produce", "--batch-bytes", "0"], "--batch-bytes 0: needs"],
  [["produce", "--buffer-bytes", "no"], "--buffer-bytes no: needs"],
  [["produce", "--connections", "1001"], "--connections 1001: needs"],
  [["consume", "t", "--partition", "x"], "--partition x: needs whole numbers"],
  [["consume", "t", "--partition", "7"], "t has no partition 7"],
  [["consume", "t", "--connections", "2"], "--connections 2: t has 1 partitions to read"],
  [["consume", "t", "--max-wait", "30s"], "--max-wait 30s: needs 0ms to 20s"],
  [["consume", "t", "--fetch-bytes", "0"], "--fetch-bytes 0: needs"],
  [["consume"], "TOPIC"],
  [["e2e", "--size", "15"], "--size 15: needs a whole number, 16 to"],
  [["e2e", "--linger", "soon"], "--linger soon: needs a time"],
];

Deno.test("what a bench cannot do is refused with the value that is wrong, and nothing is made", async () => {
  await using on = await asked();
  await on.broker.createTopic("t");
  const program = await import("../../src/cli/mod.ts"), told: string[] = [], error = console.error;
  console.error = (line: string) => told.push(line);
  try {
    for (const [args, says] of REFUSED) {
      const code = await program.run(["bench", ...args, ...on.at], () => Promise.reject());
      assertEquals(code, 1, args.join(" "));
      assertStringIncludes(told.splice(0).join("\n"), says);
    }
  } finally {
    console.error = error;
  }
  assertEquals(await on.topics(), ["t"]);
});
