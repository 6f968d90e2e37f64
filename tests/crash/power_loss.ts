/**
 * Power loss: the file system under the broker is cut off from its device under load, so that whatever was not synced is
 * gone; the ledger lives elsewhere. Needs root, losetup's `mount -o loop`, mkfs.ext4 and xfs_io (Debian: xfsprogs).
 *
 *     deno task test:power-loss --rounds=10 --flush=fsync
 *
 * Each round: an idempotent producer with acks=all writes to several partitions, the file system of an image file of our
 * own is shut down without writing its journal (EXT4_IOC_SHUTDOWN), the broker is killed, the image is mounted again and
 * the broker started on it. What it holds is compared with everything acknowledged in all rounds. Ends with the tally;
 * exit code 1 when a record was lost, doubled, reordered or made up. With --flush=os losses are expected and counted.
 */
import { Admin } from "../../src/client/admin.ts";
import { Consumer } from "../../src/client/consumer.ts";
import { Producer } from "../../src/client/producer.ts";
import { Ledger, type Seen } from "./ledger.ts";

const PARTITIONS = 6, TOPIC = "t", IMAGE_MIB = 512, MAX_OUTSTANDING = 300;
const options = { rounds: 10, flush: "fsync" };
for (const arg of Deno.args) {
  const [, name, value] = /^--(rounds|flush)=(\w+)$/.exec(arg) ?? [];
  if (name === undefined) throw new Error(`Unknown argument ${arg}: needs --rounds=N or --flush=X`);
  Object.assign(options, { [name]: name === "flush" ? value : Number(value) });
}

const folder = await Deno.makeTempDir({ prefix: "runnel-power-" });
const image = `${folder}/image`, disk = `${folder}/disk`;
const [port, httpPort] = freePorts();
const bootstrap = `127.0.0.1:${port}`;
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({
  topic: TOPIC,
  partition,
}));
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function run(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args }).output();
  if (code === 0) return;
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}

async function startBroker(): Promise<Deno.ChildProcess> {
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const command = Deno.env.get("RUNNEL") ??
    `deno run --no-check --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs ${main}`;
  const flags =
    `--kafka-port=${port} --http-port=${httpPort} --storage-path=${disk}/data --storage-flush=${options.flush} --storage-min-free-bytes=0`;
  const child = new Deno.Command("bash", {
    args: ["-c", `exec ${command} ${flags}`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (let tries = 0; tries < 1500; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return child;
    } catch {
      await pause(20);
    }
  }
  throw new Error("The broker does not listen after 30 s");
}

/** The broker may be gone by itself: its fsync failed. */
async function kill(broker: Deno.ChildProcess): Promise<void> {
  try {
    broker.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  await broker.status;
}

/** Sends until `isOver`; resolves when the fate of everything sent is decided. */
async function produce(ledger: Ledger, round: number, isOver: () => boolean): Promise<void> {
  const owner = `round ${round}`, outstanding = new Set<Promise<void>>();
  const producer = new Producer({ bootstrap }, { deliveryTimeoutMs: 1500, maxBatchBytes: 8192 });
  for (let order = 0; !isOver(); order++) {
    const partition = order % PARTITIONS;
    // Mostly little, and now and then so much at once that two rounds of the journal are on their way.
    const length = order % 500 < 20 ? 20_000 : order * 37 % 700;
    const value = `${round}-${order}-${"x".repeat(length)}`;
    ledger.send(value, { partition, order, owner });
    const sent = producer.send({ topic: TOPIC, partition, value }).then(
      ({ offset }) => ledger.acknowledge(value, offset),
      () => {}, // its fate is not known
    ).finally(() => outstanding.delete(sent));
    outstanding.add(sent);
    if (order % 20 === 0) await pause(1);
    while (outstanding.size >= MAX_OUTSTANDING && !isOver()) await pause(2);
  }
  await Promise.all(outstanding);
  await producer.close().catch(() => {});
}

/** Everything the topic holds. */
async function readAll(): Promise<Seen[]> {
  using consumer = new Consumer({ bootstrap }, { autoOffsetReset: "earliest" });
  consumer.assign(partitions);
  const ends: number[] = [];
  for (const partition of partitions) {
    await consumer.seekTo(partition, "latest");
    ends.push(consumer.position(partition)!);
    await consumer.seekTo(partition, "earliest");
  }
  const all: Seen[] = [];
  while (partitions.some((partition, i) => consumer.position(partition)! < ends[i])) {
    for (const { partition, offset, value } of await consumer.poll(500)) {
      all.push({ partition, offset, value: new TextDecoder().decode(value!) });
    }
  }
  return all;
}

function freePorts(): [number, number] {
  using one = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return [one.addr.port, other.addr.port];
}

let passed = 0, failed = 0;
let broker: Deno.ChildProcess | null = null;
try {
  await Deno.mkdir(disk);
  await run("truncate", "-s", `${IMAGE_MIB}M`, image);
  await run("mkfs.ext4", "-q", "-F", image);
  await run("mount", "-o", "loop", image, disk);
  broker = await startBroker();
  await new Admin({ bootstrap }).createTopics([{ name: TOPIC, partitions: PARTITIONS }]);
  // What os loses leaves offsets free for others, so that each round is judged by itself there.
  let ledger = new Ledger({ isExactlyOnce: true });
  for (let round = 1; round <= options.rounds; round++) {
    const before = ledger.acknowledged;
    let isOver = false;
    const producing = produce(ledger, round, () => isOver);
    await pause(1000 + round * 137 % 700);
    await run("xfs_io", "-x", "-c", "shutdown", disk);
    isOver = true;
    await kill(broker);
    await Promise.race([producing, pause(5000)]); // what is undecided then stays so
    const acknowledged = ledger.acknowledged - before;
    await run("umount", disk);
    await run("mount", "-o", "loop", image, disk);
    broker = await startBroker();
    const complaints = ledger.complaints(await readAll());
    if (complaints.length === 0) passed++;
    else failed++;
    const found = complaints.length === 0 ? "all there" : `${complaints.length} complaints`;
    console.log(`round ${round}: ${acknowledged} acknowledged, ${found}`);
    for (const complaint of complaints.slice(0, 2)) console.log(`  ${complaint.slice(0, 120)}`);
    if (complaints.length > 0) {
      ledger = new Ledger({ isExactlyOnce: true });
      await new Admin({ bootstrap }).deleteTopics([TOPIC]);
      await new Admin({ bootstrap }).createTopics([{ name: TOPIC, partitions: PARTITIONS }]);
    }
  }
} finally {
  if (broker !== null) await kill(broker);
  await run("umount", disk).catch(() => {});
  await Deno.remove(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
