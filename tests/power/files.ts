/** A directory's files in memory, and on disk again. */

/** By path; null: a folder. */
export type Files = Map<string, Uint8Array | null>;

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

export function remove(path: string): void {
  if (exists(path)) Deno.removeSync(path, { recursive: true });
}

export function write(folder: string, files: Files): void {
  Deno.mkdirSync(folder, { recursive: true });
  for (const path of [...files.keys()].sort()) {
    const bytes = files.get(path)!;
    if (bytes === null) Deno.mkdirSync(`${folder}/${path}`, { recursive: true, mode: 0o700 });
    else Deno.writeFileSync(`${folder}/${path}`, bytes, { mode: 0o600 });
  }
}

export function read(folder: string, prefix = "", files: Files = new Map()): Files {
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${prefix}`)) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    if (isDirectory) {
      files.set(path, null);
      read(folder, path, files);
    } else files.set(path, Deno.readFileSync(`${folder}/${path}`));
  }
  return files;
}

export function compare(expected: Files, is: Files): string[] {
  const differences: string[] = [];
  for (const path of new Set([...expected.keys(), ...is.keys()])) {
    const a = expected.get(path), b = is.get(path);
    if (a === undefined) differences.push(`${path} is there`);
    else if (b === undefined) differences.push(`${path} is not there`);
    else if (a !== null && b !== null) {
      if (a.length !== b.length) differences.push(`${path}: ${b.length} bytes, not ${a.length}`);
      else if (a.some((byte, i) => byte !== b[i])) differences.push(`${path} has other bytes`);
    }
  }
  return differences;
}
