/** Files that `runnel init` writes: new ones, and others in the place of those that are there. */
import { ConfigError } from "../../config/load.ts";

export const SECRET = 0o600, PUBLIC = 0o644;

export function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new ConfigError(`init: cannot look at ${path}: ${(error as Error).message}`);
  }
}

/** Whole, or not at all. */
export function writeNew(path: string, text: string, mode: number): void {
  let isMade = false;
  try {
    using file = Deno.openSync(path, { write: true, createNew: true, mode });
    isMade = true;
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  } catch (error) {
    if (isMade) Deno.removeSync(path);
    throw new ConfigError(`init: cannot write ${path}: ${(error as Error).message}`);
  }
}

/** Written beside it and renamed; its owner and group stay as they were. */
export function replace(path: string, text: string, mode: number): void {
  const beside = `${path}.new`, { uid, gid, mode: before } = Deno.statSync(path);
  writeNew(beside, text, mode);
  try {
    Deno.chmodSync(beside, (before ?? mode) & (mode === SECRET ? 0o660 : 0o664) | mode);
    if (uid !== null && gid !== null && uid !== Deno.statSync(beside).uid) {
      Deno.chownSync(beside, uid, gid);
    }
    Deno.renameSync(beside, path);
  } catch (error) {
    Deno.removeSync(beside); // made above, a moment ago
    throw new ConfigError(`init: cannot replace ${path}: ${(error as Error).message}`);
  }
}
