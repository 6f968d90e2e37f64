/**
 * Unclean start: how soon a broker that was killed answers again, with much data: `deno task bench:unclean-start
 * [--size smoke|full] [--gigabytes N] [name…]`.
 *
 * | name | what |
 * | --- | --- |
 * | segments | one partition of 15 segments, 13 GB |
 * | partitions | 15 partitions of one segment each, 13 GB |
 *
 * Fourteen fifteenths are written and the broker is stopped; then it writes the last and is killed, so that this much lies
 * behind the last checkpoint that is sure to be there. Then it is started and killed with what the kill has left, without
 * the recovery-point checkpoint, and without anything that Runnel has written down but the logs. Times count from the
 * start of the process, with the logs in the page cache, as after a kill. The directory takes what its logs take, and
 * goes when the bench ends.
 */
import { parseArgs } from "@std/cli/parse-args";
import { Admin } from "../src/client/admin.ts";
import { Consumer } from "../src/client/consumer.ts";
import { ApiVersions } from "../src/protocol/messages/api_versions.ts";
import { encoded, LoadConnection } from "./load.ts";
import { heading } from "./report.ts";
import { parseSize } from "./run.ts";
import { type ScaleLine, scaleTable } from "./scale.ts";
import { batchOf, checkProduced, produceRequest } from "./topics.ts";
import type { Flush, Size } from "./types.ts";

/** A broker between its start and its end. */
export interface Life {
  readonly address: string;
  stop(): Promise<void>;
  /** Ends it as a kill does; the directory that it leaves. */
  kill(): Promise<string>;
}

/** Starts a broker on a directory; it need not answer yet. */
export type Begin = (folder: string, flush: Flush) => Promise<Life>;

interface Layout {
  readonly what: string;
  readonly partitions: number;
  /** Of each partition. */
  readonly segments: number;
}

export const layouts: Readonly<Record<string, Layout>> = {
  segments: { what: "1 partition of 15 segments", partitions: 1, segments: 15 },
  partitions: { what: "15 partitions of 1 segment", partitions: 15, segments: 1 },
};

const PARTS = 15;
const LARGE = "large", IDLE = "idle";

/** What is missing at a start, by the names of files in the data directory. */
const MISSING: readonly { readonly what: string; readonly files: readonly string[] }[] = [
  { what: "as the kill left it", files: [] },
  { what: "no recovery-point checkpoint", files: ["recovery-point-offset-checkpoint"] },
  {
    what: "no checkpoint and no inventory",
    files: [
      "recovery-point-offset-checkpoint",
      "replication-offset-checkpoint",
      "log-start-offset-checkpoint",
      "runnel-inventory",
    ],
  },
];

export interface UncleanSize {
  /** Of all logs together. */
  readonly bytes: number;
  /** Bytes of a batch, about. */
  readonly batchBytes: number;
}

export function sizeOf(size: Size, gigabytes = 13): UncleanSize {
  return size === "smoke"
    ? { bytes: PARTS * 60_000, batchBytes: 8_000 }
    : { bytes: gigabytes * 1e9, batchBytes: 128_000 };
}

/** One layout, filled in `folder`, killed and started. */
export async function uncleanStart(
  begin: Begin,
  folder: string,
  layout: Layout,
  size: UncleanSize,
): Promise<ScaleLine[]> {
  const segmentBytes = Math.max(
    1 << 20,
    Math.ceil(size.bytes / layout.partitions / layout.segments),
  );
  await during(await begin(folder, "os"), async ({ address }) => {
    await untilAnswered(address);
    const admin = new Admin({ bootstrap: address });
    const configs = { "segment.bytes": `${segmentBytes}` };
    await admin.createTopics([{ name: LARGE, partitions: layout.partitions, configs }]);
    await admin.createTopics([{ name: IDLE, partitions: 1 }]);
    admin.close();
    await fill(address, layout, size, PARTS - 1);
  });
  const life = await begin(folder, "fsync");
  await untilAnswered(life.address);
  await fill(life.address, layout, size, 1);
  let left = await life.kill();
  const remains = new Remains(left);
  const lines: ScaleLine[] = [];
  for (const { what, files } of MISSING) {
    remains.restore(left);
    for (const name of files) removeIfThere(`${left}/${name}`);
    const beganMs = performance.now();
    const life = await begin(left, "fsync");
    try {
      const figures = await measure(life.address, layout, beganMs);
      lines.push({ what: `${layout.what}, ${what}`, figures });
    } finally {
      left = await life.kill();
    }
  }
  return lines;
}

/** A directory as a kill has left it. Logs are only ever written at their end, so of them the size is enough. */
class Remains {
  readonly #files = new Map<string, { readonly size: number; readonly bytes: Uint8Array | null }>();

  constructor(folder: string) {
    for (const path of filesIn(folder)) {
      const full = `${folder}/${path}`;
      const bytes = path.endsWith(".log") ? null : Deno.readFileSync(full);
      this.#files.set(path, { size: bytes?.length ?? Deno.statSync(full).size, bytes });
    }
  }

  /** Takes back what a start has changed. */
  restore(folder: string): void {
    for (const path of filesIn(folder)) {
      if (!this.#files.has(path)) Deno.removeSync(`${folder}/${path}`);
    }
    for (const [path, { size, bytes }] of this.#files) {
      if (bytes !== null) Deno.writeFileSync(`${folder}/${path}`, bytes);
      else if (Deno.statSync(`${folder}/${path}`).size > size) {
        Deno.truncateSync(`${folder}/${path}`, size);
      }
    }
  }
}

/** Paths within the folder, one level deep. */
function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of [...Deno.readDirSync(folder)]) {
    if (!isDirectory) yield name;
    else {for (const file of [...Deno.readDirSync(`${folder}/${name}`)]) {
        yield `${name}/${file.name}`;
      }}
  }
}

