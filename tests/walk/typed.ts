/** Typed: commands as they run in a shell, with what they print. */

/** What a block printed, while it runs and after. */
export class Typed {
  printed = "";
  /** The code it ended with; null while it runs. */
  code: number | null = null;
  readonly pid: number;
  readonly beganMs = performance.now();
  readonly #ended: Promise<void>;

  /** In a process group of its own, as in a terminal. */
  constructor(text: string, options: { cwd: string; env: Record<string, string> }) {
    const child = new Deno.Command("bash", {
      args: ["-c", `exec 2>&1; set -e -o pipefail\n${text}`],
      ...options,
      clearEnv: true,
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.pid = child.pid;
    const reading = this.#read(child.stdout);
    this.#ended = child.status.then(async ({ code }) => {
      await Promise.race([reading, pause(1000)]); // who was left in the background may hold the stream
      this.code = code;
    });
  }

  /** Whether it ended in time. */
  async end(limitMs: number): Promise<boolean> {
    await Promise.race([this.#ended, pause(limitMs)]);
    return this.code !== null;
  }

  /** Until it has printed something, or ended; no longer than the limit. */
  async saying(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    while (this.printed === "" && this.code === null && performance.now() < until) await pause(20);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.printed += text;
  }

  /** To the whole group. */
  async signal(name: "INT" | "KILL"): Promise<void> {
    await new Deno.Command("bash", {
      args: ["-c", `kill -${name} -- -${this.pid}`],
      stderr: "null",
    })
      .output();
  }
}

/** That keeps no process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    Deno.unrefTimer(timer);
  });
}
