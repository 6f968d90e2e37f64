/**
 * Kafka Streams with exactly_once_v2: a word count in two instances, of which one after the other is killed, and the
 * broker too.
 *
 *     deno task test:streams --seconds=120 --kills=10 --brokerkills=4 --seed=1
 *     deno task test:streams --broker=kafka                     (is the harness right?)
 *
 * Every word that was sent is counted once: the output of each is 1, 2, 3 and on for those who read committed records.
 * Needs Java 17 and Maven. RUNNEL names another broker than this checkout.
 */
import { Admin } from "../../src/client/admin.ts";
import { Producer } from "../../src/client/producer.ts";
import { parseArguments } from "../crash/options.ts";
import { bash, Tally } from "../crash/tally.ts";
import { freePorts, pause } from "../crash/victim.ts";
import { Random } from "../random.ts";
import { BrokerView } from "./broker_view.ts";
import { type BrokerProcess, kafka, kafkaLibs, runnel } from "./brokers.ts";
import { wrongCounts } from "./counts.ts";
import { Java } from "./java.ts";

const PARTITIONS = 4, WORDS = 50, DONE_LIMIT_MS = 120_000;

const options = {
  seconds: 30,
  kills: 2,
  brokerkills: 1,
  broker: "runnel",
  flush: "fsync",
  seed: Date.now() % 1_000_000,
  ...parseArguments(Deno.args, {
    seconds: { number: true },
    kills: { number: true },
    brokerkills: { number: true },
    broker: { choices: ["runnel", "kafka"] },
    flush: { choices: ["fsync", "os"] },
    seed: { number: true },
  }),
};
console.log(`streams: ${JSON.stringify(options)}`);
const folder = await Deno.makeTempDir({ prefix: "runnel-streams-" });
const ports = freePorts(), bootstrap = `127.0.0.1:${ports.kafka}`;
const at = { data: `${folder}/data`, ports, log: `${folder}/broker.log` };
const spawn = options.broker === "kafka"
  ? kafka(at)
  : runnel({ ...at, flags: [`--storage-flush=${options.flush}`] });
const random = new Random(options.seed);
const tally = new Tally("streams", null);
const instances: (Java | null)[] = [null, null];
let broker: BrokerProcess = await spawn();

/** Beside the other jars. */
async function install(): Promise<string> {
  const libs = `${kafkaLibs()}-streams`;
  const pom = new URL("streams/pom.xml", import.meta.url).pathname;
  await bash(
    `fetch() { mvn -q -B -f ${pom} dependency:copy-dependencies -DoutputDirectory=${libs}; }; ` +
      `[ -f ${libs}/complete ] || { { fetch || { sleep 5; fetch; }; } && touch ${libs}/complete; }`,
  );
  const source = new URL("streams/WordCount.java", import.meta.url).pathname;
  await bash(`javac -cp "${libs}/*" -d ${folder}/classes ${source}`);
  return `${folder}/classes:${libs}/*`;
}

function startInstance(i: number, classes: string): void {
  instances[i] = new Java(
    "WordCount",
    [bootstrap, "word-count", "words", "counts", `${folder}/state-${i}`],
    { classes, log: `${folder}/instance-${i}.log`, heapMb: 384 },
  );
}

async function feedUntil(isOver: () => boolean): Promise<Map<string, number>> {
  const came = new Map<string, number>();
  const producer = new Producer({ bootstrap }, { lingerMs: 5 });
  while (!isOver()) {
    const sends = Array.from({ length: 20 }, async () => {
      const word = `word${random.below(WORDS)}`;
      await producer.send({ topic: "words", partition: random.below(PARTITIONS), value: word });
      came.set(word, (came.get(word) ?? 0) + 1);
    });
    await Promise.all(sends);
    await pause(30);
  }
  await producer.close();
  return came;
}

async function strike(): Promise<void> {
  const blows = [
    ...Array(options.kills).fill("instance"),
    ...Array(options.brokerkills).fill("broker"),
  ];
  const plan = blows.map((kind) => ({ kind, atMs: random.next() * options.seconds * 1000 }))
    .sort((a, b) => a.atMs - b.atMs);
  const beganMs = performance.now();
  for (const { kind, atMs } of plan) {
    await pause(Math.max(0, beganMs + atMs - performance.now()));
    if (kind === "broker") {
      await broker.kill();
      broker = await spawn();
      await broker.serves();
    } else {
      const i = random.below(instances.length);
      await instances[i]!.kill();
      startInstance(i, classes);
    }
  }
  await pause(Math.max(0, beganMs + options.seconds * 1000 - performance.now()));
}

async function counted(view: BrokerView): Promise<Map<string, number[]>> {
  const values = await view.values("counts", PARTITIONS, "readCommitted");
  const counts = new Map<string, number[]>();
  for (const value of [...values.values()].flat()) {
    const [word, count] = value.split(" ");
    counts.set(word, [...counts.get(word) ?? [], Number(count)]);
  }
  return counts;
}

const total = (view: BrokerView) =>
  view.values("counts", PARTITIONS, "readCommitted").then((values) =>
    [...values.values()].reduce((sum, { length }) => sum + length, 0)
  );

let classes = "";
try {
  classes = await install();
  await broker.serves();
  const admin = new Admin({ bootstrap });
  await admin.createTopics([{ name: "words", partitions: PARTITIONS }, {
    name: "counts",
    partitions: PARTITIONS,
  }]);
  await admin.close();
  instances.forEach((_, i) => startInstance(i, classes));
  const view = new BrokerView(bootstrap);
  let isOver = false;
  const feeding = feedUntil(() => isOver);
  feeding.catch(() => {});
  const beganMs = performance.now();
  while (await total(view) === 0) {
    if (performance.now() - beganMs > DONE_LIMIT_MS) throw new Error("nothing is counted");
    await pause(500);
  }
  await strike();
  isOver = true;
  const came = await feeding;
  const sent = [...came.values()].reduce((sum, times) => sum + times, 0);
  const endMs = performance.now();
  while (await total(view) < sent && performance.now() - endMs < DONE_LIMIT_MS) await pause(1000);
  const complaints = wrongCounts(came, await counted(view));
  for (const instance of instances) await instance!.kill("SIGTERM");
  const settled = await view.settled({ words: PARTITIONS, counts: PARTITIONS }, 60_000);
  complaints.push(...settled.complaints);
  view.close();
  tally.check(
    `${sent} words counted by two instances; ${options.kills} kills of instances, ${options.brokerkills} of the broker`,
    complaints,
  );
  if (complaints.length > 0) console.log(`       logs in ${folder}`);
} finally {
  for (const instance of instances) await instance?.kill();
  await broker.kill();
  if (tally.failed === 0) await Deno.remove(folder, { recursive: true });
}
tally.exit();
