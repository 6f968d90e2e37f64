/** Victim: the broker as a process of its own, to be killed. RUNNEL names another command than this checkout. */

export interface VictimOptions {
  /** "--storage-path=…" and the like; ports are given by `ports`. */
  readonly flags: readonly string[];
  readonly ports: { readonly kafka: number; readonly http: number };
  /** Where what it prints is added. */
  readonly log: string;
}

export class Victim {
  readonly #child: Deno.ChildProcess;
  readonly #port: number;
  /** Settles when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  #isOver = false;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
    this.ended = child.status;
    this.ended.then(() => this.#isOver = true);
  }

  /** Spawns it; it does not listen yet. */
  static spawn({ flags, ports, log }: VictimOptions): Victim {
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const command = Deno.env.get("RUNNEL") ??
      `deno run --no-check --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs ${main}`;
    const all = [`--kafka-port=${ports.kafka}`, `--http-port=${ports.http}`, ...flags].join(" ");
    const child = new Deno.Command("bash", {
      args: ["-c", `exec ${command} ${all} >> ${log} 2>&1`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Victim(child, ports.kafka);
  }

  /** Resolves when the port is bound. Throws when the process ends before, or takes longer than a start may. */
  async listens(limitMs = START_LIMIT_MS): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (!await answers(this.#port)) {
      if (this.#isOver) {
        throw new Error(`The broker ended with ${(await this.ended).code} before it listened`);
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`The broker does not listen after ${limitMs / 1000} s`);
      }
      await pause(10);
    }
  }

  /** SIGKILL; it may have ended by itself. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.ended;
  }

  /** SIGTERM; the exit code, null when it did not end in time and was killed. */
  async stop(limitMs = STOP_LIMIT_MS): Promise<number | null> {
    this.#signal("SIGTERM");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), limitMs));
    const status = await Promise.race([this.ended, late]);
    clearTimeout(timer);
    if (status !== null) return status.code;
    await this.kill();
    return null;
  }

  #signal(signal: "SIGKILL" | "SIGTERM"): void {
    if (this.#isOver) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended meanwhile
    }
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export function freePorts(): { kafka: number; http: number } {
  using one = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return { kafka: one.addr.port, http: other.addr.port };
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

const START_LIMIT_MS = 60_000, STOP_LIMIT_MS = 60_000;
