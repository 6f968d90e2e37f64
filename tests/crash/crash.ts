/**
 * kill -9 at random moments under load, again and again, with a ledger kept outside the broker.
 *
 *     deno task test:crash --crashes=10 --flush=fsync        (RUNNEL="./runnel" for another command than this checkout)
 *
 * Producers write to several partitions all the time, so that the journal is used: an idempotent one that lives through
 * every crash, one with acks=all and one with acks=1 without idempotence. A consumer reads along. After every restart
 * what consumers were shown must still be there; at the end the whole log is read and compared with the ledger: nothing
 * lost, doubled, reordered, resurrected or made up. Ends with the tally of checks; exit code 1 when a promise is broken.
 */
import { Admin } from "../../src/client/admin.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Consumer } from "../../src/client/consumer.ts";
import { Producer, type ProducerOptions } from "../../src/client/producer.ts";
import { Random } from "../random.ts";
import { Ledger, type Seen } from "./ledger.ts";

const PARTITIONS = 6;
const MAX_OUTSTANDING = 400;
const text = new TextDecoder();
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const options = { crashes: 10, flush: "fsync", seed: Date.now() % 1_000_000 };
for (const arg of Deno.args) {
  const [, name, value] = /^--(crashes|flush|seed)=(\w+)$/.exec(arg) ?? [];
  if (name === undefined) {
    throw new Error(`Unknown argument ${arg}: needs --crashes=N, --flush=fsync|os or --seed=N`);
  }
  Object.assign(options, { [name]: name === "flush" ? value : Number(value) });
}
console.log(`crash: ${options.crashes} crashes, flush ${options.flush}, seed ${options.seed}`);
const random = new Random(options.seed);

const folder = await Deno.makeTempDir({ prefix: "runnel-crash-" });
const port = freePort(), httpPort = freePort();
const bootstrap = `127.0.0.1:${port}`;

