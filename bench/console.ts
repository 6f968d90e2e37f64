/**
 * Console: what the broker's own console costs, and how soon it answers: `deno task bench:console [--size smoke|full]`.
 *
 * | part | what |
 * | --- | --- |
 * | answers | each route of the API, beside a steady load, with 5,000 topics and 1,000 groups |
 * | consoles | what three and ten open consoles take of a core: pairs of times with and without, in turn, and the interval that has the mean of their differences in 95 of 100 cases |
 *
 * An open console is a script that does what its page does: it reads the live stream, and asks again for what is shown: the
 * overview and a group every 5 s, the list of topics every 10 s. CPU is the broker's, user and system, over all threads.
 */
import { parseArgs } from "@std/cli/parse-args";
import { parseAddress } from "../src/client/cluster.ts";
import { Connection } from "../src/client/connection.ts";
import { Admin } from "../src/client/admin.ts";
import { API_PATH } from "../src/console/api.ts";
import { OffsetCommit } from "../src/protocol/messages/offset_commit.ts";
import { FindCoordinator } from "../src/protocol/messages/find_coordinator.ts";
import { Histogram } from "./histogram.ts";
import { LoadConnection } from "./load.ts";
import { heading, markdown } from "./report.ts";
import { parseSize } from "./run.ts";
import { spawnBroker } from "./targets.ts";
import { batchOf, checkProduced, produceRequest } from "./topics.ts";
import type { Size, Target } from "./types.ts";

export interface ConsoleTarget extends Target {
  readonly httpAddress: string;
}

interface Scale {
  readonly topics: number;
  readonly groups: number;
  /** Records of 1 KB a second. */
  readonly recordsPerSecond: number;
  readonly requests: number;
  readonly pairs: number;
  readonly windowMs: number;
  readonly consoles: readonly number[];
}

const SCALES: Readonly<Record<Size, Scale>> = {
  smoke: {
    topics: 3,
    groups: 2,
    recordsPerSecond: 100,
    requests: 2,
    pairs: 2,
    windowMs: 100,
    consoles: [1],
  },
  full: {
    topics: 5000,
    groups: 1000,
    recordsPerSecond: 2000,
    requests: 50,
    pairs: 10,
    windowMs: 10_000,
    consoles: [3, 10],
  },
};

export interface ConsoleLines {
  readonly answers: readonly { readonly path: string; readonly latency: Histogram }[];
  readonly costs: readonly {
    readonly consoles: number;
    /** Of a core, in percent: the mean, and half the interval. */
    readonly mean: number;
    readonly half: number;
    readonly without: number;
  }[];
}

export async function consoleBench(target: ConsoleTarget, size: Size): Promise<ConsoleLines> {
  const scale = SCALES[size];
  await fill(target, scale);
  const load = await Load.begin(target, scale);
  try {
    const answers: ConsoleLines["answers"][number][] = [];
    for (const path of PATHS) {
      answers.push({ path, latency: await answered(target, path, scale.requests) });
    }
    const costs: ConsoleLines["costs"][number][] = [];
    for (const consoles of scale.consoles) costs.push(await costOf(target, consoles, scale));
    return { answers, costs };
  } finally {
    await load.end();
  }
}

const nameOf = (topic: number) => `topic-${topic}`, groupOf = (group: number) => `group-${group}`;

/** Topics, and groups that have committed offsets of ten of them. */
async function fill(target: Target, { topics, groups }: Scale): Promise<void> {
  const admin = new Admin({ bootstrap: target.address });
  for (let made = 0; made < topics; made += 500) {
    const count = Math.min(500, topics - made);
    await admin.createTopics(Array.from({ length: count }, (_, i) => ({ name: nameOf(made + i) })));
  }
  admin.close();
  const connection = await Connection.open({ ...parseAddress(target.address) });
  const version = connection.versionFor(OffsetCommit, 9);
  for (let group = 0; group < groups; group++) {
    const groupId = groupOf(group);
    for (;;) { // the first one makes the topic of offsets
      const found = await connection.request(
        FindCoordinator,
        connection.versionFor(FindCoordinator),
        { keyType: 0, coordinatorKeys: [groupId] },
      );
      if (found.coordinators[0].errorCode === 0) break;
    }
    const answer = await connection.request(OffsetCommit, version, {
      groupId,
      memberId: "",
      topics: Array.from({ length: Math.min(10, topics) }, (_, i) => ({
        name: nameOf((group + i) % topics),
        partitions: [{ partitionIndex: 0, committedOffset: 0n, committedMetadata: "" }],
      })),
    });
    const [{ partitions: [{ errorCode }] }] = answer.topics;
    if (errorCode !== 0) throw new Error(`commit of ${groupId}: error ${errorCode}`);
  }
  connection.close();
}

/** Records at a steady rate, a request of ten each, to some topics in turn. */
class Load {
  readonly #connection: LoadConnection;
  #isOver = false;
  #ended: Promise<void> = Promise.resolve();

  private constructor(connection: LoadConnection) {
    this.#connection = connection;
  }

  static async begin(target: Target, { topics, recordsPerSecond }: Scale): Promise<Load> {
    const load = new Load(await LoadConnection.open(target.address));
    const batch = batchOf(RECORDS, 1000), written = Math.min(20, topics);
    const requests = Array.from(
      { length: written },
      (_, i) => produceRequest(nameOf(i), 0, batch),
    );
    load.#ended = load.#run(requests, RECORDS / recordsPerSecond * 1000);
    return load;
  }

