/**
 * How long lists take in a cluster of 10,000 topics and 1,000 groups, of an executable and a broker of its own:
 * tests/cli/lists.ts RUNNEL [--topics=N] [--groups=N]
 *
 * Lists take 2 s at most, at best of three. With KAFKA_BIN, the folder of Kafka's own tools, those are timed beside it.
 */
import { assert, assertEquals } from "@std/assert";
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { commitOffsets } from "../../src/client/group_changes.ts";

const [program, ...flags] = Deno.args;
if (program === undefined) {
  throw new Error("Usage: tests/cli/lists.ts RUNNEL [--topics=N] [--groups=N]");
}
const count = (name: string, usual: number) =>
  Number(flags.find((flag) => flag.startsWith(`--${name}=`))?.split("=")[1] ?? usual);
const TOPICS = count("topics", 10_000), GROUPS = count("groups", 1000), LIMIT_MS = 2000;
const kafkaBin = Deno.env.get("KAFKA_BIN");

using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const { port } = listener.addr as Deno.NetAddr, bootstrap = `127.0.0.1:${port}`;
listener.close();
const broker = new Deno.Command(program, {
  args: ["serve", `--kafka-port=${port}`, "--http-port=0", "--storage-path=memory://"],
  stdout: "null",
  stderr: "inherit",
}).spawn();
try {
  await fill();
  console.log("      ms  lines  command, at best of three");
  await timed(["topic", "list"], TOPICS + 1, LIMIT_MS);
  await timed(["topic", "list", "--json"], TOPICS, LIMIT_MS);
  await timed(["group", "list"], GROUPS + 1, LIMIT_MS);
  await timed(["group", "list", "--json"], GROUPS, LIMIT_MS);
  await timed(
    ["topic", "describe", "--json", ...names(Math.min(TOPICS, 1000))],
    Math.min(TOPICS, 1000),
    LIMIT_MS,
  );
  await timed(["group", "describe", "--all", "--json"], GROUPS, LIMIT_MS);
  await timed(["topic", "describe", "--all", "--json"], null, Infinity);
  if (kafkaBin !== undefined) await kafkas(kafkaBin);
  console.log(`lists: ${TOPICS} topics and ${GROUPS} groups, each list within ${LIMIT_MS} ms`);
} finally {
  broker.kill("SIGKILL");
  await broker.status;
}

function names(some: number): string[] {
  return Array.from({ length: some }, (_, i) => `topic-${String(i).padStart(5, "0")}`);
}

/** Each group has committed in three topics. */
async function fill(): Promise<void> {
  const cluster = new Cluster({ bootstrap, callTimeoutMs: 60_000 }), admin = new Admin(cluster);
  try {
    const all = names(TOPICS);
    for (let at = 0; at < TOPICS; at += 500) {
      await admin.createTopics(all.slice(at, at + 500).map((name) => ({ name, partitions: 1 })));
    }
    for (let at = 0; at < GROUPS; at += 50) {
      const some = Array.from({ length: Math.min(50, GROUPS - at) }, (_, i) => at + i);
      await Promise.all(some.map((group) => {
        const topics = [0, 1, 2].map((one) => all[(group * 3 + one) % TOPICS]);
        const offsets = topics.map((topic) => ({ topic, partition: 0, offset: 0n }));
        return commitOffsets(cluster, `group-${String(group).padStart(4, "0")}`, offsets);
      }));
    }
  } finally {
    cluster.close();
  }
}

async function timed(
  args: readonly string[],
  lines: number | null,
  limitMs: number,
): Promise<void> {
  const shown = args.slice(0, 3).join(" ") + (args.length > 3 ? " …" : "");
  const found = await best(program, [...args, "--bootstrap", bootstrap], shown);
  if (lines !== null) assertEquals(found.lines, lines, shown);
  assert(found.ms <= limitMs, `runnel ${shown}: ${found.ms} ms`);
}

async function best(command: string, args: readonly string[], shown: string) {
  let ms = Infinity, lines = 0;
  for (let tries = 0; tries < 3; tries++) {
    const startMs = performance.now();
    const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
    assertEquals(code, 0, `${shown}: ${new TextDecoder().decode(stderr)}`);
    ms = Math.min(ms, Math.round(performance.now() - startMs));
    lines = new TextDecoder().decode(stdout).split("\n").length - 1;
  }
  console.log(
    `${String(ms).padStart(8)}  ${String(lines).padStart(5)}  ${
      command.split("/").at(-1)
    } ${shown}`,
  );
  return { ms, lines };
}

async function kafkas(folder: string): Promise<void> {
  for (
    const [tool, ...args] of [
      ["kafka-topics.sh", "--list"],
      ["kafka-consumer-groups.sh", "--list"],
      ["kafka-consumer-groups.sh", "--describe", "--all-groups"],
    ]
  ) {
    await best(`${folder}/${tool}`, [...args, "--bootstrap-server", bootstrap], args.join(" "));
  }
}
