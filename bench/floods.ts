/**
 * Floods: what somebody who does nothing wrong notices of those who do: how long its requests take, and what the broker
 * takes of memory and descriptors, while it lasts and half a minute after. `deno task bench:floods [--size smoke|full] [--checkout PATH]
 * [name…]`; a checkout is another version's, whose broker is to be attacked.
 *
 * Each attack meets a broker of its own, in a process of its own; the attackers are in another thread than whoever is
 * timed, who produces a record of 100 bytes, a batch of 16 KiB and one of 200 KiB, fetches, connects anew every ten
 * requests, and asks /healthz.
 */
import { parseArgs } from "@std/cli/parse-args";
import { Admin } from "../src/client/admin.ts";
import { Fetch } from "../src/protocol/messages/fetch.ts";
import { Authority } from "../src/testing/certificates.ts";
import { attacks, type AttackTarget } from "./floods_attack.ts";
import { Histogram } from "./histogram.ts";
import { encoded, LoadConnection } from "./load.ts";
import { heading, markdown } from "./report.ts";
import { parseSize } from "./run.ts";
import { spawnBroker } from "./targets.ts";
import { batchOf, FETCH_VERSION, makeTopic, produceRequest } from "./topics.ts";
import type { Size, Target } from "./types.ts";

export interface FloodLine {
  readonly what: string;
  readonly figures: Readonly<Record<string, string>>;
}

export interface FloodTarget extends Target {
  readonly httpAddress: string;
  /** Its TLS listener; there for attacks on that. */
  readonly tls?: Target;
  /** The most memory that was resident so far, and now, and the descriptors that are open. */
  readonly memory: () => Promise<Memory>;
}

interface Memory {
  readonly peakBytes: number;
  readonly nowBytes: number;
  readonly descriptors: number;
}

interface Times {
  readonly floodMs: number;
  readonly recoverMs: number;
  /** At the end of the time to recover. */
  readonly afterMs: number;
}

const TIMES: Readonly<Record<Size, Times>> = {
  full: { floodMs: 20_000, recoverMs: 30_000, afterMs: 5000 },
  smoke: { floodMs: 400, recoverMs: 200, afterMs: 100 },
};

/** Runs the attacks of these names, each against a broker that `start` gives. */
export async function floods(
  names: readonly string[],
  size: Size,
  start: (needs: { readonly isTls: boolean }) => Promise<FloodTarget>,
): Promise<FloodLine[]> {
  const lines: FloodLine[] = [];
  for (const name of names) {
    const target = await start({ isTls: attacks[name].isTls === true });
    try {
      lines.push(await flood(name, size, target));
    } finally {
      await target.stop();
    }
  }
  return lines;
}

