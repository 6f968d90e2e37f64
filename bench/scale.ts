/**
 * Scale: what grows with the number of partitions and connections: `deno task bench:scale [--size smoke|full] [name…]`.
 *
 * | name | what |
 * | --- | --- |
 * | partitions | requests of one record to each partition in turn, and to 50 partitions beside idle ones |
 * | connections | the same requests over few and many connections, and over 50 beside idle ones |
 * | groups | beats of many groups beside produce, and how long a large group takes to settle |
 * | idle | memory of idle connections and idle partitions, and what an idle broker takes of a core |
 *
 * CPU is the broker's, user and system, over all its threads. The broker leaves its data in the page cache
 * (`flush = "os"`), so that the device is left out.
 */
import { parseArgs } from "@std/cli/parse-args";
import { ApiVersions } from "../src/protocol/messages/api_versions.ts";
import { Metadata } from "../src/protocol/messages/metadata.ts";
import { groups } from "./groups.ts";
import { Histogram } from "./histogram.ts";
import { encoded, LoadConnection, Phases } from "./load.ts";
import { heading, markdown } from "./report.ts";
import { parseSize } from "./run.ts";
import { spawnBroker } from "./targets.ts";
import { batchOf, checkProduced, makeTopic, produceRequest, withTopic } from "./topics.ts";
import { durations, type Size, type Target } from "./types.ts";

export interface ScaleLine {
  readonly what: string;
  /** With its unit. */
  readonly figures: Readonly<Record<string, string>>;
}

/** One group of lines; `start` gives a new broker, on a directory that is kept when one is given. */
type Scale = (
  start: (keep?: string) => Promise<Target>,
  size: Size,
) => Promise<ScaleLine[]>;

export const scales: Readonly<Record<string, Scale>> = {
  partitions,
  connections,
  idle,
  groups,
};

async function partitions(start: Parameters<Scale>[0], size: Size): Promise<ScaleLine[]> {
  const lines: ScaleLine[] = [];
  for (const count of size === "smoke" ? [3] : [1, 100, 1000, 10_000]) {
    const target = await start();
    try {
      await withTopic(target, count, async (topic) => {
        const all = Array.from({ length: count }, (_, i) => i);
        lines.push(
          await busy(target, size, `${count} partitions, 50 of them written to`, {
            topic,
            connections: ACTIVE,
            partitionsOf: (i) => [i % count],
          }),
        );
        lines.push(
          await busy(target, size, `${count} partitions, written to in turn`, {
            topic,
            connections: ACTIVE,
            partitionsOf: (i) => all.filter((p) => p % ACTIVE === i % Math.min(ACTIVE, count)),
          }),
        );
      });
    } finally {
      await target.stop();
    }
  }
  return lines;
}

async function connections(start: Parameters<Scale>[0], size: Size): Promise<ScaleLine[]> {
  const target = await start();
  const lines: ScaleLine[] = [];
  const partitionsOf = (i: number) => [i % ACTIVE];
  try {
    await withTopic(target, ACTIVE, async (topic) => {
      for (const count of size === "smoke" ? [2] : [1, 100, 2000]) {
        const load = { topic, connections: count, partitionsOf };
        lines.push(await busy(target, size, `${count} connections`, load));
      }
      const others = await idleConnections(target, size === "smoke" ? 5 : 2000);
      const what = `${ACTIVE} connections beside ${others.length} idle ones`;
      lines.push(await busy(target, size, what, { topic, connections: ACTIVE, partitionsOf }));
      for (const other of others) other.close();
    });
  } finally {
    await target.stop();
  }
  return lines;
}

async function idle(start: Parameters<Scale>[0], size: Size): Promise<ScaleLine[]> {
  const isSmoke = size === "smoke", settleMs = isSmoke ? 10 : 3000;
  const keep = await Deno.makeTempDir({ prefix: "runnel-scale-" });
  const lines: ScaleLine[] = [];
  try {
    const empty = await within(await start(keep), async (target) => {
      await pause(settleMs);
      const emptyBytes = await rss(target);
      const warm = await idleConnections(target, isSmoke ? 2 : 200); // code that runs the first time
      await pause(settleMs);
      const before = await rss(target);
      const others = await idleConnections(target, isSmoke ? 5 : 2000);
      await pause(settleMs);
      lines.push(each("idle connection", others.length, await rss(target) - before));
      for (const other of [...warm, ...others]) other.close();
      return emptyBytes;
    });
    const count = isSmoke ? 5 : 10_000;
    await within(await start(keep), async (target) => {
      // In parts: a request that makes them all takes longer than a client waits.
      for (let made = 0; made < count; made += 1000) {
        await makeTopic(target, `idle-${made}`, Math.min(1000, count - made));
      }
    });
    await within(await start(keep), () => pause(settleMs)); // makes indexes: that stop may not be a clean one
    await within(await start(keep), async (target) => {
      await pause(settleMs);
      const before = await usage(target);
      lines.push(each("idle partition just after a restart", count, before.rssBytes - empty));
      const ms = isSmoke ? 50 : 20_000;
      await pause(ms);
      const share = ((await usage(target)).cpuMs - before.cpuMs) / ms * 100;
      await pause(isSmoke ? 0 : REDUCED_MS - ms);
      const reduced = await rss(target) - empty;
      lines.push(each(`idle partition ${REDUCED_MS / 1000} s later`, count, reduced));
      const what = `${count} idle partitions for ${ms / 1000} s`;
      lines.push({ what, figures: { CPU: `${share.toFixed(2)} % of a core` } });
    });
  } finally {
    await Deno.remove(keep, { recursive: true });
  }
  return lines;
}

