/**
 * Copies by clients in other languages (tests/clients/transactions/), each reading a topic in a group and writing another
 * in transactions, while their processes and the broker are killed. tests/clients/transactions.sh installs and starts it.
 *
 *     tests/clients/transactions.sh --seconds=60 --kills=4 --brokerkills=2 --only=franz --broker=kafka --seed=1
 *
 * In the end every input is in the output once, and in order, for those who read committed records.
 */
import { Admin } from "../../src/client/admin.ts";
import { Producer } from "../../src/client/producer.ts";
import { parseArguments } from "../crash/options.ts";
import { Tally } from "../crash/tally.ts";
import { freePorts, pause } from "../crash/victim.ts";
import { Random } from "../random.ts";
import { Along, BrokerView } from "./broker_view.ts";
import { type BrokerProcess, kafka, runnel } from "./brokers.ts";
import { wrongAlong, wrongCopies } from "./copies.ts";

const PARTITIONS = 3, DONE_LIMIT_MS = 120_000;
const CLIENTS: Readonly<
  Record<string, { readonly command: string[]; readonly instances: number }>
> = {
  // It does not ask for stable offsets, so two of them in one group are not exact, by any broker.
  kafkajs: {
    command: ["deno", "run", "--no-check", "--allow-all", pathOf("kafkajs.ts")],
    instances: 1,
  },
  librdkafka: { command: [Deno.env.get("PYTHON")!, pathOf("librdkafka.py")], instances: 2 },
  franz: { command: [Deno.env.get("FRANZ")!], instances: 2 },
};

const options = {
  seconds: 25,
  kills: 2,
  brokerkills: 1,
  broker: "runnel",
  flush: "fsync",
  only: Object.keys(CLIENTS).join(","),
  seed: Date.now() % 1_000_000,
  ...parseArguments(Deno.args, {
    seconds: { number: true },
    kills: { number: true },
    brokerkills: { number: true },
    broker: { choices: ["runnel", "kafka"] },
    flush: { choices: ["fsync", "os"] },
    only: { pattern: /^[a-z]+(,[a-z]+)*$/ },
    seed: { number: true },
  }),
};
console.log(`clients: ${JSON.stringify(options)}`);
const folder = await Deno.makeTempDir({ prefix: "runnel-clients-" });
const ports = freePorts(), bootstrap = `127.0.0.1:${ports.kafka}`;
const at = { data: `${folder}/data`, ports, log: `${folder}/broker.log` };
const spawn = options.broker === "kafka"
  ? kafka(at)
  : runnel({ ...at, flags: [`--storage-flush=${options.flush}`] });
const random = new Random(options.seed);
const tally = new Tally("clients", null);

function pathOf(file: string): string {
  return new URL(`../clients/transactions/${file}`, import.meta.url).pathname;
}

/** The copiers of one client, their topics and what is fed into them. */
class Copying {
  readonly #processes: Deno.ChildProcess[] = [];
  readonly #keeping: Promise<void>[] = [];
  readonly along: Along;
  isRunning = true;
  failed = 0;

