/**
 * Proves that a group gets over whatever its broker answers: each error that a coordinator or leader may give, and ends of
 * connections before and after the request was carried out, strikes a group while members read, commit, come and go; and
 * everything is read and committed.
 */
import { assert, assertEquals } from "@std/assert";
import {
  Admin,
  Broker,
  Cluster,
  Consumer,
  type ConsumerOptions,
  type FaultRule,
  KafkaError,
  Producer,
} from "../../src/mod.ts";

type Rule = Pick<FaultRule, "api" | "errorCode" | "disconnect" | "count">;

/** Errors of an API, and both ways to lose its connection. */
function of(api: string, ...errors: NonNullable<Rule["errorCode"]>[]): Rule[] {
  return [
    ...errors.map((errorCode) => ({ api, errorCode })),
    { api, disconnect: true },
    { api, disconnect: "after" },
  ];
}

const ANY: readonly Rule[] = [
  ...of("FindCoordinator", "COORDINATOR_NOT_AVAILABLE"),
  ...of("OffsetFetch", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "UNSTABLE_OFFSET_COMMIT"),
  ...of("OffsetCommit", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "REQUEST_TIMED_OUT"),
  ...of("Fetch", "NOT_LEADER_OR_FOLLOWER", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"),
  ...of("ListOffsets", "NOT_LEADER_OR_FOLLOWER", "LEADER_NOT_AVAILABLE"),
  ...of("Metadata"),
];

const CLASSIC: readonly Rule[] = [
  ...ANY,
  ...of(
    "JoinGroup",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "NOT_COORDINATOR",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
  ),
  ...of(
    "SyncGroup",
    "NOT_COORDINATOR",
    "UNKNOWN_MEMBER_ID",
    "ILLEGAL_GENERATION",
    "REBALANCE_IN_PROGRESS",
  ),
  ...of(
    "Heartbeat",
    "COORDINATOR_NOT_AVAILABLE",
    "UNKNOWN_MEMBER_ID",
    "ILLEGAL_GENERATION",
    "REBALANCE_IN_PROGRESS",
  ),
  ...of("LeaveGroup", "NOT_COORDINATOR"),
  { api: "OffsetCommit", errorCode: "REBALANCE_IN_PROGRESS" },
  { api: "OffsetCommit", errorCode: "ILLEGAL_GENERATION" },
  { api: "OffsetCommit", errorCode: "UNKNOWN_MEMBER_ID" },
];

const CONSUMER: readonly Rule[] = [
  ...ANY,
  ...of(
    "ConsumerGroupHeartbeat",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "NOT_COORDINATOR",
    "UNKNOWN_MEMBER_ID",
    "FENCED_MEMBER_EPOCH",
  ),
  { api: "OffsetCommit", errorCode: "STALE_MEMBER_EPOCH" },
  { api: "OffsetCommit", errorCode: "UNKNOWN_MEMBER_ID" },
];

const KINDS: Readonly<Record<string, { options: ConsumerOptions; rules: readonly Rule[] }>> = {
  "classic, eager": { options: { partitionAssignors: ["range"] }, rules: CLASSIC },
  "classic, cooperative": {
    options: { partitionAssignors: ["cooperative-sticky"] },
    rules: CLASSIC,
  },
  "consumer": { options: { groupProtocol: "consumer" }, rules: CONSUMER },
};

for (const [kind, { options, rules }] of Object.entries(KINDS)) {
  Deno.test(`a group gets over every answer and lost connection (${kind})`, async () => {
    const failures: string[] = [];
    const left = [...rules];
    const run = async () => {
      for (let rule = left.shift(); rule !== undefined; rule = left.shift()) {
        try {
          await getsOver(options, rule);
        } catch (error) {
          failures.push(`${JSON.stringify(rule)}: ${error}`);
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, run));
    assert(failures.length === 0, failures.join("\n"));
  });
}

Deno.test("a cooperative member that commits while it joins is told to wait, and loses nothing", async () => {
  await using broker = await Broker.start({ groups: { initialRebalanceDelayMs: 0 } });
  const cluster = new Cluster({ bootstrap: broker.address });
  await new Admin(cluster).createTopics([{ name: "t", partitions: 4 }]);
  const heard: string[] = [];
  const consumers = ["a", "b"].map((name) => {
    const consumer = new Consumer(cluster, {
      groupId: "g",
      partitionAssignors: ["cooperative-sticky"],
      heartbeatIntervalMs: 50,
      enableAutoCommit: false,
    });
    return { name, consumer };
  });
  const [a, b] = consumers.map(({ name, consumer }) => {
    consumer.subscribe("t", { onPartitionsLost: () => void heard.push(name) });
    return consumer;
  });
  while (a.assignment().length < 4) await a.poll(20);
  broker.faults.next({ api: "SyncGroup", delayMs: 400, count: 2 });
  const told = new Set<string>();
  const deadlineMs = performance.now() + 15_000;
  while (a.assignment().length !== 2 || b.assignment().length !== 2) {
    assert(performance.now() < deadlineMs, "they do not share");
    await Promise.all([a.poll(20), b.poll(20)]);
    await a.commit(a.assignment().map((one) => ({ ...one, offset: 0 }))).catch((error) => {
      told.add(error instanceof KafkaError ? error.kafkaName : `${error}`);
    });
  }
  assertEquals([[...told], heard], [["REBALANCE_IN_PROGRESS"], []]);
  broker.faults.assertAllFired();
  for (const consumer of [a, b]) await consumer.close();
  cluster.close();
});

async function getsOver(options: ConsumerOptions, rule: Rule): Promise<void> {
  await using broker = await Broker.start({
    groups: {
      initialRebalanceDelayMs: 0,
      minSessionTimeoutMs: 500,
      consumerMinSessionTimeoutMs: 500,
      consumerSessionTimeoutMs: 1500,
      consumerMinHeartbeatIntervalMs: 50,
      consumerHeartbeatIntervalMs: 100,
      consumerAssignmentIntervalMs: 0,
    },
  });
  const cluster = new Cluster({ bootstrap: broker.address });
  const producer = new Producer(cluster), group = new Group(broker.address, options);
  try {
    await new Admin(cluster).createTopics([{ name: "t", partitions: 4 }]);
    group.join();
    await group.until(() => group.shares("4"));
    // Twice: the second time while it gets over the first.
    broker.faults.next({ count: 2, ...rule });
    group.join();
    for (let i = 0; i < 40; i++) {
      await producer.send({ topic: "t", partition: i % 4, value: `${i}` });
    }
    await group.until(() => group.shares("2,2") && group.done.size === 40);
    if (rule.api === "ListOffsets") await group.seek();
    group.join();
    await group.until(() => group.shares("1,1,2"));
    await group.leave();
    await group.leave();
    await group.until(() => group.shares("4"));
    broker.faults.assertAllFired();
  } finally {
    await group.close();
    await producer.close();
    cluster.close();
  }
}

/** Members that poll in turns, and commit what they read. */
class Group {
  readonly #clusters: Cluster[] = [];
  readonly #members: Consumer[] = [];
  readonly #bootstrap: string;
  readonly #options: ConsumerOptions;
  /** What was committed. */
  readonly done = new Set<string>();

  constructor(bootstrap: string, options: ConsumerOptions) {
    this.#bootstrap = bootstrap;
    this.#options = options;
  }

  join(): void {
    const cluster = new Cluster({ bootstrap: this.#bootstrap, metadataMaxAgeMs: 500 });
    const consumer = new Consumer(cluster, {
      groupId: "g",
      autoOffsetReset: "earliest",
      enableAutoCommit: false,
      sessionTimeoutMs: 1500,
      heartbeatIntervalMs: 100,
      fetchMaxWaitMs: 20,
      ...this.#options,
    });
    consumer.subscribe("t");
    this.#clusters.push(cluster);
    this.#members.push(consumer);
  }

  shares(counts: string): boolean {
    const assigned = this.#members.map((one) => one.assignment());
    const names = new Set(assigned.flat().map(({ partition }) => partition));
    return names.size === 4 && assigned.map(({ length }) => length).sort().join() === counts;
  }

  async until(isSo: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + 25_000;
    while (!isSo()) {
      const shown = this.#members.map((one) => one.assignment().length).join();
      assert(performance.now() < deadlineMs, `it has ${shown}, ${this.done.size} are committed`);
      for (const member of this.#members) {
        const records = await member.poll(20);
        try {
          await member.commit(records);
          for (const { partition, offset } of records) this.done.add(`${partition}-${offset}`);
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error;
          // What is still assigned is committed with what comes next; the rest others read again.
          for (const one of member.assignment()) {
            const first = records.find(({ partition }) => partition === one.partition);
            if (first !== undefined) member.seek(one, first.offset);
          }
        }
      }
    }
  }

  async seek(): Promise<void> {
    for (const member of this.#members) await member.seekToEnd();
  }

  async leave(): Promise<void> {
    await this.#members.pop()!.close();
  }

  async close(): Promise<void> {
    for (const member of this.#members) await member.close();
    for (const cluster of this.#clusters) cluster.close();
  }
}
