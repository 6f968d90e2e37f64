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

/**
 * Ctrl-C for the commands that begin while there is one, and for no others: a signal is the process's, and would end what
 * tests of other files do in it at the same time.
 */
export class Signals implements Disposable {
  readonly #listeners = new Set<() => void>();
  readonly #own: Pick<typeof Deno, "addSignalListener" | "removeSignalListener">;

  constructor() {
    const { addSignalListener, removeSignalListener } = Deno;
    this.#own = { addSignalListener, removeSignalListener };
    Deno.addSignalListener = (_, listener) => void this.#listeners.add(listener);
    Deno.removeSignalListener = (_, listener) => void this.#listeners.delete(listener);
  }

  /** Throws where nobody listens: then it would end the process. */
  send(): void {
    if (this.#listeners.size === 0) throw new Error("Nobody listens to signals");
    for (const listener of [...this.#listeners]) listener();
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, this.#own);
  }
}

/** What it printed with --json, a value a line. */
// deno-lint-ignore no-explicit-any
export function jsonLines({ out }: Typed): any[] {
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