  constructor(readonly client: string) {
    const { instances } = CLIENTS[client];
    this.along = new Along(bootstrap, this.output, PARTITIONS);
    for (let i = 0; i < instances; i++) this.#keeping.push(this.#keep(i));
    for (const keeping of this.#keeping) keeping.catch(() => {});
  }

  get input(): string {
    return `input-${this.client}`;
  }

  get output(): string {
    return `output-${this.client}`;
  }

  get group(): string {
    return `group-${this.client}`;
  }

  kill(): void {
    send(random.pick(this.#processes), "SIGKILL");
  }

  async end(): Promise<void> {
    this.isRunning = false;
    for (const process of this.#processes) send(process, "SIGTERM");
    const late = setTimeout(() => {
      for (const process of this.#processes) send(process, "SIGKILL");
    }, 20_000);
    await Promise.allSettled(this.#keeping);
    clearTimeout(late);
    await this.along.end();
  }

  async #keep(i: number): Promise<void> {
    const [program, ...args] = CLIENTS[this.client].command;
    const log = await Deno.open(`${folder}/${this.client}-${i}.log`, {
      create: true,
      append: true,
    });
    while (this.isRunning) {
      const process = new Deno.Command(program, {
        args: [...args, this.input, this.output, this.group, `${this.client}-${i}`],
        env: { BROKERS: bootstrap },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      this.#processes[i] = process;
      process.stderr.pipeTo(log.writable, { preventClose: true }).catch(() => {});
      const { code, signal } = await process.status;
      if (code !== 0 && signal === null) this.failed++;
      await pause(200);
    }
  }
}

function send(process: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    process.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
}

async function feedUntil(isOver: () => boolean, topics: readonly string[]): Promise<void> {
  const producer = new Producer({ bootstrap }, { lingerMs: 5 });
  for (let n = 0; !isOver(); n++) {
    await Promise.all(
      topics.flatMap((topic) =>
        Array.from(
          { length: PARTITIONS },
          (_, partition) => producer.send({ topic, partition, value: `${partition}:${n}` }),
        )
      ),
    );
    await pause(4);
  }
  await producer.close();
}

/** Whether a group has committed everything that is in its input. */
async function isDone(view: BrokerView, copying: Copying): Promise<boolean> {
  const ends = await view.ends(copying.input, PARTITIONS, "readUncommitted");
  const committed = await view.committed(copying.group);
  return ends.every((end, i) => (committed.get(`${copying.input}-${i}`) ?? 0) >= end);
}

let broker: BrokerProcess = await spawn();

async function strike(all: readonly Copying[]): Promise<void> {
  const lastMs = options.seconds * 1000;
  const blows: { at: number; fall: () => Promise<void> | void }[] = [];
  for (const copying of all) {
    for (let i = 0; i < options.kills; i++) {
      blows.push({ at: random.next() * lastMs, fall: () => copying.kill() });
    }
  }
  for (let i = 0; i < options.brokerkills; i++) {
    const fall = async () => {
      await broker.kill();
      broker = await spawn();
      await broker.serves();
    };
    blows.push({ at: random.next() * lastMs, fall });
  }
  const beganMs = performance.now();
  for (const { at, fall } of blows.sort((a, b) => a.at - b.at)) {
    await pause(Math.max(0, beganMs + at - performance.now()));
    await fall();
  }
  await pause(Math.max(0, beganMs + lastMs - performance.now()));
}

async function judge(view: BrokerView, copying: Copying): Promise<void> {
  const complaints: string[] = [];
  const beganMs = performance.now();
  while (!await isDone(view, copying)) {
    if (performance.now() - beganMs > DONE_LIMIT_MS) {
      complaints.push("not all is copied");
      break;
    }
    await pause(500);
  }
  await copying.end();
  const topics = { [copying.input]: PARTITIONS, [copying.output]: PARTITIONS };
  complaints.push(...(await view.settled(topics, 60_000, copying.client)).complaints);
  const inputs = await view.values(copying.input, PARTITIONS, "readUncommitted");
  const outputs = await view.values(copying.output, PARTITIONS, "readCommitted");
  complaints.push(...wrongCopies(inputs, outputs), ...wrongAlong(copying.along.shown, outputs));
  const count = [...inputs.values()].reduce((sum, { length }) => sum + length, 0);
  tally.check(
    `${copying.client}: ${count} records copied; killed ${options.kills} times, the broker ${options.brokerkills} times, ${copying.failed} gave up by themselves`,
    complaints,
  );
}

const all: Copying[] = [];
try {
  await broker.serves();
  const clients = options.only.split(",");
  const admin = new Admin({ bootstrap });
  await admin.createTopics(clients.flatMap((client) => [
    { name: `input-${client}`, partitions: PARTITIONS },
    { name: `output-${client}`, partitions: PARTITIONS },
  ]));
  await admin.close();
  let isOver = false;
  const feeding = feedUntil(() => isOver, clients.map((client) => `input-${client}`));
  feeding.catch(() => {});
  for (const client of clients) all.push(new Copying(client));
  const beganMs = performance.now();
  const hasBegun = ({ along }: Copying) =>
    [...along.shown.values()].some(({ length }) => length > 0);
  while (!all.every(hasBegun) && performance.now() - beganMs < 60_000) await pause(100);
  await strike(all);
  isOver = true;
  await feeding;
  const view = new BrokerView(bootstrap);
  for (const copying of all) await judge(view, copying);
  view.close();
} finally {
  for (const copying of all) await copying.end();
  await broker.kill();
  if (tally.failed === 0) await Deno.remove(folder, { recursive: true });
  else console.log(`       logs in ${folder}`);
}
tally.exit();
