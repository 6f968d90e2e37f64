/** Victim: the broker as a process of its own, to be killed. RUNNEL names another command than this checkout. */

export interface VictimOptions {
  /** "--storage-path=…" and the like; ports are given by `ports`. */
  readonly flags: readonly string[];
  readonly ports: { readonly kafka: number; readonly http: number };
  /** Where what it prints is added. */
  readonly log: string;
  /** What the shell does before it becomes the broker ("ulimit -n 200;"). */
  readonly before?: string;
}

export class Victim {
  readonly #child: Deno.ChildProcess;
  readonly #port: number;
  readonly #log: string;
  /** Settles when the process has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  #isOver = false;

  private constructor(child: Deno.ChildProcess, port: number, log: string) {
    this.#child = child;
    this.#port = port;
    this.#log = log;
    this.ended = child.status;
    this.ended.then(() => this.#isOver = true);
  }

  /** Spawns it; it does not listen yet. */
  static spawn({ flags, ports, log, before = "" }: VictimOptions): Victim {
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const command = Deno.env.get("RUNNEL") ??
      `deno run --no-check --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs ${main}`;
    const all = [`--kafka-port=${ports.kafka}`, `--http-port=${ports.http}`, ...flags].join(" ");
    const child = new Deno.Command("bash", {
      args: ["-c", `${before} exec ${command} ${all} >> ${log} 2>&1`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    return new Victim(child, ports.kafka, log);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when the port is bound. Throws when the process ends before, or takes longer than a start may. */
  async listens(limitMs = START_LIMIT_MS): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    while (!await answers(this.#port)) {
      if (this.#isOver) {
        const { code } = await this.ended;
        throw new Error(`The broker ended with ${code} before it listened:\n${this.#lastLines()}`);
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

  #lastLines(): string {
    return Deno.readTextFileSync(this.#log).split("\n").slice(-12).join("\n");
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

/**
 * Ports that no connection is given by the system, which may take one of another range while the broker is down. None is
 * given twice: whoever has one may not listen yet.
 */
export function freePorts(): { kafka: number; http: number } {
  for (;;) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 5_000);
    if (given.has(port)) continue;
    given.add(port);
    try {
      using _kafka = Deno.listen({ hostname: "127.0.0.1", port });
      using _http = Deno.listen({ hostname: "127.0.0.1", port: port + 1 });
      return { kafka: port, http: port + 1 };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

const given = new Set<number>();

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

const START_LIMIT_MS = 60_000, STOP_LIMIT_MS = 60_000;
