/**
 * Apache Kafka as one node of its own, and its performance tools: fetched once from Maven Central by pom.xml, into
 * `$KAFKA_SERVER_LIBS` or a cache folder in the home. Needs Java 17 and Maven.
 */
import type { SpawnedBroker } from "../targets.ts";
import { usageOf } from "../usage.ts";

export const KAFKA_VERSION = "4.3.1";

/** The folder with the jars. */
export async function installKafka(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const libs = Deno.env.get("KAFKA_SERVER_LIBS") ?? `${cache}/runnel/kafka-server-${KAFKA_VERSION}`;
  const complete = `${libs}/complete`;
  try {
    await Deno.stat(complete);
    return libs;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(libs, { recursive: true });
  const pom = new URL("pom.xml", import.meta.url).pathname;
  await output("mvn", [
    "-q",
    "-B",
    "-f",
    pom,
    "dependency:copy-dependencies",
    `-DoutputDirectory=${libs}`,
  ]);
  await Deno.writeTextFile(complete, "");
  return libs;
}

/** Starts a broker with Kafka's defaults but for `properties`. Its controller listens on the port after its own. */
export async function spawnKafka(
  libs: string,
  { port, properties, heapMb = 1024 }: {
    port: number;
    properties: Readonly<Record<string, string | number | boolean>>;
    heapMb?: number;
  },
): Promise<SpawnedBroker> {
  const data = await Deno.makeTempDir({ prefix: "runnel-kafka-" });
  const file = `${data}/server.properties`, address = `127.0.0.1:${port}`;
  const all = { ...singleNode(port, `${data}/log`), ...properties };
  await Deno.writeTextFile(
    file,
    Object.entries(all).map(([key, value]) => `${key}=${value}\n`).join(""),
  );
  const storage = "kafka.tools.StorageTool";
  const clusterId = (await tool(libs, storage, ["random-uuid"])).trim().split("\n").at(-1)!;
  await tool(libs, storage, ["format", "-t", clusterId, "-c", file]);
  const child = new Deno.Command("java", {
    args: [
      `-Xms${heapMb}m`,
      `-Xmx${heapMb}m`,
      "-XX:+UseG1GC",
      "-cp",
      `${libs}/*`,
      "kafka.Kafka",
      file,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    try {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
    } catch {
      // it ended by itself
    }
    await child.status;
    await Deno.remove(data, { recursive: true });
  };
  try {
    await listens(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, child, usage: () => usageOf(child.pid), stop };
}

function singleNode(port: number, logDir: string): Record<string, string | number> {
  const address = `127.0.0.1:${port}`, controller = `127.0.0.1:${port + 1}`;
  return {
    "process.roles": "broker,controller",
    "node.id": 0,
    "controller.quorum.voters": `0@${controller}`,
    "controller.listener.names": "CONTROLLER",
    "listeners": `PLAINTEXT://${address},CONTROLLER://${controller}`,
    "advertised.listeners": `PLAINTEXT://${address}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": logDir,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.segment.delete.delay.ms": 500, // deleted topics give their disk back before the next load
    "broker.session.timeout.ms": 3_600_000, // a broker frozen between its turns must not be fenced
  };
}

async function listens(port: number, child: Deno.ChildProcess): Promise<void> {
  let ended: Deno.CommandStatus | null = null;
  child.status.then((status) => ended = status);
  for (const giveUpMs = performance.now() + START_MS; performance.now() < giveUpMs;) {
    if (ended !== null) throw new Error(`Kafka on port ${port} ended before it listened`);
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`Kafka does not listen on port ${port} after ${START_MS / 1000} s`);
}

const START_MS = 60_000;

/** What one of Kafka's tools prints. */
export async function tool(libs: string, name: string, args: readonly string[]): Promise<string> {
  return await output("java", [
    "-Xms256m",
    "-Xmx512m",
    "-Dlog4j2.level=WARN",
    "-cp",
    `${libs}/*`,
    name,
    ...args,
  ]);
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const result = await new Deno.Command(program, { args: [...args], stdin: "null" }).output();
  const [stdout, stderr] = [result.stdout, result.stderr].map((b) => new TextDecoder().decode(b));
  if (result.success) return stdout;
  throw new Error(`${program} ${args.at(-1)} ended with ${result.code}: ${stderr || stdout}`);
}
