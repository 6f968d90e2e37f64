/**
 * Soak: clients, groups and topics come and go for hours; memory, descriptors and timers stay.
 *
 *     deno task test:soak --minutes=120 [--churn=8]
 *
 * Samples are taken every few seconds, and the slopes of straight lines through the second half of them are told, an
 * hour's worth: pools and caches are full by then. After a warm-up, and again at the end, everybody leaves for a while
 * (REST_MS), and what the broker then holds is told too. Exit code 1 where memory grew over the second half, or descriptors
 * and timers from one rest to the other, by more than the limits below, or a client met an error that it should not have.
 *
 * A few minutes have few samples, and what else the machine does is in them: where memory seems to grow it is looked at
 * for as long once more, up to MOST_LOOKS times. A leak is there each time.
 */
import { parseArgs } from "@std/cli/parse-args";
import { Tally } from "../crash/tally.ts";
import { freePorts, pause, Victim } from "../crash/victim.ts";
import { Churn } from "./churn.ts";

/** Deleted files go after a second here, members that vanished after ten. */
const REST_MS = 40_000;
/** Over the second half. */
const MAX_GROWTH = 0.1;
/** Segments that are open for reading come and go. */
const MAX_MORE = 8;
const MOST_LOOKS = 3;

const args = parseArgs(Deno.args, { string: ["minutes", "churn"] });
const minutes = Number(args.minutes ?? 10), churners = Number(args.churn ?? 8);
if (!(minutes >= 3)) throw new Error(`--minutes ${args.minutes}: needed is 3 or more`);

/** What the process holds. */
interface Held {
  readonly atMs: number;
  readonly rssMiB: number;
  /** What JavaScript can reach, after a collection. */
  readonly heapMiB: number;
  readonly descriptors: number;
  readonly timers: number;
}

const folder = await Deno.makeTempDir({ prefix: "runnel-soak-" });
const ports = freePorts(), counts = `${folder}/counts`, log = `${folder}/broker.log`;
const main = new URL("./counted_broker.ts", import.meta.url).pathname;
Deno.env.set("SOAK_COUNTS", counts);
Deno.env.set("RUNNEL", `deno run --no-check --allow-all --v8-flags=--expose-gc ${main}`);
const victim = Victim.spawn({
  flags: [`--storage-path=${folder}/data`, "--storage-metadata-snapshot-bytes=200000"],
  ports,
  log,
});
const tally = new Tally("soak", null);

try {
  await victim.listens();
  const churn = new Churn(`127.0.0.1:${ports.kafka}`, churners);
  const endMs = performance.now() + minutes * 60_000;
  const warmUpMs = Math.max(45_000, minutes * 60_000 * 0.15);
  const samples: Held[] = [], look = async () => void samples.push(await held());
  await churn.run(warmUpMs, () => {});
  await pause(REST_MS);
  const before = await held();
  await churn.run(endMs - REST_MS - performance.now(), look);
  let later = samples.slice(samples.length >> 1);
  for (let looks = 1; looks < MOST_LOOKS && memoryGrown(later).length > 0; looks++) {
    console.log(`${memoryGrown(later).join("; ")}: it is looked at once more`);
    const lastedMs = later[later.length - 1].atMs - later[0].atMs;
    samples.length = 0;
    await churn.run(lastedMs, look);
    later = [...samples];
  }
  await pause(REST_MS);
  const after = await held();
  console.log(`${churn.rounds} rounds: ${churn.told()}`);
  console.log(`at rest: ${told(before)}; ${told(after)} after ${minutes} minutes`);
  for (const what of ["rssMiB", "heapMiB", "descriptors", "timers"] as const) {
    console.log(`${what} an hour: ${slope(later, what).toFixed(2)}`);
  }
  tally.check("no client met an error", churn.errors);
  tally.check("memory stays", memoryGrown(later));
  tally.check(
    "descriptors stay",
    after.descriptors > before.descriptors + MAX_MORE ? [told(after)] : [],
  );
  tally.check("timers stay", after.timers > before.timers + MAX_MORE ? [told(after)] : []);
  const code = await victim.stop();
  tally.check("the stop is clean", code === 0 ? [] : [`exit code ${code}`]);
} finally {
  await victim.kill();
  if (tally.failed === 0) await Deno.remove(folder, { recursive: true });
  else console.log(`the broker's log: ${log}`);
}
tally.exit();

/** The most of a few looks for descriptors and timers, the least for memory, which a collection may not have given back. */
async function held(): Promise<Held> {
  const one = (): Held => {
    const [timers, reachable] = countsNow();
    const status = Deno.readTextFileSync(`/proc/${victim.pid}/status`);
    return {
      atMs: performance.now(),
      rssMiB: Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / 1024,
      descriptors: [...Deno.readDirSync(`/proc/${victim.pid}/fd`)].length,
      heapMiB: reachable / 2 ** 20,
      timers,
    };
  };
  const looks = [one()];
  for (let i = 0; i < 2; i++) {
    await pause(3000);
    looks.push(one());
  }
  return {
    atMs: looks[0].atMs,
    rssMiB: Math.min(...looks.map(({ rssMiB }) => rssMiB)),
    heapMiB: Math.min(...looks.map(({ heapMiB }) => heapMiB)),
    descriptors: Math.max(...looks.map(({ descriptors }) => descriptors)),
    timers: Math.max(...looks.map(({ timers }) => timers)),
  };
}

/** What the file says; it may be empty while it is being written. */
function countsNow(): number[] {
  for (;;) {
    const found = Deno.readTextFileSync(counts).trim().split(" ").map(Number);
    if (found.length === 2) return found;
  }
}

function told({ rssMiB, heapMiB, descriptors, timers }: Held): string {
  return `${rssMiB.toFixed(0)} MiB, ${
    heapMiB.toFixed(1)
  } of them reachable, ${descriptors} descriptors, ${timers} timers`;
}

function memoryGrown(samples: readonly Held[]): string[] {
  return [...grown(samples, "heapMiB"), ...grown(samples, "rssMiB")];
}

function grown(samples: readonly Held[], what: "heapMiB" | "rssMiB"): string[] {
  const [first] = samples, last = samples[samples.length - 1];
  const more = slope(samples, what) * (last.atMs - first.atMs) / 3_600_000;
  if (more <= first[what] * MAX_GROWTH) return [];
  return [`${what}: ${more.toFixed(1)} more than ${first[what].toFixed(1)}`];
}

/** Of the straight line through the samples (least squares), in units an hour. */
function slope(samples: readonly Held[], what: Exclude<keyof Held, "atMs">): number {
  const n = samples.length;
  const meanMs = samples.reduce((sum, { atMs }) => sum + atMs, 0) / n;
  const mean = samples.reduce((sum, sample) => sum + sample[what], 0) / n;
  let above = 0, below = 0;
  for (const sample of samples) {
    above += (sample.atMs - meanMs) * (sample[what] - mean);
    below += (sample.atMs - meanMs) ** 2;
  }
  return above / below * 3_600_000;
}
