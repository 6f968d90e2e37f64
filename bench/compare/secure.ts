/**
 * What TLS and log-ins cost, beside Apache Kafka on this machine: `deno task bench:secure [--rounds 3] [--size smoke|full]`.
 *
 * One Kafka and one Runnel (`flush = "os"`), each with a plain listener, one of SSL and one of SASL_SSL, and the same
 * certificate (P-256). They take turns load by load, round by round, and whoever is not at turn is stopped with SIGSTOP. The
 * clients are the same for both and share the machine, TLS 1.3 on either end. Handshakes are whole ones, each on a
 * connection of its own that asks ApiVersions and goes; log-ins are such with SCRAM-SHA-512 (4096 iterations).
 */
import { parseArgs } from "@std/cli/parse-args";
import { clusterUsers } from "../../src/cli/user/cluster_users.ts";
import { Cluster, parseAddress } from "../../src/client/cluster.ts";
import { Connection } from "../../src/client/connection.ts";
import { ApiVersions } from "../../src/protocol/messages/api_versions.ts";
import { hashOf } from "../../src/security/sasl/scram_credential.ts";
import { Authority } from "../../src/testing/certificates.ts";
import { median } from "../diff.ts";
import { fetch } from "../fetch.ts";
import { encoded, LoadConnection, Phases } from "../load.ts";
import { runProduce } from "../produce.ts";
import { heading, markdown } from "../report.ts";
import { parseSize } from "../run.ts";
import { spawnBroker, type SpawnedBroker } from "../targets.ts";
import { durations, type Size, type Target } from "../types.ts";
import { installKafka, KAFKA_VERSION, spawnKafka } from "./kafka.ts";

/** A broker with its three listeners. */
interface Subject {
  readonly broker: SpawnedBroker;
  readonly plain: Target;
  readonly tls: Target;
  readonly logins: Target;
}

interface SecureLoad {
  readonly name: string;
  /** Whether it is there without TLS too. */
  readonly isPlainToo: boolean;
  /** How many a second. */
  run(target: Target, size: Size): Promise<number>;
}

const LOADS: readonly SecureLoad[] = [
  {
    name: "produce, 4 connections × 5 in flight × 16 KiB, MB/s",
    isPlainToo: true,
    run: async (target, size) => {
      const load = { connections: 4, inFlight: 5, records: 16, valueBytes: 1024 };
      const { bytes, seconds } = await runProduce(target, size, load);
      return bytes / seconds / 1e6;
    },
  },
  {
    name: "fetch, 4 connections × 1 MiB, MB/s",
    isPlainToo: true,
    run: async (target, size) => {
      const { bytes, seconds } = (await fetch.run(target, size)).at(-1)!;
      return bytes / seconds / 1e6;
    },
  },
  {
    name: "50 connections × one record of 100 B, requests/s",
    isPlainToo: true,
    run: async (target, size) => {
      const load = { connections: 50, inFlight: 1, records: 1, valueBytes: 100 };
      const { requests, seconds } = await runProduce(target, size, load);
      return requests / seconds;
    },
  },
  { name: "connections that ask once and go, a second", isPlainToo: true, run: comings },
  { name: "log-ins, a second", isPlainToo: false, run: logins },
];

const AT_ONCE = 8;
const USER = { username: "bench", password: "of the bench" };
const ASK = encoded(ApiVersions, 0, {});

async function comings({ address, caCert }: Target, size: Size): Promise<number> {
  return await perSecond(size, async () => {
    const load = await LoadConnection.open(address, caCert);
    await load.exchange(ASK);
    load.close();
  });
}

async function logins({ address, caCert }: Target, size: Size): Promise<number> {
  const sasl = { mechanism: "SCRAM-SHA-512", ...USER } as const, tls = { caCerts: [caCert!] };
  return await perSecond(size, async () => {
    const connection = await Connection.open({ ...parseAddress(address), tls, sasl });
    connection.close();
  });
}

async function perSecond(size: Size, once: () => Promise<void>): Promise<number> {
  const { warmUpMs, measureMs } = durations(size), phases = new Phases(warmUpMs, measureMs);
  let count = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (!phases.isOver) {
      await once();
      if (phases.isMeasuring) count++;
    }
  }));
  return count / phases.seconds;
}

/** With a user, and at rest. */
async function subject(
  broker: SpawnedBroker,
  [plain, tls, logins]: readonly number[],
  caCert: string,
): Promise<Subject> {
  const at = (port: number): Target => ({ address: `127.0.0.1:${port}`, stop: broker.stop });
  const cluster = new Cluster({ bootstrap: `127.0.0.1:${plain}` });
  const hashes = [hashOf("SCRAM-SHA-512")!];
  await clusterUsers(cluster).add(USER.username, {
    password: USER.password,
    hashes,
    iterations: 4096,
  });
  cluster.close();
  broker.child.kill("SIGSTOP");
  return {
    broker,
    plain: at(plain),
    tls: { ...at(tls), caCert },
    logins: { ...at(logins), caCert },
  };
}

const LISTENERS = ["PLAINTEXT", "SSL", "SASL_SSL"];
const listenersAt = (ports: readonly number[]) =>
  LISTENERS.map((name, i) => `${name}://127.0.0.1:${ports[i]}`).join(",");

