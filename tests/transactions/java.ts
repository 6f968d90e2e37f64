/** Java: Apache Kafka's own programs as processes, out of the jars that tests/clients/kafka_tools.sh has fetched. */
import { kafkaLibs } from "./brokers.ts";

export interface JavaOptions {
  /** Added before the jars: a folder of classes. */
  readonly classes?: string;
  /** Where what it prints goes; not given: kept in `output`. */
  readonly log?: string;
  readonly heapMb?: number;
  readonly properties?: readonly string[];
}

export class Java {
  readonly #child: Deno.ChildProcess;
  readonly ended: Promise<Deno.CommandStatus>;
  isOver = false;
  /** What it printed, when there is no log. */
  readonly output: Promise<string>;

  constructor(main: string, args: readonly string[], options: JavaOptions = {}) {
    const { classes, log, heapMb = 192, properties = [] } = options;
    const path = `${classes === undefined ? "" : `${classes}:`}${kafkaLibs()}/*`;
    const java = [
      "java",
      "-Xms32m",
      `-Xmx${heapMb}m`,
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-Xshare:auto",
      "-Dlog4j2.level=WARN",
      ...properties,
      "-cp",
      `"${path}"`,
      main,
      ...args.map((arg) => `'${arg}'`),
    ].join(" ");
    this.#child = new Deno.Command("bash", {
      args: ["-c", `exec ${java}${log === undefined ? "" : ` >> ${log} 2>&1`}`],
      stdin: "null",
      stdout: log === undefined ? "piped" : "null",
      stderr: "null",
    }).spawn();
    this.ended = this.#child.status;
    this.ended.then(() => this.isOver = true);
    this.output = log === undefined ? new Response(this.#child.stdout).text() : Promise.resolve("");
    this.output.catch(() => {});
  }

  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (!this.isOver) {
      try {
        this.#child.kill(signal);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended meanwhile
      }
    }
    await this.ended;
  }
}

/** Runs one to its end; what it printed. Throws when it fails or takes too long. */
export async function java(
  main: string,
  args: readonly string[],
  { limitMs = 120_000, ...options }: JavaOptions & { readonly limitMs?: number } = {},
): Promise<string> {
  const process = new Java(main, args, options);
  const timer = setTimeout(() => process.kill(), limitMs);
  const { code } = await process.ended;
  clearTimeout(timer);
  const output = await process.output;
  if (code !== 0) throw new Error(`${main} ended with ${code}: ${output.slice(-500)}`);
  return output;
}