/** Everything asked for at once, as clients do after a restart. */
async function measure(
  address: string,
  layout: Layout,
  beganMs: number,
): Promise<Record<string, string>> {
  await untilAnswered(address);
  const since = () => ((performance.now() - beganMs) / 1000).toFixed(2);
  const answered = since();
  const large = Array.from(
    { length: layout.partitions },
    (_, partition) => untilProduced(address, LARGE, partition).then(since),
  );
  const [idle, fetched, ...produced] = await Promise.all([
    untilProduced(address, IDLE, 0).then(since),
    untilFetched(address).then(since),
    ...large,
  ]);
  return {
    "first answer s": answered,
    "produce to an idle topic s": idle,
    "to the first large s": produced[0],
    "to the last of them s": produced.toSorted((a, b) => Number(a) - Number(b)).at(-1)!,
    "fetch of a last record s": fetched,
  };
}

async function untilAnswered(address: string): Promise<void> {
  const greeting = encoded(ApiVersions, 3, {
    clientSoftwareName: "bench",
    clientSoftwareVersion: "1",
  });
  await persist(async () => {
    const connection = await LoadConnection.open(address);
    try {
      await connection.exchange(greeting);
    } finally {
      connection.close();
    }
  });
}

async function untilProduced(address: string, topic: string, partition: number): Promise<void> {
  const request = produceRequest(topic, partition, batchOf(1, 100));
  const connection = await LoadConnection.open(address);
  try {
    await persist(async () => checkProduced(await connection.exchange(request)));
  } finally {
    connection.close();
  }
}

async function untilFetched(address: string): Promise<void> {
  const bootstrap = address, partition = { topic: LARGE, partition: 0 };
  const admin = new Admin({ bootstrap, callTimeoutMs: 0 });
  const [end] = await persist(() => admin.listOffsets([{ ...partition, at: "latest" }]));
  admin.close();
  const consumer = new Consumer({ bootstrap, retryBackoffMs: 5, retryBackoffMaxMs: 20 });
  consumer.assign([partition]);
  consumer.seek(partition, end.offset - 1);
  await persist(async () => {
    const [record] = await consumer.poll();
    if (record?.offset !== end.offset - 1) throw new Error(`Record ${end.offset - 1} did not come`);
  });
  consumer.close();
}

/** Until it succeeds, or the time is over in which any start should be done. */
async function persist<T>(attempt: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Writes so many fifteenths of the logs, some requests at a time for each partition. */
async function fill(
  address: string,
  { partitions }: Layout,
  { bytes, batchBytes }: UncleanSize,
  parts: number,
): Promise<void> {
  const batch = batchOf(Math.ceil(batchBytes / 1000), 1000);
  const left = new Array(partitions).fill(
    Math.ceil(bytes / PARTS * parts / partitions / batch.length),
  );
  const writers = left.flatMap((_, partition) => Array(IN_FLIGHT).fill(partition) as number[]);
  await Promise.all(writers.map(async (partition) => {
    const connection = await LoadConnection.open(address);
    const request = produceRequest(LARGE, partition, batch);
    // A partition just made, or one that is being looked at, says so first.
    while (left[partition]-- > 0) {
      await persist(async () => checkProduced(await connection.exchange(request)));
    }
    connection.close();
  }));
}

async function during(life: Life, use: (life: Life) => Promise<void>): Promise<void> {
  try {
    await use(life);
  } finally {
    await life.stop();
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A broker in a process of its own, at a port that was free just before. */
const spawn: Begin = (folder, flush) => {
  const main = new URL("../main.ts", import.meta.url).pathname;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--no-check",
      "--allow-net=127.0.0.1",
      "--allow-read",
      `--allow-write=${folder}`,
      "--allow-env",
      "--allow-sys",
      main,
      `--kafka-port=${port}`,
      "--http-port=0",
      `--storage-path=${folder}`,
      `--storage-flush=${flush}`,
    ],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    await child.status;
  };
  return Promise.resolve({
    address: `127.0.0.1:${port}`,
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
      return folder;
    },
  });
};

const LIMIT_MS = 300_000, IN_FLIGHT = 4;

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["size", "gigabytes"] });
  const gigabytes = Number(args.gigabytes ?? 13);
  if (!(gigabytes > 0 && gigabytes <= 60)) {
    throw new Error(`--gigabytes ${args.gigabytes}: needed is more than 0 and at most 60`);
  }
  const size = sizeOf(parseSize(String(args.size ?? "full")), gigabytes);
  const names = args._.length > 0 ? args._.map(String) : Object.keys(layouts);
  const lines: ScaleLine[] = [];
  for (const name of names) {
    if (!Object.hasOwn(layouts, name)) {
      throw new Error(`Layout "${name}": needed is one of ${Object.keys(layouts).join(", ")}`);
    }
    const folder = await Deno.makeTempDir({ prefix: "runnel-unclean-" });
    try {
      lines.push(...await uncleanStart(spawn, folder, layouts[name], size));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  console.log(heading(`deno task bench:unclean-start ${Deno.args.join(" ")}`.trim()));
  console.log(scaleTable(lines));
}
