/**
 * Whether `runnel bench` loads a broker as hard as Kafka's own tools do: kafka-producer-perf-test and
 * kafka-consumer-perf-test in turns with it, against one Runnel, the broker on one core and each client on another.
 *
 *     deno run --allow-all bench/compare/clients.ts [--rounds N] RUNNEL KAFKA_HOME [LOAD …]
 *
 * RUNNEL is the executable, KAFKA_HOME has bin/kafka-producer-perf-test.sh. Kafka's producer runs with its defaults and
 * with our size of batch; what it does while its compiler warms up is left out of its rate.
 *
 * Each runs twice, once with a third of the records: what the process used more the other time is the CPU of a record,
 * without that of starting and compiling. On a machine that others use it says more than the rate.
 */
import { parseArgs } from "@std/cli/parse-args";
import { payloads } from "../../src/cli/bench/payload.ts";

interface Load {
  readonly kind: "produce" | "consume";
  readonly size: number;
  readonly records: number;
  readonly compression: "none" | "lz4";
}

const LOADS: Readonly<Record<string, Load>> = {
  p100: { kind: "produce", size: 100, records: 3_000_000, compression: "none" },
  p1k: { kind: "produce", size: 1024, records: 600_000, compression: "none" },
  "p100-lz4": { kind: "produce", size: 100, records: 2_000_000, compression: "lz4" },
  "p1k-lz4": { kind: "produce", size: 1024, records: 400_000, compression: "lz4" },
  c100: { kind: "consume", size: 100, records: 4_000_000, compression: "none" },
  c1k: { kind: "consume", size: 1024, records: 800_000, compression: "none" },
  "c1k-lz4": { kind: "consume", size: 1024, records: 800_000, compression: "lz4" },
};

interface Sample {
  readonly perSecond: number;
  /** Of the client process. */
  readonly cpuSeconds: number;
}

/** Sends or reads so many records. */
type Client = (records: number) => Promise<Sample>;

const PORT = 29_692, BROKER = `127.0.0.1:${PORT}`;
const [BROKER_CORE, CLIENT_CORE] = ["0", "1"];
const TOPIC = "compared", at = ["--bootstrap", BROKER];

const options = parseArgs(Deno.args, { string: ["rounds"], default: { rounds: "3" } });
const [runnel, kafka, ...names] = options._.map(String);
if (kafka === undefined) {
  throw new Error("Usage: bench/compare/clients.ts [--rounds N] RUNNEL KAFKA_HOME [LOAD …]");
}
const folder = await Deno.makeTempDir({ prefix: "runnel-bench-" });
const broker = new Deno.Command("taskset", {
  args: [
    ...["-c", BROKER_CORE, runnel, "serve", "--storage-path", `${folder}/data`],
    ...["--kafka-port", `${PORT}`, "--http-port", `${PORT + 1}`, "--storage-flush", "os"],
  ],
  stdout: "null",
  stderr: "null",
}).spawn();
try {
  await ready();
  console.log("| load | client | records/s | MB/s | client CPU, µs a record | ratio |");
  console.log("| --- | --- | ---: | ---: | ---: | ---: |");
  for (const [name, load] of Object.entries(LOADS)) {
    if (names.length === 0 || names.includes(name)) await compare(name, load);
  }
} finally {
  broker.kill("SIGTERM");
  await broker.status;
  await Deno.remove(folder, { recursive: true });
}

async function compare(name: string, load: Load): Promise<void> {
  const text = `${folder}/${name}.txt`;
  if (load.compression !== "none") await writeWords(text, load.size);
  const clients: Record<string, Client> = load.kind === "produce"
    ? {
      kafka: (records) => kafkaProduces({ ...load, records }, text, []),
      "kafka, 128 KiB": (records) =>
        kafkaProduces({ ...load, records }, text, ["batch.size=131072"]),
      "runnel bench": (records) => runnelProduces({ ...load, records }),
    }
    : { kafka: kafkaConsumes, "runnel bench": runnelConsumes };
  const samples = new Map<string, { perSecond: number; cpuUs: number }[]>(
    Object.keys(clients).map((client) => [client, []]),
  );
  if (load.kind === "consume") await fill(load);
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [client, run] of Object.entries(clients)) {
      const few = Math.floor(load.records / 3),
        short = await run(few),
        long = await run(load.records);
      const cpuUs = (long.cpuSeconds - short.cpuSeconds) / (load.records - few) * 1e6;
      samples.get(client)!.push({ perSecond: long.perSecond, cpuUs });
    }
  }
  if (load.kind === "consume") await ran(runnel, ["topic", "delete", TOPIC, "--yes", ...at]);
  const first = median(samples.get("kafka")!.map(({ perSecond }) => perSecond));
  for (const [client, some] of samples) {
    const rates = some.map(({ perSecond }) => perSecond), rate = median(rates);
    const cpuUs = median(some.map((one) => one.cpuUs));
    const range = `${whole(Math.min(...rates))}–${whole(Math.max(...rates))}`;
    const mb = (rate * load.size / 1e6).toFixed(1), ratio = (rate / first).toFixed(2);
    console.log(
      `| ${name} | ${client} | ${whole(rate)} (${range}) | ${mb} | ${
        cpuUs.toFixed(2)
      } | ×${ratio} |`,
    );
  }
}

