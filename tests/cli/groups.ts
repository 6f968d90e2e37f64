/**
 * `runnel group` of an executable against brokers that serve already, whose outputs have to be equal:
 * tests/cli/groups.ts RUNNEL HOST:PORT [HOST:PORT …]
 *
 * With KAFKA_CONSUMER_GROUPS, the path of Kafka's kafka-consumer-groups.sh, each reset is also what that tool would do
 * at each broker, and what was reset is what it finds.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Cluster } from "../../src/client/cluster.ts";
import { Producer } from "../../src/client/producer.ts";

const [program, ...brokers] = Deno.args;
if (brokers.length === 0) {
  throw new Error("Usage: tests/cli/groups.ts RUNNEL HOST:PORT [HOST:PORT …]");
}
const tool = Deno.env.get("KAFKA_CONSUMER_GROUPS");

const TOPIC = "cli-groups", OTHER = "cli-groups-other", GROUP = "cli-groups";
const TIME = 1_700_000_000_000;

/** What runnel and Kafka's tool call the same thing. */
const RESETS: [runnel: string, kafka: string][] = [
  [`--to earliest --topic ${TOPIC}`, `--to-earliest --topic ${TOPIC}`],
  [`--to latest --topic ${TOPIC}`, `--to-latest --topic ${TOPIC}`],
  ["--to latest --all-topics", "--to-latest --all-topics"],
  [`--to current --topic ${TOPIC}`, `--to-current --topic ${TOPIC}`],
  [`--to 4 --topic ${TOPIC}`, `--to-offset 4 --topic ${TOPIC}`],
  [`--to 0 --topic ${TOPIC}:0,2`, `--to-offset 0 --topic ${TOPIC}:0,2`],
  [
    `--to 999 --topic ${TOPIC}:1 --topic ${OTHER}`,
    `--to-offset 999 --topic ${TOPIC}:1 --topic ${OTHER}`,
  ],
  ["--shift 2 --all-topics", "--shift-by 2 --all-topics"],
  ["--shift=-100 --all-topics", "--shift-by -100 --all-topics"],
  [
    `--to-time 2023-11-14T22:13:20.005 --topic ${TOPIC}`,
    `--to-datetime 2023-11-14T22:13:20.005 --topic ${TOPIC}`,
  ],
  [
    `--to-time 2023-11-14T23:13:20.003+01:00 --topic ${TOPIC}`,
    `--to-datetime 2023-11-14T23:13:20.003+01:00 --topic ${TOPIC}`,
  ],
  [`--ago 1h --topic ${TOPIC}`, `--by-duration PT1H --topic ${TOPIC}`],
];

const all: string[][] = [];
for (const broker of brokers) {
  const startMs = performance.now();
  all.push(await outputsOf(broker));
  console.log(
    `${broker}: ${RESETS.length} resets in ${Math.round(performance.now() - startMs)} ms`,
  );
}
for (const outputs of all) assertEquals(outputs, all[0]);
const beside = tool === undefined ? "" : ", and what Kafka's tool says";
console.log(`group: equal on ${brokers.length} brokers${beside}`);