async function startKafka(folder: string, caCert: string): Promise<Subject> {
  const ports = [29_492, 29_494, 29_495]; // its controller has the one between
  const map = [...LISTENERS.map((name) => `${name}:${name}`), "CONTROLLER:PLAINTEXT"];
  const module = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  const broker = await spawnKafka(await installKafka(), {
    port: ports[0],
    properties: {
      "listeners": `${listenersAt(ports)},CONTROLLER://127.0.0.1:${ports[0] + 1}`,
      "advertised.listeners": listenersAt(ports),
      "listener.security.protocol.map": map.join(","),
      "ssl.keystore.type": "PEM",
      "ssl.keystore.location": `${folder}/both.pem`,
      "sasl.enabled.mechanisms": "SCRAM-SHA-512",
      "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": module,
    },
  });
  return await subject(broker, ports, caCert);
}

async function startRunnel(folder: string, caCert: string): Promise<Subject> {
  const ports = [29_592, 29_593, 29_594];
  const broker = await spawnBroker("os", {
    folder,
    flags: [
      `--listeners=${listenersAt(ports)}`,
      `--tls-certificate-file=${folder}/both.pem`,
      "--auth-mechanism=SCRAM-SHA-512",
      "--authorization-mode=off",
    ],
  });
  return await subject(broker, ports, caCert);
}

/** A figure a round, and ms of the broker's CPU in it for a thing of which that is the number a second. */
interface Sample {
  readonly perSecond: number[];
  readonly cpu: number[];
}

const KINDS = ["plain", "tls"] as const;
type Samples = Record<typeof KINDS[number], Record<"Kafka" | "Runnel", Sample>>;

async function turn(
  { broker, ...targets }: Subject,
  { load, kind, size }: { load: SecureLoad; kind: "plain" | "tls"; size: Size },
  sample: Sample,
): Promise<void> {
  broker.child.kill("SIGCONT");
  try {
    const before = await broker.usage();
    const target = load.isPlainToo ? targets[kind] : targets.logins;
    const perSecond = await load.run(target, size);
    sample.perSecond.push(perSecond);
    sample.cpu.push(((await broker.usage()).cpuMs - before.cpuMs) / perSecond);
  } finally {
    broker.child.kill("SIGSTOP");
  }
}

export function secureTable(results: readonly (readonly [name: string, Samples])[]): string {
  const rows = results.flatMap(([name, samples]) =>
    KINDS.filter((kind) => samples[kind].Kafka.perSecond.length > 0).map((kind) => {
      const { Kafka, Runnel } = samples[kind];
      const ratio = ratios(Runnel.perSecond, Kafka.perSecond);
      const ofPlain = kind === "plain" || samples.plain.Runnel.perSecond.length === 0
        ? ["", ""]
        : (["Kafka", "Runnel"] as const).map((who) =>
          ratios(samples.tls[who].perSecond, samples.plain[who].perSecond)
        );
      return [
        name,
        kind === "plain" ? "in clear" : "TLS",
        spread(Kafka.perSecond),
        spread(Runnel.perSecond),
        `**${ratio}**`,
        ratios(Runnel.cpu, Kafka.cpu),
        ...ofPlain,
      ];
    })
  );
  const header = [
    "load",
    "",
    "Kafka",
    "Runnel",
    "ratio",
    "CPU for the same",
    "Kafka's of in clear",
    "Runnel's of in clear",
  ];
  return markdown(header, rows, { texts: 2 });
}

/** The median of what each round had beside the other. */
function ratios(ours: readonly number[], theirs: readonly number[]): string {
  return `×${median(ours.map((one, i) => one / theirs[i])).toFixed(2)}`;
}

function spread(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.round);
  return `${Math.round(median([...values]))} (${low}–${high})`;
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size", "rounds"] });
  const size = parseSize(String(args.size ?? "full")), rounds = Number(args.rounds ?? 3);
  if (!(rounds >= 1 && rounds <= 100)) {
    throw new Error(`--rounds ${args.rounds}: needed is 1 to 100`);
  }
  const folder = await Deno.makeTempDir({ prefix: "runnel-bench-tls-" });
  const authority = await Authority.make("CN=Bench CA"),
    { certificate, key } = await authority.issue();
  await Deno.writeTextFile(`${folder}/both.pem`, key + certificate, { mode: 0o600 });
  const subjects: [("Kafka" | "Runnel"), Subject][] = [];
  try {
    subjects.push(["Kafka", await startKafka(folder, authority.certificate)]);
    subjects.push(["Runnel", await startRunnel(folder, authority.certificate)]);
    const newSample = (): Sample => ({ perSecond: [], cpu: [] });
    const results = LOADS.map((load) =>
      [load, {
        plain: { Kafka: newSample(), Runnel: newSample() },
        tls: { Kafka: newSample(), Runnel: newSample() },
      }] as const
    );
    // The first round is for the JVM to warm up, and counts for nobody.
    for (let round = -1; round < rounds; round++) {
      for (const [load, samples] of results) {
        for (const kind of load.isPlainToo ? KINDS : ["tls"] as const) {
          const order = round % 2 === 0 ? subjects : subjects.toReversed();
          for (const [who, one] of order) {
            const sample = round < 0 ? newSample() : samples[kind][who];
            await turn(one, { load, kind, size }, sample);
          }
        }
      }
    }
    console.log(heading(`deno task bench:secure ${Deno.args.join(" ")}`.trim()));
    console.log(`Apache Kafka ${KAFKA_VERSION}, ${rounds} rounds\n`);
    console.log(secureTable(results.map(([{ name }, samples]) => [name, samples])));
  } finally {
    for (const [, { broker }] of subjects) {
      broker.child.kill("SIGCONT");
      await broker.stop();
    }
    await Deno.remove(folder, { recursive: true });
  }
}
