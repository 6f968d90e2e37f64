/**
 * FileStore: a Store in a directory.
 *
 * A blob holds one descriptor, opened at first use (O_APPEND, so that reads may move its position as they like). Deno
 * has no positional read, and a write on a thread moves the position that seekSync + readSync rely on: a read beside
 * one takes a second descriptor. When no more may be open (open_files.ts) the longest unused blobs give theirs back,
 * those without unsynced bytes first (an error of the kernel's write-back is reported to open descriptors, so a dirty
 * one is better kept until its fdatasync has answered). readAsync takes a descriptor of its own, because an awaited
 * read shares its position with every other.
 */
import { statfsSync } from "node:fs";
import { directoryProblem } from "../../platform.ts";
import { SharedSyncs } from "./shared_syncs.ts";
import { InPlaceFile } from "./in_place_file.ts";
import { isCaseFolded } from "./name_case.ts";
import { type OpenFile, OpenFiles } from "./open_files.ts";
import { patiently, relieved } from "./starved.ts";
import { attempt, storeError } from "./system_error.ts";
import { type Blob, type InPlaceBlob, type Store, type StoreEntry, StoreError } from "../store.ts";
import { folderOf, splitPath } from "./path.ts";

export interface FileStoreOptions {
  /** Blobs with an open descriptor; 0 for as many as the process may have. */
  readonly maxOpenFiles?: number;
  /** The system it is on, if not this one. */
  readonly platform?: string;
}

/** A directory keeps nothing for sure on this system. Nothing was made of it. */
export class UnsupportedSystemError extends Error {
  override readonly name = "UnsupportedSystemError";
  /** For people, as it is. */
  readonly kind = "refused";
}

