/**
 * `runnel bench` of an executable against brokers that serve already: tests/cli/bench.ts RUNNEL HOST:PORT [HOST:PORT …]
 *
 * What is measured is counted again: as many records and bytes as it says are in the topic, it comes back whole, and
 * nothing is left behind but what has a name.
 */
import { assert, assertEquals } from "@std/assert";

const [program, ...brokers] = Deno.args;
if (brokers.length === 0) {
  throw new Error("Usage: tests/cli/bench.ts RUNNEL HOST:PORT [HOST:PORT …]");
}

for (const broker of brokers) {
  const startMs = performance.now(), rates = await measured(broker);
  console.log(`${broker}: ${rates} in ${Math.round(performance.now() - startMs)} ms`);
}
console.log(
  `bench: what it counts is there, and what it makes is gone, on ${brokers.length} brokers`,
);

async function measured(broker: string): Promise<string> {
  const at = ["--bootstrap", broker], topic = `bench-${crypto.randomUUID()}`;
  const bench = async (...args: string[]) =>
    JSON.parse(await ran(["bench", ...args, "--json", ...at]));
  const topics = async () =>
    (await ran(["topic", "list", "--json", ...at])).trim().split("\n")
      .map((line) => line === "" ? "" : JSON.parse(line).topic as string)
      .filter((name) => name.startsWith("runnel-bench-"));
  const before = await topics();

  const fast = await bench("produce", "--size", "100", "--count", "300000", "--partitions", "2");
  assertEquals([fast.records, fast.bytes, fast.failed], [300_000, 30_000_000, 0]);
  const { p50, p95, p99, max, "p99.9": p999 } = fast.latencyMs;
  assert(0 < p50 && p50 <= p95 && p95 <= p99 && p99 <= p999 && p999 <= max, JSON.stringify(fast));

  let records = 0;
  for (
    const [i, args] of [
      ["--compression", "lz4", "--payload", "text"],
      ["--compression", "zstd", "--payload", "same", "--connections", "3"],
      ["--compression", "gzip", "--compression-level", "1", "--acks", "leader"],
      ["--compression", "snappy", "--idempotent", "no", "--in-flight", "20"],
      ["--acks", "none", "--batch-bytes", "2000"],
      ["--linger", "20ms", "--rate", "20000"],
    ].entries()
  ) {
    const create = i === 0 ? ["--create", "--partitions", "3"] : [];
    const found = await bench(
      "produce",
      topic,
      ...create,
      "--count",
      "5000",
      "--size",
      "200",
      ...args,
    );
    assertEquals([found.topic, found.partitions, found.records], [topic, 3, 5000], args.join(" "));
    records += found.records;
  }
  const read = await bench("consume", topic, "--connections", "2");
  assertEquals([read.records, read.bytes], [records, records * 200]);
  const lengths = await ran(["consume", topic, "--format", "%S\\n", ...at]);
  assertEquals(lengths, "200\n".repeat(records), "what a consumer reads");

  const e2e = await bench("e2e", topic, "--rate", "500", "--for", "1s", "--size", "200");
  assert(e2e.records >= 250 && e2e.records <= 510, JSON.stringify(e2e));
  assertEquals([e2e.lost, e2e.failed, e2e.strangers], [0, 0, 0]);

  assertEquals(await topics(), before, "what it made is gone");
  await ran(["topic", "delete", topic, "--yes", ...at]); // throws where it is not there
  return `produce ${Math.round(fast.recordsPerSecond)}/s, consume ${
    Math.round(read.recordsPerSecond)
  }/s, from end to end ${e2e.consumedMs.p50} ms`;
}

async function ran(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, `${args.join(" ")}: ${error}${out}`);
  return out;
}
