/**
 * Transactions over a network that delays, doubles and reorders requests across connections, as Jepsen did it to
 * Bufstream: is each seen whole or never?
 *
 *     deno task test:reorder --seconds=120 --levels=2,1,0 --seed=1
 *     deno task test:reorder --levels=2 --kills=5 --flush=fsync the broker is killed meanwhile, too
 *     deno task test:reorder --broker=kafka                     (is the harness right?)
 *     deno task test:reorder --at=19092                         (a broker that runs already)
 *
 * Under transaction.version 2 there must be no anomaly. Under 0 and 1 there are some, by the protocol: a late EndTxn ends
 * the transaction that has begun meanwhile. They are listed.
 */
import { Admin } from "../../src/client/admin.ts";
import { Connection } from "../../src/client/connection.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { UpdateFeatures } from "../../src/protocol/messages/update_features.ts";
import { parseArguments } from "../crash/options.ts";
import { Tally } from "../crash/tally.ts";
import { freePorts, pause } from "../crash/victim.ts";
import { Random } from "../random.ts";
import { Along, BrokerView } from "./broker_view.ts";
import { type BrokerProcess, kafka, runnel, type Spawn } from "./brokers.ts";
import { wrongAlong } from "./copies.ts";
import { Proxy } from "./proxy.ts";
import { RawProducer } from "./raw_producer.ts";
import { anomalies, type SeenRecord } from "./whole_or_never.ts";

const PARTITIONS = 3, TIMEOUT_MS = 15_000, LATEST_MS = 1500;
/** Produce, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit. */
const KEYS = new Set([0, 24, 25, 26, 28]);

const options = {
  seconds: 30,
  producers: 3,
  levels: "2,1,0",
  broker: "runnel",
  flush: "os",
  kills: 0,
  at: 0,
  seed: Date.now() % 1_000_000,
  ...parseArguments(Deno.args, {
    seconds: { number: true },
    producers: { number: true },
    levels: { pattern: /^[012](,[012])*$/ },
    broker: { choices: ["runnel", "kafka"] },
    flush: { choices: ["fsync", "os"] },
    kills: { number: true },
    at: { number: true },
    seed: { number: true },
  }),
};
console.log(`reorder: ${JSON.stringify(options)}`);
const tally = new Tally("reorder", null);

async function setLevel(port: number, level: number): Promise<void> {
  const connection = await Connection.open({ host: "127.0.0.1", port });
  const finalised = async () => {
    const asked = { clientSoftwareName: "reorder", clientSoftwareVersion: "1" };
    const { finalizedFeatures } = await connection.request(ApiVersions, 4, asked);
    const found = finalizedFeatures?.find(({ name }) => name === "transaction.version");
    return found?.maxVersionLevel ?? 0;
  };
  const now = await finalised();
  if (now !== level) {
    const answer = await connection.request(UpdateFeatures, 1, {
      timeoutMs: 10_000,
      featureUpdates: [{
        feature: "transaction.version",
        maxVersionLevel: level,
        upgradeType: level > now ? 1 : 2,
      }],
      validateOnly: false,
    });
    if (answer.errorCode !== 0) {
      throw new Error(`transaction.version ${level}: ${answer.errorMessage}`);
    }
    while (await finalised() !== level) await pause(50);
  }
  connection.close();
}

async function untilCoordinated(port: number, group: string, id: string): Promise<void> {
  const connection = await Connection.open({ host: "127.0.0.1", port });
  for (const [keyType, key] of [[0, group], [1, id]] as const) {
    for (;; await pause(50)) {
      const asked = { keyType, coordinatorKeys: [key] };
      const { coordinators: [found] } = await connection.request(FindCoordinator, 4, asked);
      if (found.errorCode === 0) break;
    }
  }
  connection.close();
}

