/**
 * Tree: a directory as a value: what a damage is applied to, what is written out for a broker, and what is compared
 * afterwards. A folder is there with null, so that an empty one counts.
 */

export type Tree = ReadonlyMap<string, Uint8Array | null>;

/** Reads a directory. The journal's file is prepared with zeros for entries to come; a few of them do. */
export function readTree(path: string, below = "", into = new Map<string, Uint8Array | null>()) {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(`${path}/${below}`)) {
    const at = below === "" ? name : `${below}/${name}`;
    if (isDirectory) {
      into.set(at, null);
      readTree(path, at, into);
    } else if (isFile) {
      const bytes = Deno.readFileSync(`${path}/${at}`);
      into.set(at, /^runnel-journal-\d$/.test(at) ? withoutZeros(bytes) : bytes);
    }
  }
  return into;
}

/** Writes it into an empty directory. */
export function writeTree(path: string, tree: Tree): void {
  for (const [at, bytes] of tree) {
    if (bytes === null) Deno.mkdirSync(`${path}/${at}`, { recursive: true, mode: 0o700 });
  }
  for (const [at, bytes] of tree) {
    if (bytes !== null) Deno.writeFileSync(`${path}/${at}`, bytes, { mode: 0o600 });
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, b);
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

const KEPT_ZEROS = 512;

function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.slice(0, Math.min(bytes.length, end + KEPT_ZEROS));
}
