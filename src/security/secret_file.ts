/** Secret files: read only where not everybody else can read them too. */
import { permissionsOf } from "../platform.ts";

export interface SecretFile {
  readonly bytes: Uint8Array;
  /** Whether the file's group can read it, as Kubernetes mounts have it: worth a word. */
  readonly isGroupReadable: boolean;
  /** Changes with what is in it: a replaced or rewritten file has another. */
  readonly stamp: string;
}

const MAX_BYTES = 16 << 20;

/** Throws an Error that says what is wrong with the file, and never what is in it. */
export function readSecretFile(path: string, platform?: string): SecretFile {
  const stamp = fileStamp(path);
  const mode = permissionsOf(Deno.statSync(path).mode, platform);
  if (mode !== null && (mode & 0o006) !== 0) {
    const what = (mode & 0o004) !== 0 ? "read" : "written";
    throw new Error(`${path} can be ${what} by everybody: chmod 600 ${path}`);
  }
  const bytes = readPublicFile(path, MAX_BYTES);
  return { bytes, isGroupReadable: mode !== null && (mode & 0o040) !== 0, stamp };
}

/** What a file looks like from outside, to see whether it is another one; throws where there is none. */
export function fileStamp(path: string): string {
  const { mtime, size, ino } = Deno.statSync(path);
  return `${mtime?.getTime()} ${size} ${ino}`;
}

/** The content of a file that anybody may read; what is none could have no end. */
export function readPublicFile(path: string, maxBytes: number): Uint8Array {
  const { size, isFile } = Deno.statSync(path);
  if (!isFile) throw new Error(`${path} is not a file`);
  if (size > maxBytes) throw new Error(`${path} has ${size} bytes, allowed are ${maxBytes}`);
  return Deno.readFileSync(path);
}
