/**
 * Proves that the examples of help do what is said of them, at a broker that has what they speak of: each that speaks to a
 * broker is run as it stands, but for where the broker is. That the others are read without a complaint is proved by
 * src/cli/mod_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../src/cli/commands.ts";
import { CONNECTION } from "../../src/cli/command.ts";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";
import { append } from "./calls.ts";
import { typed } from "./command_line.ts";
import { TestBroker } from "./harness.ts";

/** Those of files, of standard input, and those that wait or go on until they are stopped. */
const NOT_RUN = [
  /^runnel (apply|backup|bench|copy|doctor|export|token|user) /,
  /--follow|--profile| < |group watch|group describe|produce copies/,
];

/** Those that end otherwise than with 0, and what they say. */
const ENDS: Readonly<Record<string, readonly [code: number, says: string]>> = {
  "runnel acl check alice read topic:orders --host 10.0.0.7": [3, ""],
  "runnel config diff topic orders payments": [2, ""],
  "runnel topic grow orders 12": [1, "Say --yes"],
  "runnel topic trim orders --older-than 7d": [1, "Say --yes"],
  "runnel txn describe copier": [1, "There is no transactional id copier"],
  "runnel txn abort copier": [1, "There is no transactional id copier"],
  "runnel txn abort --topic orders --partition 0 --start-offset 17": [1, ""],
};

Deno.test("the examples of help do what they are for", async () => {
  await using broker = await TestBroker.start({
    authorization: { mode: "on", superUsers: ["User:ANONYMOUS"] },
  });
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${broker.port}` });
  const examples = COMMANDS.flatMap(({ actions }) => actions)
    .filter(({ flags = [] }) => flags.includes(CONNECTION[0]))
    .flatMap(({ examples = [] }) => examples.map(({ line }) => line))
    .filter((line) => !NOT_RUN.some((one) => one.test(line)));
  assert(examples.length > 30, `only ${examples.length}`);
  try {
    const wrong: string[] = [];
    for (const line of examples) {
      await prepare(broker, cluster, line);
      const { code, out, error } = await typed(...argsOf(line, broker));
      const [wanted, says] = ENDS[line] ?? [0, ""];
      const isRight = code === wanted && error.includes(says);
      if (!isRight) wrong.push(`${line}: ${code}, not ${wanted}: ${error}${out}`);
    }
    assertEquals(wrong, []);
  } finally {
    cluster.close();
  }
});

/** As mod_test.ts takes it apart. */
function argsOf(line: string, { port }: TestBroker): string[] {
  const at = `127.0.0.1:${port}`, words = line.match(/'[^']*'|\S+/g)!.slice(1);
  const args = words.map((word) => word.replace(/^'|'$/g, "").replace(/^kafka:9092$/, at));
  return args.includes("--bootstrap") ? args : [...args, `--bootstrap=${at}`];
}

/** A topic of records, another, a group and a right: what one example has taken away the next finds again. */
async function prepare(broker: TestBroker, cluster: Cluster, line: string): Promise<void> {
  const admin = new Admin(cluster), names = new Set((await admin.listTopics()).map((t) => t.name));
  if (line.startsWith("runnel topic create orders")) {
    if (names.has("orders")) await admin.deleteTopics(["orders"]);
    return;
  }
  if (!names.has("orders")) {
    await broker.createTopic("orders", { partitions: 3 });
    await append(await broker.connect(), "orders", ['{"items":[{"price":101}]}', "two"]);
  }
  if (!names.has("payments")) {
    await broker.createTopic("payments", { configs: { "retention.ms": "1" } });
  }
  await commitOffsets(cluster, "billing", [{ topic: "orders", partition: 0, offset: 1n }]);
}
