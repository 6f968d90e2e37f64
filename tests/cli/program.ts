/** A runnel of its own as its users run it: arguments and bytes in, bytes and an exit code out. */
export interface Told {
  readonly code: number;
  readonly out: Uint8Array;
  readonly text: string;
  readonly error: string;
}

/** RUNNEL names another program than the source: the executable. */
export async function runnel(
  args: readonly string[],
  input: Uint8Array | string = "",
): Promise<Told> {
  await using child = started(args);
  const writer = child.process.stdin.getWriter();
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  // Who ends before it has read everything closes its end.
  writer.write(bytes).then(() => writer.close()).catch(() => {});
  return await child.told;
}

/** One that goes on until it ends or is stopped. */
export function started(args: readonly string[]): {
  readonly process: Deno.ChildProcess;
  readonly told: Promise<Told>;
  /** Resolves once it has printed this to standard output, and maybe more; rejects where it ended before. */
  printed(text: string): Promise<void>;
} & AsyncDisposable {
  const process = spawned(args), seen = new Seen();
  const told = Promise.all([
    process.status,
    new Response(process.stdout.pipeThrough(seen.stream)).bytes(),
    new Response(process.stderr).text(),
  ]).then(([{ code }, out, error]): Told => ({
    code,
    out,
    text: new TextDecoder().decode(out),
    error,
  }));
  return {
    process,
    told,
    printed: (text) => Promise.race([seen.text(text), told.then(missing(text))]),
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await told;
    },
  };
}

/** What has passed so far, for who waits for some text of it. */
class Seen {
  #text = "";
  #next = Promise.withResolvers<void>();
  readonly #decoder = new TextDecoder();
  readonly stream = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (bytes, controller) => {
      this.#text += this.#decoder.decode(bytes, { stream: true });
      controller.enqueue(bytes);
      this.#next.resolve();
      this.#next = Promise.withResolvers();
    },
  });

  async text(text: string): Promise<void> {
    while (!this.#text.includes(text)) await this.#next.promise;
  }
}

/** Where it ends, what came is there. */
function missing(text: string): (told: Told) => void {
  return ({ text: all, code, error }) => {
    if (all.includes(text)) return;
    throw new Error(`It ended with ${code} and never printed ${text}: ${all}${error}`);
  };
}

/** The bare process. */
export function spawned(args: readonly string[]): Deno.ChildProcess {
  const own = Deno.env.get("RUNNEL");
  const [program, before] = own === undefined
    ? ["deno", ["run", "--no-check", "--quiet", "-A", "main.ts"]]
    : [own, []];
  return new Deno.Command(program, {
    args: [...before, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}
