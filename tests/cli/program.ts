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
} & AsyncDisposable {
  const process = spawned(args);
  const told = Promise.all([
    process.status,
    new Response(process.stdout).bytes(),
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