const ACTIVE = 50;
/** By then V8 has found the process idle and given back what opening took (about 30 s after the start). */
const REDUCED_MS = 45_000;

interface BusyLoad {
  readonly topic: string;
  readonly connections: number;
  /** What a connection writes to, one after the other, one request in flight. */
  readonly partitionsOf: (connection: number) => readonly number[];
}

/** Requests of one record of 100 bytes until the time is over. */
async function busy(target: Target, size: Size, what: string, load: BusyLoad): Promise<ScaleLine> {
  const batch = batchOf(1, 100);
  const { warmUpMs, measureMs } = durations(size);
  const loaders = await openAll(target, load.connections);
  const requests = loaders.map((_, i) =>
    load.partitionsOf(i).map((partition) => produceRequest(load.topic, partition, batch))
  );
  // Once to each partition, uncounted: the first write opens its files.
  await Promise.all(loaders.map((loader, i) => inTurn(loader, requests[i], requests[i].length)));
  const phases = new Phases(warmUpMs, measureMs);
  const latency = new Histogram();
  const work = Promise.all(loaders.map(async (loader, i) => {
    for (let at = 0; !phases.isOver; at = (at + 1) % requests[i].length) {
      const sentMs = performance.now();
      const answer = await loader.exchange(requests[i][at]);
      if (phases.isMeasuring) latency.add(performance.now() - sentMs);
      if (at === 0) checkProduced(answer);
    }
  }));
  await pause(warmUpMs);
  const before = await usage(target), beganMs = performance.now(), had = latency.count;
  await pause(measureMs * 0.9); // before the load ends
  const cpuMs = (await usage(target)).cpuMs - before.cpuMs;
  const counted = latency.count - had, seconds = (performance.now() - beganMs) / 1000;
  await work;
  for (const loader of loaders) loader.close();
  return {
    what,
    figures: {
      "requests/s": (counted / seconds).toFixed(0),
      "CPU µs/request": (cpuMs * 1000 / counted).toFixed(1),
      "p50 ms": latency.percentile(50).toFixed(2),
      "p99 ms": latency.percentile(99).toFixed(2),
    },
  };
}

async function inTurn(loader: LoadConnection, requests: readonly Uint8Array[], count: number) {
  for (let i = 0; i < count; i++) checkProduced(await loader.exchange(requests[i]));
}

/** Connections that have asked what every client asks first, and nothing since. */
async function idleConnections(target: Target, count: number): Promise<LoadConnection[]> {
  const greeting = encoded(ApiVersions, 3, {
    clientSoftwareName: "bench",
    clientSoftwareVersion: "1",
  });
  const metadata = encoded(Metadata, 9, { topics: [] });
  const loaders = await openAll(target, count);
  for (const loader of loaders) {
    await loader.exchange(greeting);
    await loader.exchange(metadata);
  }
  return loaders;
}

async function openAll(target: Target, count: number): Promise<LoadConnection[]> {
  const loaders: LoadConnection[] = [];
  for (let i = 0; i < count; i++) loaders.push(await LoadConnection.open(target.address));
  return loaders;
}

async function within<T>(target: Target, use: (target: Target) => Promise<T>): Promise<T> {
  try {
    return await use(target);
  } finally {
    await target.stop();
  }
}

async function usage(target: Target) {
  if (target.usage === undefined) {
    throw new Error(`Broker ${target.address}: its usage cannot be asked`);
  }
  return await target.usage();
}

const rss = async (target: Target) => (await usage(target)).rssBytes;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function each(what: string, count: number, bytes: number): ScaleLine {
  return { what, figures: { memory: `${(bytes / count / 1024).toFixed(2)} KiB (of ${count})` } };
}

/** A table for each group, since their columns differ. */
export function scaleTable(lines: readonly ScaleLine[]): string {
  const tables = Map.groupBy(lines, ({ figures }) => Object.keys(figures).join());
  return [...tables.values()].map((lines) => {
    const columns = Object.keys(lines[0].figures);
    return markdown(
      ["", ...columns],
      lines.map(({ what, figures }) => [
        what,
        ...columns.map((column) => figures[column]),
      ]),
    );
  }).join("\n");
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size"] });
  const size = parseSize(String(args.size ?? "full"));
  const names = args._.length > 0 ? args._.map(String) : Object.keys(scales);
  const lines: ScaleLine[] = [];
  for (const name of names) {
    if (!(name in scales)) {
      throw new Error(`Scale "${name}": needed is one of ${Object.keys(scales).join(", ")}`);
    }
    lines.push(...await scales[name]((keep) => spawnBroker("os", { keep }), size));
  }
  console.log(heading(`deno task bench:scale ${Deno.args.join(" ")}`.trim()));
  console.log(scaleTable(lines));
}
