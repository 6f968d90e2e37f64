/** Directory: who may write the data directory, where that is on this machine. It is looked at, and nothing is written. */
import { commandLine } from "../shell_words.ts";
import { type Check, few, type Found, Unseen } from "./finding.ts";
import type { Scene } from "./scene.ts";

const META_PROPERTIES = "meta.properties";
const MAX_ENTRIES = 20_000;

export const directoryCheck: Check = {
  name: "directory",
  look: (scene) => {
    const path = pathOf(scene), found: Found[] = [];
    const stat = statOf(path);
    if (stat === null) throw new Unseen(`${path} is not there`);
    const { mode, isDirectory } = stat;
    if (!isDirectory) {
      return Promise.resolve([{
        severity: "error",
        what: `The data directory ${path} is a file`,
        command: "runnel serve --storage-path DIR",
      }]);
    }
    if (mode !== null && (mode & 0o002) !== 0) {
      found.push({
        severity: "warning",
        what: `Everybody on this machine may write to the data directory ${path}`,
        evidence: `its mode is ${(mode & 0o7777).toString(8)}`,
        command: commandLine("chmod", "700", path),
      });
    }
    if (scene.parts.reached === null) found.push(...unwritable(path));
    return Promise.resolve([...found, ...strangers(path)]);
  },
};

/** Of the broker, if it is this machine's; else the configuration's, where nobody answers. */
function pathOf({ parts: { http, reached, config } }: Scene): string {
  if (typeof http !== "string") {
    const { storage: { path }, clusterId } = http.status;
    if (path === "memory://") throw new Unseen("the broker keeps its data in memory");
    if (clusterId === null) throw new Unseen("the broker has not started yet");
    if (clusterIdIn(path) !== clusterId) {
      throw new Unseen(`${path} of the broker is not on this machine`);
    }
    return path;
  }
  if (reached !== null) throw new Unseen(http);
  if (config.storage.path === "memory://") throw new Unseen("the data is in memory");
  return config.storage.path;
}

function clusterIdIn(path: string): string | null {
  try {
    const text = Deno.readTextFileSync(`${path}/${META_PROPERTIES}`);
    return /^cluster\.id=(.*)$/m.exec(text)?.[1].trim() ?? null;
  } catch {
    return null;
  }
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch {
    return null;
  }
}

/** Nobody answers: perhaps because it cannot be used. A file of it is opened for writing, and closed as it was. */
function unwritable(path: string): Found[] {
  try {
    Deno.openSync(`${path}/${META_PROPERTIES}`, { read: true, write: true, create: false }).close();
    return [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // no broker has begun there
    return [{
      severity: "warning",
      what: `This user may not read and write the data directory ${path}`,
      evidence: (error as Error).message,
      command: commandLine("ls", "-ld", path),
    }];
  }
}

/** What another user has put there, as who ran a command as root. */
function strangers(path: string): Found[] {
  const byOwner = new Map<number, string[]>();
  let count = 0;
  for (const { name } of Deno.readDirSync(path)) {
    if (++count > MAX_ENTRIES) break;
    const uid = statOf(`${path}/${name}`)?.uid ?? null;
    if (uid === null) continue;
    const names = byOwner.get(uid);
    if (names === undefined) byOwner.set(uid, [name]);
    else names.push(name);
  }
  if (byOwner.size < 2) return [];
  const owner = statOf(`${path}/${META_PROPERTIES}`)?.uid ?? null;
  const others = [...byOwner].filter(([uid]) => uid !== owner).flatMap(([, names]) => names);
  return [{
    severity: "warning",
    what:
      `The files in the data directory ${path} belong to several users: the broker's may not be able to write them`,
    evidence: `${few(others)}; ${META_PROPERTIES} belongs to ${owner ?? "nobody"}`,
    command: commandLine("chown", "-R", `--reference=${path}/${META_PROPERTIES}`, path),
  }];
}
