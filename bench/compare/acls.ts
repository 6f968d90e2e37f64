/**
 * What ACLs cost requests about a thousand topics, beside Apache Kafka on this machine: `deno run -A bench/compare/acls.ts
 * [--rounds 5] [--size smoke|full]`. KAFKA_SERVER_LIBS may name the jars of another Kafka.
 *
 * Three brokers of each kind: one that asks no ACLs, one that asks and has none, and one with a prefix for each topic that
 * allows and two rules for each that deny. They take turns, round by round, and whoever is not at turn is stopped with
 * SIGSTOP. The load is one connection that asks the next when it is answered. What counts is the CPU that a broker uses a
 * request, beside the same broker without ACLs: that says something on a machine on which others work, too.
 */
import { parseArgs } from "@std/cli/parse-args";
import { Admin } from "../../src/client/admin.ts";
import { makeAcls, requestsAbout, topicNames } from "../acls.ts";
import { median } from "../diff.ts";
import { Histogram } from "../histogram.ts";
import { LoadConnection, Phases } from "../load.ts";
import { heading, markdown } from "../report.ts";
import { parseSize } from "../run.ts";
import { spawnBroker, type SpawnedBroker } from "../targets.ts";
import { durations, type Size } from "../types.ts";
import { installKafka, spawnKafka } from "./kafka.ts";

const AMONG = ["nobody asks ACLs", "they are asked, there are none", "prefixes and denials"];
type Kind = "Runnel" | "Kafka";

interface Sample {
  readonly cpuMs: number[];
  readonly p50Ms: number[];
}

/** One that may be asked, with its topics, and ACLs where it is to have some; it is stopped with SIGSTOP. */
async function subject(
  broker: SpawnedBroker,
  size: Size,
  hasAcls: boolean,
): Promise<SpawnedBroker> {
  const names = topicNames(size), admin = new Admin({ bootstrap: broker.address });
  await admin.createTopics(names.map((name) => ({ name, partitions: 1, replicationFactor: 1 })));
  await admin.listOffsets(names.map((topic) => ({ topic, partition: 0, at: "earliest" })));
  admin.close();
  if (hasAcls) await makeAcls(broker, names);
  broker.child.kill("SIGSTOP");
  return broker;
}

async function measure(
  broker: SpawnedBroker,
  { bytes, check }: ReturnType<typeof requestsAbout>[number],
  size: Size,
): Promise<{ cpuMs: number; p50Ms: number }> {
  broker.child.kill("SIGCONT");
  const { warmUpMs, measureMs } = durations(size), latency = new Histogram();
  const load = await LoadConnection.open(broker.address);
  const run = async (ms: number, isMeasured: boolean) => {
    const phases = new Phases(0, ms);
    await load.keepBusy(bytes, {
      inFlight: 1,
      isOver: () => phases.isOver,
      latency: () => isMeasured ? latency : null,
      check,
    });
  };
  try {
    await run(warmUpMs, false);
    const before = await broker.usage();
    await run(measureMs, true);
    const after = await broker.usage();
    return { cpuMs: (after.cpuMs - before.cpuMs) / latency.count, p50Ms: latency.percentile(50) };
  } finally {
    load.close();
    broker.child.kill("SIGSTOP");
  }
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["rounds", "size"] });
  const size = parseSize(String(args.size ?? "full")), rounds = Number(args.rounds ?? 5);
  const libs = await installKafka();
  const subjects: { kind: Kind; among: string; broker: SpawnedBroker }[] = [];
  try {
    for (const [i, among] of AMONG.entries()) {
      const runnel = await spawnBroker("os", { asksAcls: i > 0 });
      subjects.push({ kind: "Runnel", among, broker: await subject(runnel, size, i === 2) });
      const properties = {
        "super.users": "User:nobody",
        "allow.everyone.if.no.acl.found": true,
        ...i > 0 && {
          "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        },
      };
      const kafka = await spawnKafka(libs, { port: 29_892 + 2 * i, properties, heapMb: 512 });
      subjects.push({ kind: "Kafka", among, broker: await subject(kafka, size, i === 2) });
    }
    const samples = new Map<string, Sample>();
    for (let round = 0; round < rounds; round++) {
      for (const request of requestsAbout(topicNames(size))) {
        for (const { kind, among, broker } of subjects) {
          const key = `${kind} ${request.what} ${among}`;
          const { cpuMs, p50Ms } = await measure(broker, request, size);
          const sample = samples.get(key) ?? { cpuMs: [], p50Ms: [] };
          sample.cpuMs.push(cpuMs);
          sample.p50Ms.push(p50Ms);
          samples.set(key, sample);
        }
      }
    }
    console.log(heading(`deno run -A bench/compare/acls.ts ${Deno.args.join(" ")}`.trim()));
    const columns = ["CPU ms a request", "beside without", "p50 ms"];
    const header = [
      "",
      ...["Runnel", "Kafka"].flatMap((kind) => columns.map((c) => `${kind}, ${c}`)),
    ];
    const rows = ["Metadata", "Produce"].flatMap((what) =>
      AMONG.map((among) => [
        `${what}: ${among}`,
        ...["Runnel", "Kafka"].flatMap((kind) => {
          const of = (which: string) => samples.get(`${kind} ${what} ${which}`)!;
          const cpuMs = median(of(among).cpuMs);
          const ratio = cpuMs / median(of(AMONG[0]).cpuMs);
          return [cpuMs.toFixed(2), `×${ratio.toFixed(2)}`, median(of(among).p50Ms).toFixed(1)];
        }),
      ])
    );
    console.log(markdown(header, rows));
  } finally {
    for (const { broker } of subjects) {
      broker.child.kill("SIGCONT");
      await broker.stop();
    }
  }
}