async function outputsOf(broker: string): Promise<string[]> {
  const at = ["--bootstrap", broker], outputs: string[] = [];
  await prepare(broker);
  const folder = await Deno.makeTempDir({ prefix: "cli-groups" });
  const reset = ["group", "reset", GROUP, ...at];
  try {
    // Partition 2 of the topic has nothing committed.
    const base = `${folder}/base.csv`;
    await Deno.writeTextFile(base, `${TOPIC},0,3\n${TOPIC},1,2\n${OTHER},0,1\n`);
    await ran([...reset, "--file", base, "--yes"]);
    for (const [own, kafkas] of RESETS) {
      const csv = await ran([...reset, ...own.split(" "), "--csv", "--dry-run"]);
      outputs.push(csv);
      if (tool === undefined) continue;
      const args = ["--reset-offsets", ...kafkas.split(" "), "--dry-run", "--export"];
      const theirs = await asKafka(broker, args);
      assertEquals(linesOf(csv), linesOf(theirs), `${broker}: ${own}`);
      // What one exports the other reads.
      await Deno.writeTextFile(`${folder}/theirs.csv`, linesOf(theirs).join("\n"));
      const file = ["--file", `${folder}/theirs.csv`, "--csv", "--dry-run"];
      assertEquals(await ran([...reset, ...file]), csv);
    }
    outputs.push(await ran([...reset, "--shift=1", "--all-topics", "--yes"]));
    const described = await ran(["group", "describe", GROUP, "--wait=0", "--json", ...at]);
    const { partitions } = JSON.parse(described);
    outputs.push(JSON.stringify(partitions));
    if (tool !== undefined) {
      const theirs = await asKafka(broker, ["--describe", "--offsets"]);
      for (const { topic, partition, committed, end, lag } of partitions) {
        const row = ["\\S+", topic, partition, committed, end, lag].join("\\s+");
        assertEquals(new RegExp(row).test(theirs), true, `${row} in ${theirs}`);
      }
    }
    // Behind the time of day.
    outputs.push((await ran(["group", "watch", GROUP, "--count=1", ...at])).replace(/^\S+/, ""));
    assertStringIncludes(await ran(["group", "list", ...at]), GROUP);
    outputs.push(await ran(["group", "delete", GROUP, "--topic", `${TOPIC}:0`, "--yes", ...at]));
    outputs.push(await ran(["group", "delete", GROUP, "--yes", ...at]));
    outputs.push(await ran(["group", "delete", GROUP, "--yes", "--if-present", ...at]));
    outputs.push(await ran([...reset, "--to=0", "--all-topics"], 1));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return outputs;
}

/** Ten records a partition, a millisecond apart; the oldest two of each of the topic are deleted. */
async function prepare(broker: string): Promise<void> {
  const at = ["--bootstrap", broker];
  await ran(["topic", "delete", TOPIC, OTHER, "--if-present", "--yes", ...at]);
  await ran(["group", "delete", GROUP, "--if-present", "--yes", ...at]);
  const kept = ["--config", "retention.ms=-1"]; // the records are of 2023
  await ran(["topic", "create", TOPIC, "--partitions", "3", ...kept, ...at]);
  await ran(["topic", "create", OTHER, "--partitions", "1", ...kept, ...at]);
  const cluster = new Cluster({ bootstrap: broker });
  const producer = new Producer(cluster);
  try {
    const places = [[TOPIC, 0], [TOPIC, 1], [TOPIC, 2], [OTHER, 0]] as const;
    await Promise.all(
      places.flatMap(([topic, partition]) =>
        Array.from(
          { length: 10 },
          (_, i) => producer.send({ topic, partition, value: `${i}`, timestampMs: TIME + i }),
        )
      ),
    );
  } finally {
    await producer.close();
    cluster.close();
  }
  await ran(["topic", "trim", TOPIC, "--before=2", "--yes", ...at]);
}

/** What it printed, or complained of; it has to end with this code. */
async function ran(args: readonly string[], code = 0): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], env: { NO_COLOR: "1" } });
  const output = await command.output();
  const out = new TextDecoder().decode(output.stdout);
  const error = new TextDecoder().decode(output.stderr);
  assertEquals(output.code, code, `runnel ${args.join(" ")}: ${error}`);
  return code === 0 ? out : error.replace(/127\.0\.0\.1:\d+/g, "BROKER");
}

async function asKafka(broker: string, args: readonly string[]): Promise<string> {
  const output = await new Deno.Command(tool!, {
    args: ["--bootstrap-server", broker, "--group", GROUP, ...args],
    env: { KAFKA_HEAP_OPTS: "-Xmx256M" },
  }).output();
  const out = new TextDecoder().decode(output.stdout);
  const error = new TextDecoder().decode(output.stderr);
  assertEquals(output.code, 0, `${args.join(" ")}: ${out}${error}`);
  return out;
}

/** Lines in one order, without the quotes that CSV may have. */
function linesOf(text: string): string[] {
  return text.replaceAll('"', "").split("\n").filter((line) => /,\d+$/.test(line)).sort();
}
