/** State file: a state.toml as somebody named it: a path, or - for standard input. */
import { ConfigError } from "../../config/load.ts";
import { permissionsOf } from "../../platform.ts";
import { readPublicFile } from "../../security/secret_file.ts";
import { MAX_STATE_BYTES, readState, type Source } from "./read_state.ts";
import type { State } from "./state.ts";

/** Throws ConfigError. */
export async function stateIn(path: string): Promise<State> {
  const { bytes, source } = path === "-" ? await fromStandardInput() : fromFile(path);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${path === "-" ? "standard input" : path} is no UTF-8`);
  }
  return await readState(text, source);
}

interface Given {
  readonly bytes: Uint8Array;
  readonly source: Source;
}

function fromFile(path: string): Given {
  try {
    // The mode first: what is let in by it later is not read any more.
    const mode = permissionsOf(Deno.statSync(path).mode);
    return { bytes: readPublicFile(path, MAX_STATE_BYTES), source: { path, mode } };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new ConfigError(`There is no ${path}: \`runnel export\` writes such a file`);
    }
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`);
  }
}

async function fromStandardInput(): Promise<Given> {
  const chunks: Uint8Array[] = [], buffer = new Uint8Array(64 << 10);
  let size = 0;
  for (;;) {
    const read = await Deno.stdin.read(buffer);
    if (read === null) break;
    size += read;
    if (size > MAX_STATE_BYTES) {
      throw new ConfigError(`standard input has more than ${MAX_STATE_BYTES} bytes`);
    }
    chunks.push(buffer.slice(0, read));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { bytes, source: { path: "-", mode: null } };
}