/** The broker as a process of its own. */
class Victim {
  #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  static async start(): Promise<Victim> {
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const command = Deno.env.get("RUNNEL") ??
      `deno run --no-check --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs ${main}`;
    const flags =
      `--kafka-port ${port} --http-port ${httpPort} --storage-path ${folder}/data --storage-flush ${options.flush}`;
    const child = new Deno.Command("bash", {
      args: ["-c", `exec ${command} ${flags}`],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const deadlineMs = performance.now() + 30_000;
    while (!await answers()) {
      if (performance.now() > deadlineMs) throw new Error("The broker does not listen after 30 s");
      await pause(20);
    }
    return new Victim(child);
  }

  async kill(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    this.#child.kill(signal);
    return (await this.#child.status).code;
  }
}

async function answers(): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** A topic, its ledger, and a producer that never rests. */
class Load {
  readonly ledger: Ledger;
  readonly #outstanding = new Set<Promise<void>>();
  #isOver = false;
  #running: Promise<void>;

  constructor(readonly topic: string, cluster: Cluster, producer: ProducerOptions) {
    this.ledger = new Ledger({ isExactlyOnce: producer.idempotent === true });
    this.#running = this.#run(cluster, producer);
  }

  /** Stops sending and waits until the fate of everything sent is decided. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(cluster: Cluster, options: ProducerOptions): Promise<void> {
    const producer = new Producer(cluster, {
      deliveryTimeoutMs: 60_000,
      maxBatchBytes: 8192,
      ...options,
    });
    for (let order = 0; !this.#isOver; order++) {
      const partition = order % PARTITIONS;
      const value = `${this.topic}-${order}-${"x".repeat(order * 37 % 700)}`;
      this.ledger.send(value, { partition, order, owner: this.topic });
      const sent = producer.send({ topic: this.topic, partition, value }).then(
        ({ offset }) => this.ledger.acknowledge(value, offset),
        () => {}, // its fate is not known
      ).finally(() => this.#outstanding.delete(sent));
      this.#outstanding.add(sent);
      if (order % 20 === 0) await pause(1);
      while (this.#outstanding.size >= MAX_OUTSTANDING) await pause(2);
    }
    await producer.close();
    await Promise.all(this.#outstanding);
  }
}

/** Reads along and notes what it is shown. */
class Reader {
  readonly complaints: string[] = [];
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(loads: readonly Load[]) {
    this.#running = this.#run(new Map(loads.map((load) => [load.topic, load.ledger])));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(ledgers: Map<string, Ledger>): Promise<void> {
    const consumer = new Consumer({ bootstrap }, {
      autoOffsetReset: "earliest",
      fetchMaxWaitMs: 50,
    });
    consumer.assign([...ledgers.keys()].flatMap(partitionsOf));
    while (!this.#isOver) {
      const records = await consumer.poll(100).catch(() => []);
      for (const { topic, partition, offset, value } of records) {
        const wrong = ledgers.get(topic)!.show({ partition, offset, value: text.decode(value!) });
        if (wrong !== null) this.complaints.push(wrong);
      }
    }
    consumer.close();
  }
}

const partitionsOf = (topic: string) =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));

/** Everything a topic holds. */
async function readAll(topic: string): Promise<Seen[]> {
  using consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest", maxBytes: 32 << 20 });
  const partitions = partitionsOf(topic);
  consumer.assign(partitions);
  const ends: number[] = [];
  for (const partition of partitions) {
    await consumer.seekTo(partition, "latest");
    ends.push(consumer.position(partition)!);
    await consumer.seekTo(partition, "earliest");
  }
  const all: Seen[] = [];
  const deadlineMs = performance.now() + 120_000;
  while (partitions.some((partition, i) => consumer.position(partition)! < ends[i])) {
    if (performance.now() > deadlineMs) throw new Error(`${topic} cannot be read to its end`);
    for (const { partition, offset, value } of await consumer.poll(500)) {
      all.push({ partition, offset, value: text.decode(value!) });
    }
  }
  return all;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

let passed = 0, failed = 0;

function check(title: string, complaints: readonly string[]): void {
  if (complaints.length === 0) passed++;
  else failed++;
  console.log(`${complaints.length === 0 ? "ok  " : "FAIL"} crash: ${title}`);
  for (const complaint of complaints.slice(0, 5)) console.log(`       ${complaint}`);
}

let victim = await Victim.start();
try {
  const clusters = [0, 1, 2].map(() => new Cluster({ bootstrap }));
  const topics = ["once", "all", "leader"];
  await new Admin(clusters[0]).createTopics(
    topics.map((name) => ({
      name,
      partitions: PARTITIONS,
      configs: { "segment.bytes": "1048576" },
    })),
  );
  const loads = [
    new Load("once", clusters[0], { acks: "all", idempotent: true }),
    new Load("all", clusters[1], { acks: "all", idempotent: false }),
    new Load("leader", clusters[2], { acks: "leader" }),
  ];
  const reader = new Reader(loads);
  for (let crash = 1; crash <= options.crashes; crash++) {
    await pause(100 + random.next() * 1900);
    const acknowledged = loads.map((load) => load.ledger.acknowledged);
    await victim.kill("SIGKILL");
    victim = await Victim.start();
    console.log(`     crash ${crash}: ${acknowledged.join(" + ")} acknowledged before`);
  }
  await pause(1000);
  for (const load of loads) await load.end();
  await reader.end();
  check("no offset was shown with two values", reader.complaints);
  for (const { topic, ledger } of loads) {
    const { sent, acknowledged, shown } = ledger;
    const complaints = ledger.complaints(await readAll(topic));
    check(`${topic}: ${sent} sent, ${acknowledged} acknowledged, ${shown} shown`, complaints);
    const least = options.crashes * 50;
    check(
      `${topic}: there was load`,
      acknowledged > least ? [] : [`only ${acknowledged}, at least ${least} are needed`],
    );
  }
  for (const cluster of clusters) cluster.close();
  const code = await victim.kill("SIGTERM");
  check("a clean stop ends with exit code 0", code === 0 ? [] : [`it ended with ${code}`]);
  victim = await Victim.start();
  for (const { topic, ledger } of loads) {
    check(`${topic}: the same after a clean stop`, ledger.complaints(await readAll(topic)));
  }
} finally {
  await victim.kill("SIGKILL");
  await Deno.remove(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
