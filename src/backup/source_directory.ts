/**
 * SourceDirectory: the data directory of a running broker, read from outside. It never writes, creates or locks
 * anything there.
 *
 * Meanwhile the broker appends, rolls, deletes and compacts. A descriptor goes on reading a file that was renamed or
 * removed, so a folder is taken by opening what it lists and listing it again: what was opened is still what the names
 * stand for, and nothing is in the middle of being replaced, so it is the folder of one moment.
 */
import { attempt } from "../storage/backends/system_error.ts";
import { StoreError } from "../storage/store.ts";

/** The process may not open as many files as that takes. */
export class TooManyFilesError extends StoreError {}

export class SourceFile implements Disposable {
  readonly name: string;
  /** Which file it is, whatever its name: inode and time of birth. */
  readonly id: string;
  readonly #file: Deno.FsFile;
  readonly #onClose: () => void;
  #size: number;
  #isOpen = true;

  constructor(name: string, file: Deno.FsFile, onClose: () => void = () => {}) {
    this.name = name;
    this.#file = file;
    this.#onClose = onClose;
    const info = file.statSync();
    this.id = idOf(info);
    this.#size = info.size;
  }

  /** When it was opened or looked at last; appends since are not seen. */
  get size(): number {
    return this.#size;
  }

  /** Sees what was appended since. */
  lookAgain(): void {
    this.#size = this.#file.statSync().size;
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
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.close();
    this.#onClose();
  }
}

export interface SourceOptions {
  /** Files held open at a time; as many as the process may have, less some for the backup itself, if not given. */
  readonly maxOpenFiles?: number;
  /** Awaited between any two looks at the directory, so that a test can act there. */
  readonly between?: () => Promise<void>;
}

export class SourceDirectory {
  readonly path: string;
  readonly maxOpenFiles: number;
  readonly #between: (() => Promise<void>) | undefined;
  #openFiles = 0;

  constructor(path: string, { maxOpenFiles = allowedFiles(), between }: SourceOptions = {}) {
    this.path = path;
    this.maxOpenFiles = maxOpenFiles;
    this.#between = between;
  }