async function flood(name: string, size: Size, target: FloodTarget): Promise<FloodLine> {
  const { recoverMs, afterMs } = TIMES[size], isSmoke = size === "smoke";
  const { isTls, floodMs: longMs = 0 } = attacks[name];
  const floodMs = isSmoke ? TIMES.smoke.floodMs : longMs || TIMES.full.floodMs;
  const asked: Target = isTls ? target.tls! : target; // by those who are timed
  const topic = "bystander";
  await makeTopic(target, topic, 2);
  await fill(target, topic, isSmoke ? 2 : 16);
  if (name === "pattern") await longNames(target, isSmoke ? 20 : 1000);
  const bystanding = { asked, health: target.httpAddress, topic };
  await bystand(bystanding, isSmoke ? 100 : 3000); // warms up
  const idle = await target.memory();
  const worker = new Worker(new URL("./floods_attack.ts", import.meta.url), {
    type: "module",
    name: "attack",
  });
  const attacked: AttackTarget & { name: string } = {
    name,
    address: target.address,
    httpAddress: target.httpAddress,
    tlsAddress: target.tls?.address,
    topic,
    scale: isSmoke ? 10 : 1,
  };
  worker.postMessage(attacked);
  let mostDescriptors = 0;
  const look = setInterval(async () => {
    mostDescriptors = Math.max(mostDescriptors, (await target.memory()).descriptors);
  }, floodMs / 60);
  const during = await bystand(bystanding, floodMs);
  clearInterval(look);
  worker.terminate();
  await pause(recoverMs - afterMs);
  const after = await bystand(bystanding, afterMs);
  const { peakBytes, nowBytes, descriptors } = await target.memory();
  const mib = (bytes: number) => (bytes / (1 << 20)).toFixed(0);
  return {
    what: attacks[name].what,
    figures: {
      "p50 ms": during.kafka.percentile(50).toFixed(1),
      "p99 ms": during.kafka.percentile(99).toFixed(0),
      "p99 connecting ms": during.connecting.percentile(99).toFixed(0),
      "longest ms": during.longestMs.toFixed(0),
      "answers/s": (during.kafka.count / (during.ms / 1000)).toFixed(0),
      "/healthz p99 ms": during.health.percentile(99).toFixed(0),
      "RSS before MiB": mib(idle.nowBytes),
      "at most MiB": mib(peakBytes),
      "30 s later MiB": mib(nowBytes),
      "p99 then ms": after.kafka.percentile(99).toFixed(1),
      "descriptors before": String(idle.descriptors),
      "at most": String(Math.max(mostDescriptors, idle.descriptors)),
      "30 s later": String(descriptors),
    },
  };
}

interface Seen {
  readonly kafka: Histogram;
  /** To be connected, with a handshake where that belongs to it. */
  readonly connecting: Histogram;
  readonly health: Histogram;
  longestMs: number;
  ms: number;
}

/** Asks one thing after the other for so long; what is not answered within 30 s counts as 30 s. */
async function bystand(
  { asked, health, topic }: {
    readonly asked: Target;
    readonly health: string;
    readonly topic: string;
  },
  ms: number,
): Promise<Seen> {
  const seen: Seen = {
    kafka: new Histogram(),
    connecting: new Histogram(),
    health: new Histogram(),
    longestMs: 0,
    ms,
  };
  const beganMs = performance.now(), isOver = () => performance.now() - beganMs >= ms;
  const partitions = [{ partition: 1, fetchOffset: 0, partitionMaxBytes: 100_000 }];
  const requests = [
    produceRequest(topic, 1, batchOf(1, 100)),
    produceRequest(topic, 1, batchOf(16, 1024)),
    produceRequest(topic, 1, batchOf(200, 1024)),
    encoded(Fetch, FETCH_VERSION, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 100_000,
      isolationLevel: 0,
      topics: [{ topic, partitions }],
      forgottenTopicsData: [],
    }),
  ];
  await Promise.all([askKafka(), askHealth()]);
  seen.ms = performance.now() - beganMs;
  return seen;

  async function askKafka(): Promise<void> {
    let load: LoadConnection | null = null;
    for (let i = 0; !isOver(); i++) {
      const sentMs = performance.now();
      let askedMs = sentMs;
      try {
        if (load === null) {
          load = await LoadConnection.open(asked.address, asked.caCert);
          seen.connecting.add(performance.now() - sentMs);
          askedMs = performance.now();
        }
        await inTime(load.exchange(requests[i % requests.length]));
      } catch {
        load?.close();
        load = null;
        await pause(20);
      }
      seen.kafka.add(performance.now() - askedMs);
      seen.longestMs = Math.max(seen.longestMs, performance.now() - sentMs);
      if (i % REQUESTS_A_CONNECTION === REQUESTS_A_CONNECTION - 1) {
        load?.close();
        load = null;
      }
      await pause(5);
    }
    load?.close();
  }

  async function askHealth(): Promise<void> {
    while (!isOver()) {
      const sentMs = performance.now();
      try {
        const answer = await fetch(`http://${health}/healthz`, {
          signal: AbortSignal.timeout(LIMIT_MS),
        });
        await answer.text();
        seen.health.add(performance.now() - sentMs);
      } catch {
        seen.health.add(Math.max(LIMIT_MS, performance.now() - sentMs)); // refused is as bad
      }
      await pause(100);
    }
  }
}