/** Only the owner may read what is stored (as under umask 077). */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export class FileStore implements Store {
  readonly name: string;
  readonly #root: string;
  readonly #open: OpenFiles;
  readonly #syncs = new SharedSyncs((folder) =>
    this.#syncFolder(folder, (open) => patiently(this.#open, open))
  );
  /** The last replace() under way for a path; the next one waits for it. */
  readonly #replacing = new Map<string, Promise<void>>();
  #statfsRefused = false;

  /** Creates the directory when it is absent. Throws UnsupportedSystemError where none can keep what is promised. */
  constructor(root: string, options: FileStoreOptions = {}) {
    const problem = directoryProblem(options.platform);
    if (problem !== null) {
      throw new UnsupportedSystemError(
        `Cannot keep files in ${root}: ${problem}. Run Runnel in WSL 2, in a container or on Linux or macOS; in memory a broker runs here too (--storage-path memory://)`,
      );
    }
    attempt(
      "create directory",
      root,
      () => Deno.mkdirSync(root, { recursive: true, mode: FOLDER_MODE }),
    );
    this.name = this.#root = attempt("find", root, () => Deno.realPathSync(root));
    this.#open = new OpenFiles(options.maxOpenFiles || Infinity, () => this.tryOpen());
  }

  /** Opens something, to see whether there is a descriptor for it. */
  tryOpen(): { close(): void } {
    return Deno.openSync(this.#root);
  }

  /** Told when no descriptor was found though blobs gave some back: others are to give some, too. */
  set onStarved(call: () => void) {
    this.#open.onStarved = call;
  }

  /** Blobs with an open descriptor now. */
  get openFiles(): number {
    return this.#open.size;
  }

  list(folder: string): StoreEntry[] {
    const full = this.#full(folder);
    const entries: StoreEntry[] = [];
    try {
      for (const { name, isDirectory } of relieved(this.#open, () => Deno.readDirSync(full))) {
        entries.push({ name, isFolder: isDirectory });
      }
    } catch (e) {
      if (e instanceof Deno.errors.NotFound) return [];
      throw storeError("list", full, e);
    }
    return entries.sort((a, b) => a.name < b.name ? -1 : 1);
  }

  makeFolder(folder: string): void {
    const full = this.#full(folder);
    attempt(
      "create folder",
      full,
      () => Deno.mkdirSync(full, { recursive: true, mode: FOLDER_MODE }),
    );
  }

  open(path: string): Blob {
    const full = this.#full(path);
    const size = attempt("open", full, () => sizeOf(full));
    const blob = new FileBlob(path, full, size ?? 0, this.#open);
    if (size === null) blob.create();
    return blob;
  }

  /** Where a path is, behind all links. */
  placeOf(path: string): string {
    const full = this.#full(path);
    try {
      return Deno.realPathSync(full);
    } catch (e) {
      if (e instanceof Deno.errors.NotFound) return full;
      throw storeError("find", full, e);
    }
  }

  openInPlace(path: string): InPlaceBlob {
    return relieved(this.#open, () => new InPlaceFile(path, this.#full(path)));
  }

  readAll(path: string): Uint8Array | null {
    const full = this.#full(path);
    try {
      return relieved(this.#open, () => Deno.readFileSync(full));
    } catch (e) {
      if (e instanceof Deno.errors.NotFound) return null;
      throw storeError("read", full, e);
    }
  }

  replace(path: string, content: Uint8Array): Promise<void> {
    const before = this.#replacing.get(path);
    const done = before === undefined
      ? this.#replaceNow(path, content)
      : before.catch(() => {}).then(() => this.#replaceNow(path, content));
    this.#replacing.set(path, done);
    return done.finally(() => {
      if (this.#replacing.get(path) === done) this.#replacing.delete(path);
    });
  }

  async #replaceNow(path: string, content: Uint8Array): Promise<void> {
    const full = this.#full(path);
    // Nobody else's: by this name the store has its own half-written replacement, and nothing reads it.
    const temporary = `${full}.tmp`;
    try {
      const options = { create: true, truncate: true, write: true, mode: FILE_MODE };
      using file = relieved(this.#open, () => Deno.openSync(temporary, options));
      writeAll(file, content);
      await file.sync();
      Deno.renameSync(temporary, full);
    } catch (e) {
      try {
        Deno.removeSync(temporary);
      } catch {
        // The first error is the one to tell; a left-over temporary file is overwritten next time.
      }
      throw storeError("replace", full, e);
    }
    await this.#syncFolder(folderOf(path), (open) => relieved(this.#open, open));
  }

  rename(from: string, to: string): void {
    const fullFrom = this.#full(from), fullTo = this.#full(to);
    attempt(`rename to ${fullTo}`, fullFrom, () => Deno.renameSync(fullFrom, fullTo));
  }

  remove(path: string): void {
    const full = this.#removable(path);
    try {
      Deno.removeSync(full, { recursive: true });
    } catch (e) {
      if (!(e instanceof Deno.errors.NotFound)) throw storeError("remove", full, e);
    }
  }

  async removeAsync(path: string): Promise<void> {
    const full = this.#removable(path);
    try {
      await Deno.remove(full, { recursive: true });
    } catch (e) {
      if (!(e instanceof Deno.errors.NotFound)) throw storeError("remove", full, e);
    }
  }

  #removable(path: string): string {
    if (path === "") throw new StoreError("Cannot remove the root of a store", "permission");
    return this.#full(path);
  }

  syncFolder(folder: string): Promise<void> {
    return this.#syncs.sync(folder);
  }

  async #syncFolder(
    folder: string,
    how: (open: () => Deno.FsFile) => Deno.FsFile | Promise<Deno.FsFile>,
  ): Promise<void> {
    const full = this.#full(folder);
    try {
      using directory = await how(() => Deno.openSync(full));
      await directory.sync();
    } catch (e) {
      throw storeError("sync folder", full, e);
    }
  }

  /** Infinity without the permission to ask (--allow-sys=statfs). */
  freeBytes(): number {
    if (this.#statfsRefused) return Infinity;
    try {
      const stat = statfsSync(this.#root);
      return Number(stat.bavail) * Number(stat.bsize);
    } catch (e) {
      if (!(e instanceof Deno.errors.NotCapable)) throw storeError("statfs", this.#root, e);
      this.#statfsRefused = true;
      return Infinity;
    }
  }

  foldsCase(): boolean {
    const names = this.list("").map(({ name }) => name);
    return isCaseFolded(names, (name) => {
      try {
        const { dev, ino } = Deno.statSync(this.#full(name));
        return `${dev}:${ino}`;
      } catch (e) {
        if (e instanceof Deno.errors.NotFound) return null;
        throw storeError("find", this.#full(name), e);
      }
    });
  }

  /** Something else found no descriptor: blobs give some of theirs back. */
  relieve(): void {
    this.#open.relieve();
  }

  close(): void {
    this.#open.close();
  }

  #full(path: string): string {
    splitPath(path);
    return path === "" ? this.#root || "/" : `${this.#root}/${path}`;
  }
}

class FileBlob implements Blob, OpenFile {
  readonly path: string;
  /** As OpenFile. */
  used = true;
  /** Holds bytes appended since the last sync began. */
  dirty = false;
  readonly #full: string;
  readonly #open: OpenFiles;
  #size: number;
  #file: Deno.FsFile | null = null;
  #reader: Deno.FsFile | null = null;
  /** Syncs and writes on the thread pool. */
  #inFlight = 0;
  #closed = false;
  /** Bytes of a failed append may still lie past `size`. */
  #torn = false;
  #syncError: StoreError | null = null;

  constructor(path: string, full: string, size: number, open: OpenFiles) {
    this.path = path;
    this.#full = full;
    this.#size = size;
    this.#open = open;
  }

  get size(): number {
    return this.#size;
  }

  /** Must keep its descriptor for now. */
  get busy(): boolean {
    return this.#inFlight > 0;
  }

  append(bytes: Uint8Array): void {
    const file = this.descriptor();
    if (this.#torn) this.truncate(this.#size);
    this.dirty = true;
    try {
      writeAll(file, bytes);
    } catch (e) {
      this.#cutBack(file);
      throw storeError(`append ${bytes.length} bytes at ${this.#size} to`, this.#full, e);
    }
    this.#size += bytes.length;
  }

  async appendAsync(bytes: Uint8Array): Promise<void> {
    const file = this.descriptor();
    if (this.#torn) this.truncate(this.#size);
    this.dirty = true;
    this.#inFlight++;
    try {
      for (let done = 0; done < bytes.length;) {
        const n = await file.write(done === 0 ? bytes : bytes.subarray(done));
        if (n === 0) throw new Error(`write took ${done} of ${bytes.length} bytes`);
        done += n;
      }
      this.#size += bytes.length;
    } catch (e) {
      this.#cutBack(file);
      throw storeError(`append ${bytes.length} bytes at ${this.#size} to`, this.#full, e);
    } finally {
      this.#landed();
    }
  }

  async sync(): Promise<void> {
    if (this.#syncError !== null) throw this.#syncError;
    const hold = () => {
      const file = this.descriptor();
      this.#inFlight++; // in the same turn: nobody may take it away
      return file;
    };
    const file = this.#file !== null ? hold() : await patiently(this.#open, hold);
    this.dirty = false;
    try {
      await file.syncData();
    } catch (e) {
      // The kernel drops the pages it could not write and reports that once: a second fsync would lie.
      throw this.#syncError ??= storeError("sync", this.#full, e);
    } finally {
      this.#landed();
    }
  }

  #landed(): void {
    if (--this.#inFlight === 0 && this.#closed) this.release();
  }

  read(position: number, into: Uint8Array): number {
    const length = Math.min(into.length, this.#size - position);
    if (length <= 0) return 0;
    const file = this.#reading();
    try {
      file.seekSync(position, Deno.SeekMode.Start);
      let done = file.readSync(length === into.length ? into : into.subarray(0, length)) ?? 0;
      while (done < length) {
        const n = file.readSync(into.subarray(done, length));
        if (n === null) break;
        done += n;
      }
      return done;
    } catch (e) {
      throw storeError(`read ${length} bytes at ${position} of`, this.#full, e);
    }
  }

  async readAsync(position: number, into: Uint8Array): Promise<number> {
    const length = Math.min(into.length, this.#size - position);
    if (length <= 0) return 0;
    this.#refuseClosed();
    try {
      using file = relieved(this.#open, () => Deno.openSync(this.#full));
      file.seekSync(position, Deno.SeekMode.Start);
      let done = 0;
      while (done < length) {
        const n = await file.read(into.subarray(done, length));
        if (n === null) break;
        done += n;
      }
      return done;
    } catch (e) {
      throw storeError(`read ${length} bytes at ${position} of`, this.#full, e);
    }
  }

  truncate(size: number): void {
    if (size > this.#size) {
      throw new StoreError(
        `Cannot truncate ${this.#full} to ${size} bytes: it has ${this.#size}`,
        "io",
      );
    }
    const file = this.descriptor();
    attempt(`truncate to ${size} bytes`, this.#full, () => file.truncateSync(size));
    this.#size = size;
    this.#torn = false;
    this.dirty = true;
  }

  close(): void {
    this.#closed = true;
    if (!this.busy) this.release();
  }

  /** The open descriptor to append to. */
  descriptor(): Deno.FsFile {
    this.used = true;
    return this.#file ?? this.#openFile(false);
  }

  #reading(): Deno.FsFile {
    this.used = true;
    if (this.#file !== null && this.#inFlight === 0) return this.#file;
    return this.#reader ?? this.#openReader();
  }

  #openReader(): Deno.FsFile {
    this.#refuseClosed();
    this.#reader = this.#openWith({ read: true });
    if (this.#file === null) this.#open.add(this);
    return this.#reader;
  }

  /** Makes the file. Only then: a blob whose file was removed must not bring it back. */
  create(): void {
    this.#openFile(true);
  }

  #openFile(create: boolean): Deno.FsFile {
    this.#refuseClosed();
    const options = { read: true, append: true, create, mode: create ? FILE_MODE : undefined };
    this.#file = this.#openWith(options);
    if (this.#reader === null) this.#open.add(this);
    this.#reader?.close();
    this.#reader = null;
    return this.#file;
  }

  #openWith(options: Deno.OpenOptions): Deno.FsFile {
    const open = () => Deno.openSync(this.#full, options);
    return attempt("open", this.#full, () => relieved(this.#open, open));
  }

  /** Gives the descriptors back. */
  release(): void {
    if (this.#file === null && this.#reader === null) return;
    this.#file?.close();
    this.#reader?.close();
    this.#file = this.#reader = null;
    this.#open.remove(this);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StoreError(`Cannot use ${this.#full}: it was closed`, "io");
  }

  #cutBack(file: Deno.FsFile): void {
    try {
      file.truncateSync(this.#size);
    } catch {
      this.#torn = true; // The next append tries again before it writes.
    }
  }
}

/** write(2) may take a part only (a disk about to be full does): go on until all is written or it fails. */
function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  let done = file.writeSync(bytes);
  while (done < bytes.length) {
    const n = file.writeSync(bytes.subarray(done));
    if (n === 0) throw new Error(`write took ${done} of ${bytes.length} bytes`);
    done += n;
  }
}

function sizeOf(full: string): number | null {
  try {
    const { size, isFile, isDirectory } = Deno.statSync(full);
    // A pipe or a device keeps nothing, and may let a write wait for ever.
    if (!isFile && !isDirectory) throw new Error("it is neither a file nor a folder");
    return size;
  } catch (e) {
    if (e instanceof Deno.errors.NotFound) return null;
    throw e;
  }
}
