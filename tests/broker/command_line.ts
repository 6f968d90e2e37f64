/** Command line: runs a command in this process, as if it was typed, and tells what it printed. */
import { run } from "../../src/cli/mod.ts";

export interface Typed {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** One at a time: it takes standard output and error for itself meanwhile. */
export async function typed(...args: string[]): Promise<Typed> {
  const { log, error } = console, { writeSync } = Deno.stdout;
  let out = "", errors = "";
  console.log = (text: string) => void (out += `${text}\n`);
  console.error = (text: string) => void (errors += `${text}\n`);
  Deno.stdout.writeSync = (bytes) => {
    out += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    const code = await run(args, () => Promise.reject(new Error("a broker was started")));
    return { code, out, error: errors };
  } finally {
    Object.assign(console, { log, error });
    Deno.stdout.writeSync = writeSync;
  }
}

/** What it printed with --json, a value a line. */
// deno-lint-ignore no-explicit-any
export function jsonLines({ out }: Typed): any[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
