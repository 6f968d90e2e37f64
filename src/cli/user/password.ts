/** Passwords for commands: from standard input, or asked for without showing what is typed. Never from arguments. */
import { ConfigError } from "../../config/load.ts";

const MAX_BYTES = 4096;

/** `isPiped`: standard input is the password, up to its first line's end. Else it is asked for twice. */
export async function readPassword({ isPiped }: { readonly isPiped: boolean }): Promise<string> {
  const password = isPiped ? await fromStdin() : await fromTerminal();
  if (password === "") throw new ConfigError("the password is empty: needs one character at least");
  return password;
}

async function fromStdin(): Promise<string> {
  const bytes: number[] = [], buffer = new Uint8Array(MAX_BYTES);
  for (;;) {
    const read = await Deno.stdin.read(buffer);
    if (read === null) break;
    bytes.push(...buffer.subarray(0, read));
    if (bytes.includes(LINE_FEED)) break;
    if (bytes.length > MAX_BYTES) throw new ConfigError(`the password has over ${MAX_BYTES} bytes`);
  }
  return decoded(bytes).split(/\r?\n/, 1)[0];
}

async function fromTerminal(): Promise<string> {
  if (!Deno.stdin.isTerminal()) {
    throw new ConfigError("there is no terminal to ask for a password: use --password-stdin");
  }
  const password = await ask("Password: ");
  if (await ask("Again: ") !== password) throw new ConfigError("the two passwords differ");
  return password;
}

const LINE_FEED = 10, RETURN = 13, BACKSPACE = [8, 127], INTERRUPT = 3, END = 4;

async function ask(what: string): Promise<string> {
  const say = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  say(what);
  Deno.stdin.setRaw(true);
  try {
    const typed: number[] = [], one = new Uint8Array(1);
    while (await Deno.stdin.read(one) !== null) {
      const [byte] = one;
      if (byte === LINE_FEED || byte === RETURN || byte === END) break;
      if (byte === INTERRUPT) throw new ConfigError("nothing was changed");
      if (!BACKSPACE.includes(byte)) typed.push(byte);
      else while (((typed.pop() ?? 0) & 0xc0) === 0x80);
      if (typed.length > MAX_BYTES) {
        throw new ConfigError(`the password has over ${MAX_BYTES} bytes`);
      }
    }
    return decoded(typed);
  } finally {
    Deno.stdin.setRaw(false);
    say("\n");
  }
}

function decoded(bytes: readonly number[]): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    throw new ConfigError("the password is no UTF-8");
  }
}