const REQUESTS_A_CONNECTION = 10;
const LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), LIMIT_MS);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function fill(target: Target, topic: string, batches: number): Promise<void> {
  const load = await LoadConnection.open(target.address);
  const request = produceRequest(topic, 0, batchOf(900, 1024));
  for (let i = 0; i < batches; i++) await load.exchange(request);
  load.close();
}

async function longNames(target: Target, count: number): Promise<void> {
  const admin = new Admin({ bootstrap: target.address });
  const topics = Array.from({ length: count }, (_, i) => ({
    name: `${"a".repeat(240)}${String(i).padStart(5, "0")}`,
    partitions: 1,
    replicationFactor: 1,
  }));
  for (let i = 0; i < count; i += 100) await admin.createTopics(topics.slice(i, i + 100));
  admin.close();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function floodTable(lines: readonly FloodLine[]): string {
  const columns = Object.keys(lines[0].figures);
  return markdown(
    ["flood", ...columns],
    lines.map(({ what, figures }) => [what, ...columns.map((column) => figures[column])]),
  );
}

/** A broker in a process of its own, and what /proc says of its memory and descriptors. */
async function spawned(
  checkout: string | undefined,
  { isTls }: { readonly isTls: boolean },
): Promise<FloodTarget> {
  const folder = isTls ? await Deno.makeTempDir({ prefix: "runnel-floods-tls-" }) : undefined;
  const shown = folder === undefined ? null : await certificateIn(folder);
  const flags = shown === null ? [] : [
    `--listeners=PLAINTEXT://127.0.0.1:${TLS_PORTS[0]},SSL://127.0.0.1:${TLS_PORTS[1]}`,
    `--tls-certificate-file=${shown.file}`,
  ];
  const broker = await spawnBroker("fsync", { checkout, flags, folder });
  const proc = `/proc/${broker.child.pid}`;
  return {
    ...broker,
    ...shown !== null && {
      tls: { address: `127.0.0.1:${TLS_PORTS[1]}`, caCert: shown.caCert, stop: broker.stop },
    },
    async stop() {
      // One that the flood has stopped for good hears no signal.
      const timer = setTimeout(() => broker.child.kill("SIGKILL"), STOP_LIMIT_MS);
      await broker.stop();
      clearTimeout(timer);
      if (folder !== undefined) await Deno.remove(folder, { recursive: true });
    },
    async memory() {
      const status = await Deno.readTextFile(`${proc}/status`);
      const kib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)![1]);
      return {
        peakBytes: kib("VmHWM") * 1024,
        nowBytes: kib("VmRSS") * 1024,
        descriptors: [...Deno.readDirSync(`${proc}/fd`)].length,
      };
    },
  };
}

const TLS_PORTS = [29_692, 29_693];

/** A certificate with its key in a file there, and whom to trust for it. */
export async function certificateIn(folder: string): Promise<{ file: string; caCert: string }> {
  const authority = await Authority.make("CN=Floods CA");
  const { certificate, key } = await authority.issue(), file = `${folder}/both.pem`;
  await Deno.writeTextFile(file, key + certificate, { mode: 0o600 });
  return { file, caCert: authority.certificate };
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size", "checkout"] });
  const size = parseSize(String(args.size ?? "full"));
  const names = args._.length > 0 ? args._.map(String) : Object.keys(attacks);
  for (const name of names) {
    if (!(name in attacks)) {
      throw new Error(`Flood "${name}": needed is one of ${Object.keys(attacks).join(", ")}`);
    }
  }
  const checkout = args.checkout === undefined ? undefined : String(args.checkout);
  const lines = await floods(names, size, (needs) => spawned(checkout, needs));
  console.log(heading(`deno task bench:floods ${Deno.args.join(" ")}`.trim()));
  console.log(floodTable(lines));
}
