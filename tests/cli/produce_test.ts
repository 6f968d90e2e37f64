/** Proves what `runnel produce` sends, by running it against a broker of its own and reading what came. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Consumer, type ConsumerRecord } from "../../src/client/consumer.ts";
import { Producer } from "../../src/client/producer.ts";
import { TestBroker } from "../broker/harness.ts";
import { runnel, started } from "./program.ts";

async function records(broker: TestBroker, topic: string, count: number, partitions = 1) {
  using consumer = new Consumer({ bootstrap: `127.0.0.1:${broker.port}` }, {
    autoOffsetReset: "earliest",
  });
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
  const found: ConsumerRecord[] = [];
  for (let tries = 0; found.length < count && tries < 20; tries++) {
    found.push(...await consumer.poll(500));
  }
  return found;
}

const shown = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);
const pairs = (found: readonly ConsumerRecord[]) =>
  found.map(({ key, value }) => [shown(key), shown(value)]);

Deno.test("produce sends lines of standard input and files, keys, nulls, tombstones and headers", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t");
  const run = async (args: readonly string[], input = "") => {
    const { code, error, text } = await runnel(["produce", "t", ...args, ...at], input);
    assertEquals([code, error], [0, ""], args.join(" "));
    return text;
  };
  await run([], "one\n\nthree");
  await run(["--key-separator", "\\t", "--null", "NULL"], "a\tx\nb\tNULL\nNULL\ty\n");
  await run(["--key", "k", "--tombstone"]);
  // A backslash is one: in JSON, in a path.
  await run([
    "--value",
    '{"v":"a\\nb"}',
    "--header",
    "h=C:\\new",
    "--header",
    "e=",
    "--header",
    "n",
  ]);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "first\nsecond\n");
    await run([file, "--count", "1"]);
    const told = await run([file, "--whole", "--compression", "zstd", "--report"]);
    assertEquals(JSON.parse(told).offset, 9);
  } finally {
    await Deno.remove(file);
  }
  const found = await records(broker, "t", 10);
  assertEquals(pairs(found), [
    [null, "one"],
    [null, ""],
    [null, "three"],
    ["a", "x"],
    ["b", null],
    [null, "y"],
    ["k", null],
    [null, '{"v":"a\\nb"}'],
    [null, "first"],
    [null, "first\nsecond\n"],
  ]);
  assertEquals(found[7].headers.map(({ key, value }) => [key, shown(value)]), [
    ["h", "C:\\new"],
    ["e", ""],
    ["n", null],
  ]);
});

Deno.test("consume --json | produce --json is without loss", async () => {
  await using broker = await TestBroker.start();
  const bootstrap = `127.0.0.1:${broker.port}`, at = ["--bootstrap", bootstrap];
  await broker.createTopic("from", { partitions: 3 });
  await broker.createTopic("to", { partitions: 3 });
  const parts = [null, new Uint8Array(), Uint8Array.of(0xff, 0, 10), new TextEncoder().encode("é")];
  const int64 = new Uint8Array(new BigInt64Array([-(2n ** 63n)]).buffer);
  {
    await using producer = new Producer({ bootstrap });
    let timestampMs = 0;
    for (const key of parts) {
      for (const value of [...parts, int64]) {
        const headers = [{ key: "a", value }, { key: "a", value: key }, { key: "", value: null }];
        const partition = timestampMs % 3;
        await producer.send({ topic: "from", partition, key, value, headers, timestampMs });
        timestampMs += 1;
      }
    }
  }
  const { out } = await runnel(["consume", "from", "--json", ...at]);
  const { code, error } = await runnel(["produce", "to", "--json", "--keep-partition", ...at], out);
  assertEquals([code, error], [0, ""]);
  const plain = (found: readonly ConsumerRecord[]) =>
    found.map(({ topic: _, ...rest }) => rest)
      .sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  assertEquals(
    plain(await records(broker, "to", 20, 3)),
    plain(await records(broker, "from", 20, 3)),
  );
});

Deno.test("produce refuses in words what it cannot send, and finishes what stood before", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t");
  const refused = async (args: readonly string[], input: string | Uint8Array, why: string) => {
    const { code, error } = await runnel(["produce", ...args, ...at], input);
    assertEquals(code, 1, args.join(" "));
    assertStringIncludes(error, why);
    assertEquals(error.trimEnd().split("\n").length, 1, error);
  };
  await refused(["nowhere"], "a\n", "There is no topic nowhere");
  await refused(["t", "--key-separator", ":"], "a:b\nc\n", "line 2 of standard input has no key");
  await refused(["t", "--json"], '{"key":"a"}\n', 'has no "value"');
  await refused(["t"], "x".repeat(2 << 20), "line 1 of standard input");
  const long = new Uint8Array(100 << 20).fill(97);
  await refused(["t"], long, "line 1 of standard input is longer than 33554432 bytes");
  await refused(["t", "/"], "", "/ is a directory: words behind the topic are files");
  await refused(["t", "--partition", "4"], "a\n", "t has no partition 4: it has 0 to 0");
  await refused(["t", "--acks", "leader", "--idempotent", "yes"], "", "needs --acks all");
  assertEquals(pairs(await records(broker, "t", 1)), [["a", "b"]]);
});

Deno.test("produce keeps its rate, every kind of acks delivers, and Ctrl-C finishes what it has read", async () => {
  await using broker = await TestBroker.start();
  const at = ["--bootstrap", `127.0.0.1:${broker.port}`];
  await broker.createTopic("t");
  const startMs = performance.now();
  const paced = await runnel([
    "produce",
    "t",
    "--rate",
    "10",
    "--value",
    "x",
    "--count",
    "16",
    ...at,
  ]);
  assertEquals(paced.code, 0);
  assert(performance.now() - startMs >= 1500, "16 records at 10 a second take 1.5 s at least");
  for (const acks of ["leader", "none"]) {
    assertEquals((await runnel(["produce", "t", "--acks", acks, ...at], "a\nb\n")).code, 0);
  }
  await using child = started(["produce", "t", ...at]);
  const writer = child.process.stdin.getWriter();
  await writer.write(new TextEncoder().encode("last\nunfinished"));
  assertEquals((await records(broker, "t", 21)).length, 21);
  child.process.kill("SIGINT");
  const { code, error } = await child.told;
  assertEquals([code, error], [130, ""]);
  await writer.close().catch(() => {});
});
