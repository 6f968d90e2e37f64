/**
 * Applied: which names the last apply of a file to a cluster listed, so that --prune can tell what the file had from what
 * somebody else has made.
 *
 * It is kept beside the file, as FILE.applied.CLUSTER: whoever keeps the file in a repository keeps this with it, and a
 * file that is applied to two clusters has two. On the cluster itself there is no place for it that Kafka would keep and
 * nobody else could write.
 */
import { ConfigError } from "../../config/load.ts";
import { readPublicFile } from "../../security/secret_file.ts";

const MAX_BYTES = 64 << 20;
const FORMAT = 1;

export class Applied {
  readonly path: string;
  readonly #clusterId: string;

  /** Of a state.toml and a cluster. Throws ConfigError. */
  constructor(stateFile: string, clusterId: string) {
    // The cluster says it, so it may be anything.
    if (!/^[\w-]{1,64}$/.test(clusterId)) {
      throw new ConfigError(
        `The cluster's id ${JSON.stringify(clusterId)} cannot be in a file's name`,
      );
    }
    this.path = `${stateFile}.applied.${clusterId}`;
    this.#clusterId = clusterId;
  }

  /** As listedIn() has them; null where nothing was applied. Throws ConfigError. */
  read(): Set<string> | null {
    let text: string;
    try {
      text = new TextDecoder().decode(readPublicFile(this.path, MAX_BYTES));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw new ConfigError(`Cannot read ${this.path}: ${(error as Error).message}`);
    }
    const listed = listedOf(text, this.#clusterId);
    if (listed !== null) return listed;
    throw new ConfigError(
      `${this.path} is none of \`runnel apply\` to this cluster: move it away, and nothing is pruned`,
    );
  }

  /** In place of what was there, whole or not at all. Throws ConfigError. */
  write(listed: ReadonlySet<string>): void {
    const names = [...listed].sort().map((name) => JSON.parse(name));
    const lines = names.map((name) => `    ${JSON.stringify(name)}`).join(",\n");
    const text = `{\n  "format": ${FORMAT},\n  "cluster": ${
      JSON.stringify(this.#clusterId)
    },\n  "listed": [\n${lines}\n  ]\n}\n`;
    const next = `${this.path}.${Deno.pid}.new`; // others may apply it at the same time
    try {
      using file = Deno.openSync(next, { write: true, create: true, truncate: true });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
      Deno.renameSync(next, this.path);
    } catch (error) {
      throw new ConfigError(`Cannot write ${next}: ${(error as Error).message}`);
    }
  }
}

/** Null where the text is none. */
function listedOf(text: string, clusterId: string): Set<string> | null {
  let read: { format?: unknown; cluster?: unknown; listed?: unknown };
  try {
    read = JSON.parse(text) ?? {};
  } catch {
    return null;
  }
  const { format, cluster, listed } = read;
  const isOurs = format === FORMAT && cluster === clusterId && Array.isArray(listed) &&
    listed.every(isName);
  return isOurs ? new Set(listed.map((name) => JSON.stringify(name))) : null;
}

/** How many words each kind of name has. */
const WORDS: Readonly<Record<string, number>> = { topic: 2, config: 4, user: 3, quota: 3, acl: 2 };

function isName(name: unknown): boolean {
  return Array.isArray(name) && name.every((word) => typeof word === "string") &&
    Object.hasOwn(WORDS, name[0]) && name.length === WORDS[name[0]];
}
