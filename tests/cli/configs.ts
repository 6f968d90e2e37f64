/**
 * `runnel config` and `runnel cluster` of an executable against brokers that serve already:
 * tests/cli/configs.ts RUNNEL HOST:PORT [HOST:PORT …]
 *
 * Configs are set, got, compared and unset, with equal outputs everywhere. With KAFKA_CONFIGS, the path of Kafka's
 * kafka-configs.sh, what was set is what that tool finds.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const [program, ...brokers] = Deno.args;
if (brokers.length === 0) {
  throw new Error("Usage: tests/cli/configs.ts RUNNEL HOST:PORT [HOST:PORT …]");
}
const tool = Deno.env.get("KAFKA_CONFIGS");

const TOPIC = "cli-configs", OTHER = "cli-configs-other";

/** Whose, by runnel and by Kafka's tool, and what is set. */
const SETS: [kind: string, name: string, entity: string, config: string, value: string][] = [
  ["topic", TOPIC, `topics/${TOPIC}`, "retention.ms", "61000"],
  ["topic", TOPIC, `topics/${TOPIC}`, "cleanup.policy", "compact,delete"],
  ["group", "cli-configs", "groups/cli-configs", "consumer.session.timeout.ms", "50000"],
  ["client", "cli-configs", "client-metrics/cli-configs", "interval.ms", "61000"],
  ["broker", "default", "brokers/", "log.segment.bytes", "61000000"],
];

const all: string[][] = [];
for (const broker of brokers) {
  const startMs = performance.now();
  all.push(await outputsOf(broker));
  console.log(`${broker}: ${Math.round(performance.now() - startMs)} ms`);
}
for (const outputs of all) assertEquals(outputs, all[0]);
const beside = tool === undefined ? "" : ", and what Kafka's tool finds";
console.log(`config and cluster: equal on ${brokers.length} brokers${beside}`);

async function outputsOf(broker: string): Promise<string[]> {
  const at = ["--bootstrap", broker], outputs: string[] = [];
  const ran = async (args: readonly string[], code = 0) =>
    void outputs.push(
      (await output([...args, ...at], code)).replaceAll(/127\.0\.0\.1:\d+/g, "BROKER"),
    );
  await ran(["topic", "delete", TOPIC, OTHER, "--if-present", "--yes"]);
  outputs.pop(); // whether they were there
  await ran(["topic", "create", TOPIC, OTHER, "--partitions", "1"]);
  for (const [kind, name, entity, config, value] of SETS) {
    const own = [kind, name];
    await ran(["config", "set", ...own, `${config}=${value}`, "--dry-run"]);
    await ran(["config", "get", ...own, config, "--json"], kind === "broker" ? 1 : 0);
    await ran(["config", "set", ...own, `${config}=${value}`]);
    await ran(["config", "get", ...own, config, "--json"]);
    if (tool !== undefined) {
      assertStringIncludes(await asKafka(broker, entity), `${config}=${value} `);
    }
  }
  await ran(["config", "get", "topic", TOPIC]);
  await ran(["config", "diff", "topic", TOPIC, OTHER], 2);
  for (const [kind, name, , config] of SETS) await ran(["config", "unset", kind, name, config]);
  await ran(["config", "get", "topic", TOPIC]);
  await ran(["config", "diff", "topic", TOPIC, OTHER]);
  await ran(["config", "diff", "topic", TOPIC, "--other-bootstrap", brokers[0]]);
  await ran(["config", "set", "topic", TOPIC, "nonsense=1"], 1);
  await ran(["config", "set", "topic", TOPIC, "retention.ms=1", "segment.bytes=few"], 1);
  assertStringIncludes(outputs.pop()!, "Invalid value few for configuration segment.bytes"); // why is the broker's word
  await ran(["config", "get", "topic", TOPIC]);
  await ran(["config", "get", "topic", "cli-configs-nowhere"], 1);
  const told = await output(["cluster", "--apis", ...at]);
  assertMatch(told, /^Cluster [\w-]{22}, controller broker \d+\n\d+ topics, \d+ partitions, /);
  assertStringIncludes(told, `  ${broker} `);
  assertMatch(told, /\nmetadata\.version +\d+ +\d+-\d+\n/);
  assertMatch(told, /\n *18 +ApiVersions +0-\d+\n/);
  return outputs;
}

/** What it printed, or complained of; it has to end with this code. */
async function output(args: readonly string[], code = 0): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], env: { NO_COLOR: "1" } });
  const { code: ended, stdout, stderr } = await command.output();
  const out = new TextDecoder().decode(stdout), error = new TextDecoder().decode(stderr);
  assertEquals(ended, code, `runnel ${args.join(" ")}: ${out}${error}`);
  return code === 1 ? error : out;
}

/** "topics/orders"; without a name the default of all. */
async function asKafka(broker: string, entity: string): Promise<string> {
  const [type, name] = entity.split("/");
  const which = name === "" ? ["--entity-default"] : ["--entity-name", name];
  const command = new Deno.Command(tool!, {
    args: ["--bootstrap-server", broker, "--describe", "--entity-type", type, ...which],
    env: { KAFKA_HEAP_OPTS: "-Xmx256M" },
  });
  const { code, stdout, stderr } = await command.output();
  const out = new TextDecoder().decode(stdout);
  assertEquals(code, 0, `${entity}: ${out}${new TextDecoder().decode(stderr)}`);
  return out;
}