async function trial(port: number, level: number, seed: number): Promise<void> {
  const random = new Random(seed);
  const name = `${level}-${seed}-${Date.now() % 1e6}`;
  const topic = `reorder-${name}`, group = `readers-${name}`, bootstrap = `127.0.0.1:${port}`;
  await setLevel(port, level);
  const admin = new Admin({ bootstrap });
  await admin.createTopics([{ name: topic, partitions: PARTITIONS }]);
  await untilCoordinated(port, group, `${name}-0`);
  const proxy = new Proxy({ to: port, random, keys: KEYS, latestMs: LATEST_MS });
  const along = new Along(bootstrap, topic, PARTITIONS);
  const producers = Array.from({ length: options.producers }, (_, producer) =>
    new RawProducer({
      port: proxy.port,
      producer,
      transactionalId: `${name}-${producer}`,
      topic,
      partitions: PARTITIONS,
      group,
      level,
      random: new Random(seed * 31 + producer),
      timeoutMs: TIMEOUT_MS,
    }));
  const complaints: string[] = [];
  const running = producers.map((one) =>
    one.run().catch((error) => complaints.push(`a producer ended: ${error.message}`))
  );
  await live(random);
  for (const one of producers) one.end();
  await Promise.all(running);
  await proxy.calm();
  proxy.close();

  const view = new BrokerView(bootstrap);
  const settled = await view.settled({ [topic]: PARTITIONS }, TIMEOUT_MS + 45_000, name);
  complaints.push(...settled.complaints);
  const values = await view.values(topic, PARTITIONS, "readCommitted");
  const committed = await view.committed(group);
  await along.end();
  if (along.failure) complaints.push(along.failure);
  complaints.push(...wrongAlong(along.shown, values));
  view.close();
  await admin.close();
  const transactions = producers.flatMap((one) => one.transactions);
  const found = anomalies({
    transactions,
    seen: [...values.values()].map((list) => list.map((value): SeenRecord => JSON.parse(value))),
    offsets: new Map(producers.map((_, i) => [i, committed.get(`${topic}-${i}`) ?? 0])),
  });

  const count = (outcome: string) => transactions.filter((one) => one.outcome === outcome).length;
  const refusals = merged(producers.map((one) => one.refusals));
  const title =
    `transaction.version ${level}: ${transactions.length} transactions (${
      count("committed")
    } committed, ` +
    `${count("aborted")} aborted, ${
      count("unknown")
    } unknown), settled in ${settled.tookMs} ms, seed ${seed}`;
  const kinds = Map.groupBy(found, ({ kind }) => kind);
  const listed = Array.from(
    kinds,
    ([kind, all]) => `${all.length} times ${kind}: ${all[0].example}`,
  );
  if (level === 2) complaints.push(...listed);
  if (transactions.length < options.seconds) complaints.push("there was hardly a transaction");
  tally.check(title, complaints);
  if (level < 2) { for (const line of listed) console.log(`       anomaly: ${line}`); }
  console.log(`       refused: ${refusals}`);
  console.log(`       on the way: ${merged([proxy.fates])}`);
}

/** Until the time is over, with kills at random moments. */
async function live(random: Random): Promise<void> {
  const lastMs = options.seconds * 1000, beganMs = performance.now();
  const moments = Array.from({ length: options.kills }, () => random.next() * lastMs);
  for (const atMs of moments.sort((a, b) => a - b)) {
    await pause(Math.max(0, beganMs + atMs - performance.now()));
    await broker!.kill();
    broker = await spawn!();
    await broker.serves();
  }
  await pause(Math.max(0, beganMs + lastMs - performance.now()));
}

function merged(counts: readonly ReadonlyMap<string, number>[]): string {
  const all = new Map<string, number>();
  for (const one of counts) for (const [name, n] of one) all.set(name, (all.get(name) ?? 0) + n);
  return [...all].sort(([a], [b]) => a < b ? -1 : 1).map(([name, n]) => `${name} ×${n}`).join(
    ", ",
  ) ||
    "nothing";
}

let broker: BrokerProcess | null = null;
let spawn: Spawn | null = null;
let folder: string | null = null;
try {
  let port = options.at;
  if (port === 0) {
    folder = await Deno.makeTempDir({ prefix: "runnel-reorder-" });
    const ports = freePorts(), at = { data: `${folder}/data`, ports, log: `${folder}/broker.log` };
    const flags = [`--storage-flush=${options.flush}`];
    spawn = options.broker === "kafka" ? kafka(at) : runnel({ ...at, flags });
    broker = await spawn();
    await broker.serves();
    port = ports.kafka;
  }
  for (const level of options.levels.split(",")) await trial(port, Number(level), options.seed);
  await setLevel(port, 2);
} finally {
  await broker?.kill();
  if (folder !== null) await Deno.remove(folder, { recursive: true });
}
tally.exit();
