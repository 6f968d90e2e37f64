/**
 * Targets: the brokers a bench may load: one started for it in a process of its own, one in this process (for smoke,
 * which so needs no right to run anything), or one that runs already.
 */
import type { Flush, Target } from "./types.ts";
import { type Usage, usageOf } from "./usage.ts";

/** A broker that is there. */
export function runningBroker(address: string): Target {
  return { address, stop: () => Promise.resolve() };
}

/** A broker in a process of its own. */
export interface SpawnedBroker extends Target {
  readonly child: Deno.ChildProcess;
  usage(): Promise<Usage>;
}

/** One of this house. */
export interface SpawnedRunnel extends SpawnedBroker {
  /** "127.0.0.1:9093" */
  readonly httpAddress: string;
}

export interface SpawnOptions {
  /** Whose main.ts; this one's if absent. */
  readonly checkout?: string;
  /** More flags than those below, and a folder that they name. */
  readonly flags?: readonly string[];
  readonly folder?: string;
  /** A directory that outlives the broker; a temporary one if absent. */
  readonly keep?: string;
  /** Whether it asks ACLs, and allows what none is of. */
  readonly asksAcls?: boolean;
}

/** Starts `main.ts` of a checkout with no more rights than it needs, on a directory that goes with it unless it is to be kept. */
export async function spawnBroker(
  flush: Flush,
  {
    checkout = new URL("..", import.meta.url).pathname,
    keep,
    flags = [],
    folder,
    asksAcls = false,
  }: SpawnOptions = {},
): Promise<SpawnedRunnel> {
  const data = keep ?? await Deno.makeTempDir({ prefix: "runnel-bench-" });
  const command = new Deno.Command("deno", {
    args: [
      "run",
      "--no-check",
      ...await v8Flags(checkout),
      "--allow-net=127.0.0.1",
      `--allow-read=${data},${checkout},/etc/runnel,runnel.toml${folder ? `,${folder}` : ""}`,
      `--allow-write=${data}`,
      "--allow-env",
      "--allow-sys",
      `${checkout}/main.ts`,
      "serve",
      "--kafka-port=0",
      "--http-port=0",
      `--storage-path=${data}`,
      `--storage-flush=${flush}`,
      ...asksAcls
        ? ["--authorization-mode=on", "--authorization-allow-everyone-if-no-acl-found"]
        : [],
      ...flags,
    ],
    cwd: data,
    stdout: "piped",
    stderr: "inherit",
  });
  let child: Deno.ChildProcess | null = null;
  const stop = async () => {
    try {
      child?.kill("SIGTERM");
    } catch {
      // it ended by itself
    }
    await child?.status;
    if (keep === undefined) await Deno.remove(data, { recursive: true });
  };
  try {
    child = command.spawn();
    const addresses = await announced(child.stdout);
    if (addresses === null) throw new Error("The broker ended without saying where it listens");
    const { pid } = child;
    return { ...addresses, child, usage: () => usageOf(pid), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a checkout says to V8 when it starts: its executable has the same built in. */
async function v8Flags(checkout: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${checkout}/deno.json`));
  return String(tasks.start).split(" ").filter((word) => word.startsWith("--v8-flags="));
}

/** What the greeting says, of several listeners the first. What follows is read and dropped, so that the broker never waits. */
async function announced(
  stdout: ReadableStream<Uint8Array>,
): Promise<{ address: string; httpAddress: string } | null> {
  const lines = stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await lines.read();
    if (done) return null;
    text += value;
    const match = /^\s*Kafka\s+(\S+:\d+)(?: \(.*\))?\s*$[^]*http:\/\/(\S+?)\/\w+\s*$/m.exec(text);
    if (match === null) continue;
    (async () => {
      while (!(await lines.read()).done);
    })();
    return { address: match[1], httpAddress: match[2] };
  }
}
