/**
 * Members of different clients in one group: deno run -A tests/clients/groups/mixed.ts BOOTSTRAP
 *
 * For each assignor and the consumer protocol, and each of Java's VerifiableConsumer and kcat (librdkafka) as the other
 * client: the other one leads and ours follow, and the other way round. Each time the partitions are shared evenly, the
 * other leaves, and ours have everything. With KAFKA_LIBS (Kafka's jars) Java takes part, with kcat on the PATH that.
 */
import { assertEquals } from "@std/assert";
import { describeGroup } from "../../../src/client/groups.ts";
import {
  Admin,
  Cluster,
  Consumer,
  type ConsumerOptions,
  type ConsumerRecord,
  Producer,
} from "../../../src/mod.ts";

const [bootstrap] = Deno.args;
if (bootstrap === undefined) throw new Error("Needed: the address of a broker");
const kafkaLibs = Deno.env.get("KAFKA_LIBS");
const TOPIC = `mixed-${Date.now()}`, PARTITIONS = 6;
const JAVA_ASSIGNORS: Readonly<Record<string, string>> = {
  "range": "RangeAssignor",
  "roundrobin": "RoundRobinAssignor",
  "sticky": "StickyAssignor",
  "cooperative-sticky": "CooperativeStickyAssignor",
};

type Protocol = "range" | "roundrobin" | "sticky" | "cooperative-sticky" | "consumer";

function java(group: string, protocol: Protocol): Deno.ChildProcess {
  const how = protocol === "consumer" ? ["--group-protocol", "consumer"] : [
    "--session-timeout",
    "6000",
    "--assignment-strategy",
    `org.apache.kafka.clients.consumer.${JAVA_ASSIGNORS[protocol]}`,
  ];
  return new Deno.Command("java", {
    args: [
      ..."-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1".split(" "),
      "-cp",
      `${kafkaLibs}/*`,
      "org.apache.kafka.tools.VerifiableConsumer",
      ...["--bootstrap-server", bootstrap, "--topic", TOPIC, "--group-id", group],
      ...["--reset-policy", "earliest", ...how],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function kcat(group: string, protocol: Protocol): Deno.ChildProcess {
  const how = protocol === "consumer"
    ? ["group.protocol=consumer"]
    : [`partition.assignment.strategy=${protocol}`, "heartbeat.interval.ms=500"];
  return new Deno.Command("kcat", {
    args: [
      ...["-b", bootstrap, "-q", "-u", "-X", "auto.offset.reset=earliest"],
      ...how.flatMap((one) => ["-X", one]),
      ...["-G", group, TOPIC],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** One of ours, which reads until it is closed. */
class Ours {
  readonly consumer: Consumer;
  readonly records: ConsumerRecord[] = [];
  readonly #loop: Promise<void>;

  constructor(group: string, protocol: Protocol) {
    const options: ConsumerOptions = protocol === "consumer"
      ? { groupProtocol: "consumer" }
      : { partitionAssignors: [protocol], heartbeatIntervalMs: 500 };
    this.consumer = new Consumer({ bootstrap }, {
      groupId: group,
      autoOffsetReset: "earliest",
      autoCommitIntervalMs: 500,
      ...options,
    });
    this.consumer.subscribe(TOPIC);
    this.#loop = this.#read();
  }

  async #read(): Promise<void> {
    for await (const record of this.consumer) this.records.push(record);
  }

  async close(): Promise<void> {
    await this.consumer.close();
    await this.#loop;
  }
}

/** Waits until members have so many partitions each, and all together every one once. */
async function shares(cluster: Cluster, group: string, wanted: readonly number[]): Promise<void> {
  let last = "";
  for (let i = 0; i < 300; i++) {
    const found = await describeGroup(cluster, group);
    const counts = found?.members.map(({ partitions }) => partitions.length).sort() ?? [];
    const names = new Set(
      found?.members.flatMap(({ partitions }) => partitions.map(({ partition }) => partition)),
    );
    last = `${found?.state} ${counts}`;
    const isShared = counts.join() === wanted.join() && names.size === PARTITIONS;
    if (found?.state === "Stable" && isShared) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Group ${group} is not shared ${wanted}: it is ${last}`);
}

async function run(
  cluster: Cluster,
  other: (group: string, protocol: Protocol) => Deno.ChildProcess,
  protocol: Protocol,
  isOtherFirst: boolean,
): Promise<void> {
  const group = `mixed-${crypto.randomUUID()}`, ours: Ours[] = [];
  let theirs: Deno.ChildProcess | null = null;
  try {
    if (isOtherFirst) theirs = other(group, protocol);
    else ours.push(new Ours(group, protocol));
    await shares(cluster, group, [6]);
    if (isOtherFirst) ours.push(new Ours(group, protocol));
    else theirs = other(group, protocol);
    await shares(cluster, group, [3, 3]);
    ours.push(new Ours(group, protocol));
    await shares(cluster, group, [2, 2, 2]);
    theirs!.kill("SIGTERM");
    await theirs!.status;
    await shares(cluster, group, [3, 3]);
    await using producer = new Producer(cluster);
    const before = ours.flatMap(({ records }) => records).length;
    await Promise.all(
      Array.from(
        { length: 60 },
        (_, i) =>
          producer.send({ topic: TOPIC, partition: i % PARTITIONS, value: `${group} ${i}` }),
      ),
    );
    for (let i = 0; i < 100; i++) {
      if (ours.flatMap(({ records }) => records).length >= before + 60) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const mine = ours.flatMap(({ records }) => records)
      .filter(({ value }) => new TextDecoder().decode(value!).startsWith(group));
    assertEquals(mine.length, 60);
  } finally {
    for (const one of ours) await one.close();
    try {
      theirs?.kill("SIGKILL");
    } catch {
      // it has ended
    }
  }
}

const cluster = new Cluster({ bootstrap });
await new Admin(cluster).createTopics([{ name: TOPIC, partitions: PARTITIONS }]);
let failed = 0;
const others = { ...kafkaLibs ? { java } : {}, kcat };
for (const [name, other] of Object.entries(others)) {
  const protocols: Protocol[] = ["range", "roundrobin", "cooperative-sticky"];
  if (name === "java") protocols.push("sticky", "consumer");
  for (const protocol of protocols) {
    for (const isOtherFirst of [true, false]) {
      const what = `${protocol} with ${name}, ${isOtherFirst ? name : "runnel"} first`;
      const startedMs = performance.now();
      try {
        await run(cluster, other, protocol, isOtherFirst);
        console.log(`ok    ${what} (${Math.round(performance.now() - startedMs)} ms)`);
      } catch (error) {
        failed++;
        console.log(`FAILED ${what}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
}
cluster.close();
Deno.exit(failed === 0 ? 0 : 1);
