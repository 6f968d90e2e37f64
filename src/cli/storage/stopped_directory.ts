/** StoppedDirectory: the data directory of a broker that does not run, for a command to look at or to change. */
import { ConfigError } from "../../config/load.ts";
import { FileStore } from "../../storage/backends/file_store.ts";
import { holdsBrokersFiles } from "../../storage/directory/first_start.ts";
import { DirectoryLock } from "../../storage/directory/lock.ts";
import { META_PROPERTIES } from "../../storage/directory/meta_properties.ts";
import type { Store } from "../../storage/store.ts";
import type { Call } from "../call.ts";
import { Output } from "../output.ts";
import { configOf } from "../reach.ts";
import { type Known, knownOf } from "./known_directory.ts";

/** What is done there; resolves with the exit code. */
type Work = (
  store: Store,
  known: Known,
  print: Print,
) => Promise<number>;

/** A sentence for people, and what scripts get in its place: the sentence as `message` if it is not given. */
export type Print = (sentence: string, done?: Readonly<Record<string, unknown>>) => void;

/** Throws ConfigError where it is no data directory, and whatever the system has against it. */
export async function inStoppedDirectory(
  call: Call,
  { isReadOnly }: { readonly isReadOnly: boolean },
  work: Work,
): Promise<number> {
  const config = await configOf(optionsOf(call)), { path } = config.storage;
  if (!isDirectory(path)) {
    throw new ConfigError(`Cannot look at ${path}: it is not a directory; set --storage-path`);
  }
  const store = new FileStore(path);
  try {
    if (store.readAll(META_PROPERTIES) === null && !holdsBrokersFiles(store)) {
      throw new ConfigError(
        `Cannot look at ${path}: it is no data directory, which has a ${META_PROPERTIES}; set --storage-path`,
      );
    }
    using _lock = await DirectoryLock.take(store.name, { isReadOnly });
    const out = new Output({ isJson: call.has("--json") });
    return await work(
      store,
      await knownOf(store, config),
      (sentence, done = { message: sentence }) => out.told(sentence, done),
    );
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ConfigError) throw error;
    throw new ConfigError(error.message, { cause: error });
  } finally {
    store.close();
  }
}

/** The word DIR says what --storage-path does. */
function optionsOf(call: Call): readonly string[] {
  const [path] = call.words;
  if (path === "") return call.options;
  if (call.options.some((one) => one.startsWith("--storage-path="))) {
    throw call.misused(`DIR ${path} and --storage-path are both given`);
  }
  return [...call.options, `--storage-path=${path}`];
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