  /**
   * The files of a folder ("" is the root) whose names are wanted, of one moment; [] when there is no such folder.
   * Throws TooManyFilesError, holding none of them, when that would be too many; a few may be opened `always`.
   */
  async open(
    folder: string,
    isWanted: (name: string) => boolean,
    always = false,
  ): Promise<SourceFile[]> {
    return await this.#calm(folder, async (names) => {
      const wanted = namesOf(names, isWanted);
      const isTooMany = this.#openFiles + wanted.length > this.maxOpenFiles;
      if (isTooMany && !always && wanted.length > 0) throw this.#tooMany(folder);
      await this.#between?.();
      const files = this.#openAll(folder, wanted);
      await this.#between?.();
      if (files === null) return null;
      const { names: after, isChanging } = this.#list(folder);
      const isSame = namesOf(after, isWanted).join() === wanted.join() &&
        files.every(({ name, id }) => !isSegment(name) || after.get(name) === id);
      if (isSame && !isChanging) return files;
      for (const file of files) file[Symbol.dispose]();
      return null;
    });
  }

  /** Which files these are, by name, without holding them. */
  async note(
    folder: string,
    isWanted: (name: string) => boolean,
  ): Promise<ReadonlyMap<string, string>> {
    return await this.#calm(folder, async (names) => {
      await this.#between?.();
      const { names: after, isChanging } = this.#list(folder);
      const wanted = namesOf(names, isWanted);
      const isSame = namesOf(after, isWanted).join() === wanted.join() &&
        wanted.every((name) => !isSegment(name) || after.get(name) === names.get(name));
      if (!isSame || isChanging) return null;
      return new Map(wanted.map((name) => [name, names.get(name)!]));
    });
  }

  /** One file, whatever happens to its neighbours; null when there is none. */
  openOne(folder: string, name: string): SourceFile | null {
    const full = this.#full(folder, name);
    try {
      const file = attempt("open", full, () => Deno.openSync(full));
      this.#openFiles++;
      return new SourceFile(name, file, () => this.#openFiles--);
    } catch (error) {
      if (error instanceof StoreError && error.kind === "absent") return null;
      throw isOutOfFiles(error) ? this.#tooMany(folder) : error;
    }
  }

  /** Tries until a look at the folder finds it at rest. */
  async #calm<T>(
    folder: string,
    look: (names: ReadonlyMap<string, string>) => Promise<T | null>,
  ): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { names, isChanging } = this.#list(folder);
      const found = isChanging ? null : await look(names);
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    const full = this.#full(folder, "");
    throw new StoreError(`Cannot back up ${full}: it changed ${MAX_TRIES} times while read`, "io");
  }

  #list(folder: string): { names: Map<string, string>; isChanging: boolean } {
    const found: string[] = [], names = new Map<string, string>();
    try {
      for (const { name, isFile } of Deno.readDirSync(this.#full(folder, ""))) {
        // What waits for its removal has no part in the log, and may go at any time.
        if (isFile && !name.endsWith(".deleted")) found.push(name);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        throw isOutOfFiles(error) ? this.#tooMany(folder) : error;
      }
    }
    for (const name of found.sort()) {
      try {
        names.set(name, idOf(Deno.statSync(this.#full(folder, name))));
      } catch (error) {
        // It went meanwhile, and so the next look finds another number of files.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        names.set(name, "gone");
      }
    }
    return { names, isChanging: found.some((name) => name.endsWith(".log.swap")) };
  }

  /** Null when one of them is gone already. */
  #openAll(folder: string, names: readonly string[]): SourceFile[] | null {
    const files: SourceFile[] = [];
    try {
      for (const name of names) {
        const file = this.openOne(folder, name);
        if (file === null) break;
        files.push(file);
      }
      if (files.length === names.length) return files;
    } catch (error) {
      for (const file of files) file[Symbol.dispose]();
      throw error;
    }
    for (const file of files) file[Symbol.dispose]();
    return null;
  }

  #full(folder: string, name: string): string {
    return [this.path, folder, name].filter((part) => part !== "").join("/");
  }

  #tooMany(folder: string): TooManyFilesError {
    return new TooManyFilesError(
      `Cannot open the files of ${
        this.#full(folder, "")
      } besides the ${this.#openFiles} that are open: at most ${this.maxOpenFiles}, allow the process more (ulimit -n)`,
      "io",
    );
  }
}

function namesOf(
  names: ReadonlyMap<string, string>,
  isWanted: (name: string) => boolean,
): string[] {
  return [...names.keys()].filter(isWanted);
}

/** Which others replace; they grow, so a file that only grew is the same. */
function isSegment(name: string): boolean {
  return name.endsWith(".log");
}

/** An inode's number is given again once its file is gone; the time of birth tells those apart. */
function idOf({ dev, ino, birthtime }: Deno.FileInfo): string {
  return `${dev}:${ino}:${birthtime?.getTime() ?? ""}`;
}

function isOutOfFiles(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  return cause instanceof Error && /EMFILE|ENFILE|os error 2[34]\b/.test(
    `${(cause as { code?: string }).code} ${cause.message}`,
  );
}

/** What the process may open, less what the backup itself needs. */
function allowedFiles(): number {
  let allowed = 1024;
  try {
    const text = Deno.readTextFileSync("/proc/self/limits");
    const found = /^Max open files +(\d+)/m.exec(text)?.[1];
    if (found !== undefined) allowed = Number(found);
  } catch {
    // No such file on this system: opening says when there are too many.
  }
  return Math.max(16, allowed - RESERVED_FILES);
}

const MAX_TRIES = 50, RETRY_MS = 20, RESERVED_FILES = 128;