  async #run(requests: readonly Uint8Array[], everyMs: number): Promise<void> {
    const beganMs = performance.now();
    for (let i = 0; !this.#isOver; i++) {
      checkProduced(await this.#connection.exchange(requests[i % requests.length]));
      const leftMs = beganMs + (i + 1) * everyMs - performance.now();
      if (leftMs > 0) await pause(leftMs);
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#ended;
    this.#connection.close();
  }
}

const RECORDS = 10;

const PATHS = [
  "session",
  "openapi.json",
  "overview",
  "history",
  "history?range=day",
  "topics",
  "topics?limit=1000&sort=bytes&order=desc",
  "topics?q=99",
  "topics/topic-1",
  "topics/topic-1/configs",
  "topics/topic-1/partitions/0/segments",
  "topics/topic-1/partitions/0/producers",
  "topics/topic-1/records",
  "topics/topic-1/records?at=start&limit=500",
  "topics/topic-1/partitions/0/records/0",
  "topics/topic-1/partitions/0/records/0/value",
  "groups",
  "groups?limit=1000&sort=lag&order=desc",
  "group?id=group-1",
  "group/lag?id=group-1",
  "clients",
  "transactions",
  "warnings",
] as const;

async function answered(
  { httpAddress }: ConsoleTarget,
  path: string,
  requests: number,
): Promise<Histogram> {
  const latency = new Histogram();
  for (let i = 0; i < requests; i++) {
    const beganMs = performance.now();
    const response = await fetch(`http://${httpAddress}${API_PATH}/${path}`);
    await response.bytes();
    latency.add(performance.now() - beganMs);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await pause(2);
  }
  return latency;
}

/** Pairs in turn, the one with consoles first in every other. */
async function costOf(
  target: ConsoleTarget,
  consoles: number,
  { pairs, windowMs }: Scale,
): Promise<ConsoleLines["costs"][number]> {
  const differences: number[] = [], without: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const shares = new Map<number, number>();
    for (const open of pair % 2 === 0 ? [consoles, 0] : [0, consoles]) {
      shares.set(open, await shareWith(target, open, windowMs));
    }
    differences.push(shares.get(consoles)! - shares.get(0)!);
    without.push(shares.get(0)!);
  }
  const mean = meanOf(differences), degrees = Math.max(1, pairs - 1);
  const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / degrees;
  const half = (STUDENT[degrees] ?? 2) * Math.sqrt(variance / pairs);
  return { consoles, mean, half, without: meanOf(without) };
}

/** Of the t distribution, 95 % two-sided, by degrees of freedom. */
const STUDENT: Readonly<Record<number, number>> = {
  1: 12.71,
  2: 4.3,
  4: 2.78,
  9: 2.262,
  19: 2.093,
};

/** What the broker takes of a core meanwhile, in percent. */
async function shareWith(target: ConsoleTarget, open: number, windowMs: number): Promise<number> {
  const leaving = new AbortController();
  const consoles = Array.from({ length: open }, (_, i) => lookAt(target, i, leaving.signal));
  await pause(windowMs / 10); // opening is not what is measured
  const beganMs = performance.now(), before = await target.usage!();
  await pause(windowMs);
  const after = await target.usage!(), elapsedMs = performance.now() - beganMs;
  leaving.abort();
  await Promise.all(consoles);
  return (after.cpuMs - before.cpuMs) / elapsedMs * 100;
}

/** One open console, until it is left. */
async function lookAt(
  { httpAddress }: ConsoleTarget,
  number: number,
  signal: AbortSignal,
): Promise<void> {
  const at = `http://${httpAddress}${API_PATH}`;
  const views = [["overview", 5000], ["topics", 10_000], ["group?id=group-1", 5000]] as const;
  const [path, againMs] = views[number % views.length];
  const stream = async () => {
    const response = await fetch(`${at}/live`, { signal });
    if (!response.ok) throw new Error(`live: ${response.status}`);
    for await (const _ of response.body!);
  };
  const polls = async () => {
    while (!signal.aborted) {
      await (await fetch(`${at}/${path}`, { signal })).bytes();
      await pause(againMs, signal);
    }
  };
  const left = (error: unknown) => {
    if (!signal.aborted) throw error;
  };
  await Promise.all([stream().catch(left), polls().catch(left)]);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

export function consoleTable({ answers, costs }: ConsoleLines): string {
  const ms = (value: number) => value.toFixed(1);
  const rows = answers.map(({ path, latency }) => [
    path,
    String(latency.count),
    ms(latency.percentile(50)),
    ms(latency.percentile(99)),
    ms(latency.percentile(100)),
  ]);
  const shares = costs.map(({ consoles, mean, half, without }) => [
    String(consoles),
    `${mean.toFixed(2)} ± ${half.toFixed(2)}`,
    without.toFixed(2),
  ]);
  return [
    markdown(["route", "requests", "p50 ms", "p99 ms", "max ms"], rows, { texts: 1 }),
    markdown(["open consoles", "% of a core, 95 %", "% without"], shares, { texts: 1 }),
  ].join("\n\n");
}

if (import.meta.main) {
  const { size } = parseArgs(Deno.args, { string: ["size"], default: { size: "full" } });
  const broker = await spawnBroker("os");
  try {
    const lines = await consoleBench(broker, parseSize(size));
    console.log(heading(`deno task bench:console --size ${size}`));
    console.log(consoleTable(lines));
  } finally {
    await broker.stop();
  }
}
