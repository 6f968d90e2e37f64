/**
 * Apache Kafka's transactional-message-copier while the broker and the copiers are killed, or the power goes.
 *
 *     deno task test:copier --minutes=10 --kills=50 --groupkills=5 --seed=1
 *     deno task test:copier --power=20 --fs=xfs               (root; see tests/crash/disk.ts)
 *     deno task test:copier --broker=kafka --minutes=2        (is the harness right?)
 *
 * One world after the other: copiers with plain assign, as many kills -9 of the broker as of copiers, half of the copiers
 * with random aborts; then copiers in a group. When all is over every input is in the output once and in order for those
 * who read committed records, each partition is stable to its end within a minute, and no transaction is on its way.
 * Needs Java 17 and the jars of tests/clients/kafka_tools.sh. RUNNEL names another broker than this checkout.
 */
import { Random } from "../random.ts";
import { Disk } from "../crash/disk.ts";
import { parseArguments } from "../crash/options.ts";
import { Tally } from "../crash/tally.ts";
import { freePorts, pause } from "../crash/victim.ts";
import { type BrokerProcess, kafka, runnel } from "./brokers.ts";
import { CopyWorld } from "./copy_world.ts";

const options = {
  minutes: 2,
  kills: 10,
  groupkills: 1,
  power: 0,
  copiers: 4,
  broker: "runnel",
  fs: "ext4" as "ext4" | "xfs",
  flush: "fsync",
  seed: Date.now() % 1_000_000,
  ...parseArguments(Deno.args, {
    minutes: { pattern: /^\d{1,4}(\.\d+)?$/ },
    kills: { number: true },
    groupkills: { number: true },
    power: { number: true },
    copiers: { number: true },
    broker: { choices: ["runnel", "kafka"] },
    fs: { choices: ["ext4", "xfs"] },
    flush: { choices: ["fsync", "os"] },
    seed: { number: true },
  }),
};
console.log(`copier: ${JSON.stringify(options)}`);

const folder = await Deno.makeTempDir({ prefix: "runnel-copier-" });
const disk = options.power > 0 ? await Disk.make(folder, options.fs) : null;
const ports = freePorts(), log = `${folder}/broker.log`, bootstrap = `127.0.0.1:${ports.kafka}`;
const data = `${disk?.path ?? folder}/data`;
const flags = [`--storage-flush=${options.flush}`, ...(disk ? ["--storage-min-free-bytes=0"] : [])];
const spawn = options.broker === "kafka"
  ? kafka({ data, ports, log })
  : runnel({ data, ports, log, flags });
const minutes = Number(options.minutes);
const random = new Random(options.seed);
const tally = new Tally("copier", null);
let broker: BrokerProcess = await spawn();
let world: CopyWorld | null = null;

async function cleanUp(): Promise<void> {
  await world?.leave();
  await broker.kill();
  await disk?.unmount();
  await Deno.remove(folder, { recursive: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => cleanUp().finally(() => Deno.exit(1)));
}

/** Ends the broker at once, and starts it again. */
async function strikeBroker(): Promise<void> {
  if (disk === null) await broker.kill();
  else {
    await disk.writeBackSome(random);
    await disk.cut(random.pick(["lost", "flushed"] as const));
    await broker.kill();
    await disk.unmount();
    await disk.mount();
  }
  if (random.oneIn(3)) await pause(random.next() * 2000);
  broker = await spawn();
  await broker.serves();
}

/** Lives for so long with blows at random moments, and judges. */
async function live(name: string, minutes: number, blows: number, isGroup: boolean): Promise<void> {
  const here = world = new CopyWorld({
    bootstrap,
    name,
    copiers: options.copiers,
    isGroup,
    random,
    log: `${folder}/copiers.log`,
  });
  await here.begin();
  const beganMs = performance.now(), lastMs = minutes * 60_000;
  // Nothing is struck before there is something to strike.
  while (here.copied === 0 && performance.now() - beganMs < 60_000) await pause(50);
  const kinds = [...Array(blows).fill("broker"), ...Array(isGroup ? 0 : blows).fill("copier")];
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [kinds[i], kinds[j]] = [kinds[j], kinds[i]];
  }
  const plan = kinds.map((kind) => ({ kind, atMs: random.next() * lastMs }))
    .sort((a, b) => a.atMs - b.atMs);
  let brokers = 0, copiers = 0;
  const startedMs = performance.now();
  for (const { kind, atMs } of plan) {
    await pause(Math.max(0, startedMs + atMs - performance.now()));
    if (kind === "broker") {
      await strikeBroker();
      brokers++;
    } else if (await here.killOne()) copiers++;
  }
  await pause(Math.max(0, startedMs + lastMs - performance.now()));
  const { complaints, summary } = await here.end();
  const title = `${isGroup ? "in a group" : "plain assign"}: ${summary}; ${brokers} ${
    disk ? "power cuts" : "kills of the broker"
  }, ${copiers} of copiers`;
  if (brokers < blows) complaints.push(`the broker was struck ${brokers} times, not ${blows}`);
  if (!isGroup && copiers < blows / 2) complaints.push(`only ${copiers} copiers were killed`);
  if (!tally.check(title, complaints)) await keepEvidence(name);
}

async function keepEvidence(name: string): Promise<void> {
  const kept = `${Deno.env.get("TMPDIR") ?? "/tmp"}/runnel-copier-evidence-${options.seed}-${name}`;
  const copy = new Deno.Command("cp", { args: ["-r", "--sparse=always", folder, kept] });
  const { code } = await copy.output();
  console.log(code === 0 ? `       evidence in ${kept}` : "       the evidence could not be kept");
}

try {
  await broker.serves();
  const blows = options.power > 0 ? options.power : options.kills;
  await live("plain", minutes, blows, false);
  if (options.groupkills > 0 && options.power === 0) {
    const groupMinutes = Math.max(minutes / 4, options.groupkills * 0.25);
    await live("group", groupMinutes, options.groupkills, true);
  }
} finally {
  await cleanUp();
}
tally.exit();