async function kafkaProduces(load: Load, text: string, more: string[]): Promise<Sample> {
  const { records, size, compression } = load;
  await ran(runnel, ["topic", "create", TOPIC, "--partitions", "1", ...at]);
  const payload = compression === "none" ? ["--record-size", `${size}`] : ["--payload-file", text];
  const warmUp = Math.floor(records / 3);
  const { out, cpuSeconds } = await pinned(`${kafka}/bin/kafka-producer-perf-test.sh`, [
    ...["--topic", TOPIC, "--num-records", `${records}`, "--throughput", "-1", ...payload],
    ...["--warmup-records", `${warmUp}`, "--bootstrap-server", BROKER],
    ...["--command-property", "acks=all", `compression.type=${compression}`, ...more],
  ]);
  await ran(runnel, ["topic", "delete", TOPIC, "--yes", ...at]);
  const perSecond = /([\d.]+) records\/sec/.exec(out.trim().split("\n").at(-1)!)?.[1];
  if (perSecond === undefined) throw new Error(`kafka-producer-perf-test printed no rate: ${out}`);
  return { perSecond: Number(perSecond), cpuSeconds };
}

async function runnelProduces(load: Load): Promise<Sample> {
  const { out, cpuSeconds } = await pinned(runnel, ["bench", "produce", ...sizes(load), ...at]);
  return { perSecond: JSON.parse(out).recordsPerSecond, cpuSeconds };
}

async function kafkaConsumes(records: number): Promise<Sample> {
  const { out, cpuSeconds } = await pinned(`${kafka}/bin/kafka-consumer-perf-test.sh`, [
    ...["--topic", TOPIC, "--num-records", `${records}`, "--bootstrap-server", BROKER],
  ]);
  const lines = out.trim().split("\n").map((line) => line.split(", "));
  const head = lines.find((cells) => cells.includes("fetch.nMsg.sec"))!;
  return { perSecond: Number(lines.at(-1)![head.indexOf("fetch.nMsg.sec")]), cpuSeconds };
}

async function runnelConsumes(records: number): Promise<Sample> {
  const args = ["bench", "consume", TOPIC, "--count", `${records}`, "--json", ...at];
  const { out, cpuSeconds } = await pinned(runnel, args);
  return { perSecond: JSON.parse(out).recordsPerSecond, cpuSeconds };
}

async function fill(load: Load): Promise<void> {
  await ran(runnel, ["bench", "produce", TOPIC, "--create", ...sizes(load), ...at]);
}

function sizes({ size, records, compression }: Load): string[] {
  const payload = compression === "none" ? "random" : "text";
  return [
    ...["--size", `${size}`, "--count", `${records}`, "--json"],
    ...["--payload", payload, "--compression", compression],
  ];
}

/** The very words that runnel bench sends, a value a line. */
async function writeWords(path: string, size: number): Promise<void> {
  const values = payloads("text", size);
  const lines = new Uint8Array(values.length * (size + 1)).fill(10);
  for (const [i, value] of values.entries()) lines.set(value, i * (size + 1));
  await Deno.writeFile(path, lines);
}

async function ready(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      (await Deno.connect({ port: PORT })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`No broker answers at ${BROKER}`);
}

async function pinned(
  program: string,
  args: readonly string[],
): Promise<{ out: string; cpuSeconds: number }> {
  const timed = `TIMEFORMAT='cpu %U %S'; time "$@"`;
  const { stdout, stderr } = await ran("taskset", [
    ...["-c", CLIENT_CORE, "bash", "-c", timed, "bash", program, ...args],
  ]);
  const [, user, system] = /cpu ([\d.]+) ([\d.]+)\s*$/.exec(stderr)!;
  return { out: stdout, cpuSeconds: Number(user) + Number(system) };
}

async function ran(
  program: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${error}${out}`);
  return { stdout: out, stderr: error };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b), last = sorted.length - 1;
  return (sorted[Math.floor(last / 2)] + sorted[Math.ceil(last / 2)]) / 2;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
