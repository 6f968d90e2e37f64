/**
 * SourceDirectory: the data directory of a running broker, read from outside. It never writes, creates or locks
 * anything there.
 *
 * Meanwhile the broker appends, rolls, deletes and compacts. A descriptor goes on reading a file that was renamed or
 * removed, so a folder is taken by opening what it lists and listing it again: the same files twice, none of them in the
 * middle of being replaced, are the folder of one moment.
 */
import { attempt } from "../storage/backends/file_store.ts";
import { StoreError } from "../storage/store.ts";

export class SourceFile implements Disposable {
  readonly name: string;
  /** When it was opened; appends since are not seen. */
  readonly size: number;
  readonly #file: Deno.FsFile;

  constructor(name: string, file: Deno.FsFile) {
    this.name = name;
    this.#file = file;
    this.size = file.statSync().size;
  }

  /** Fills `into` from `position`; the bytes read, fewer only at the end. */
  read(position: number, into: Uint8Array): number {
    const want = Math.min(into.length, this.size - position);
    if (want <= 0) return 0;
    this.#file.seekSync(position, Deno.SeekMode.Start);
    for (let done = 0;;) {
      const n = this.#file.readSync(into.subarray(done, want));
      if (n === null) return done;
      done += n;
      if (done === want) return done;
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

export class SourceDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The files of a folder ("" is the root) whose names are wanted, of one moment; [] when there is no such folder. */
  async open(folder: string, isWanted: (name: string) => boolean): Promise<SourceFile[]> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = this.#list(folder);
      const files = this.#openAll(folder, before.names.filter(isWanted));
      const after = this.#list(folder);
      if (files !== null && !after.isChanging && before.id === after.id) return files;
      for (const file of files ?? []) file[Symbol.dispose]();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    const full = `${this.path}/${folder}`;
    throw new StoreError(`Cannot back up ${full}: it changed ${MAX_TRIES} times while read`, "io");
  }

  #list(folder: string): { names: string[]; id: string; isChanging: boolean } {
    const full = `${this.path}/${folder}`, names: string[] = [], ids: string[] = [];
    try {
      for (const { name, isFile } of Deno.readDirSync(full)) {
        if (!isFile) continue;
        names.push(name);
        if (name.endsWith(".log") || name.endsWith(".swap")) {
          ids.push(`${name}:${Deno.statSync(`${full}/${name}`).ino}`);
        }
      }
    } catch (error) {
      // A folder or a file that went meanwhile: what is left says whether to try again.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const isChanging = names.some((name) => name.endsWith(".log.swap"));
    return { names: names.sort(), id: ids.sort().join(), isChanging };
  }

  /** Null when one of them is gone already. */
  #openAll(folder: string, names: readonly string[]): SourceFile[] | null {
    const files: SourceFile[] = [];
    for (const name of names) {
      const full = `${this.path}/${folder === "" ? "" : folder + "/"}${name}`;
      try {
        files.push(new SourceFile(name, attempt("open", full, () => Deno.openSync(full))));
      } catch (error) {
        for (const file of files) file[Symbol.dispose]();
        if (error instanceof StoreError && error.kind === "absent") return null;
        throw error;
      }
    }
    return files;
  }
}

const MAX_TRIES = 50, RETRY_MS = 20;
