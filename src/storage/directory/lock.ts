/**
 * DirectoryLock: one broker at a time in a data directory. Exclusive advisory locks, which the kernel gives back however
 * the process ends, kill -9 too.
 *
 * Two are taken. The first on the directory itself, which nobody can remove or replace while it is used, and which is
 * the same by whatever path it is reached. The second on `.lock` in it: for platforms that cannot lock a directory
 * (Windows, some network file systems), and because older versions look there. `.lock` alone would not do: a lock
 * belongs to a file and not to its name, so who removes the file opens the directory to a second broker.
 *
 * Deno locks with flock(2), Java with fcntl(2), and on Linux these do not see each other: so this keeps out a second
 * Runnel, not a Kafka started on the same directory.
 */
import { attempt } from "../backends/system_error.ts";

/** Another process uses the directory. */
export class DirectoryLockedError extends Error {
  override readonly name = "DirectoryLockedError";
  constructor(readonly directory: string) {
    super(
      `Cannot use ${directory}: another broker is running on it; stop that one, or choose another directory`,
    );
  }
}

/**
 * How long to wait where Deno (before 2.7) can only wait for a lock, not try it. Waiting happens on a thread, which a
 * machine at its limit may leave without a turn for a second: a start after a kill must not take that for another broker.
 */
const WAIT_MS = 3000;

export class DirectoryLock implements Disposable {
  readonly #files: readonly Deno.FsFile[];

  private constructor(files: readonly Deno.FsFile[]) {
    this.#files = files;
  }

  /**
   * Takes the lock of an existing directory; throws DirectoryLockedError when it is held. `isReadOnly`: makes no `.lock`;
   * where there is none no broker has been.
   */
  static async take(
    directory: string,
    { isReadOnly = false }: { readonly isReadOnly?: boolean } = {},
  ): Promise<DirectoryLock> {
    const files: Deno.FsFile[] = [];
    let isOurs = false;
    try {
      isOurs = await lockedDirectory(directory, files) &&
        await lockedFile(directory, files, isReadOnly);
    } finally {
      if (!isOurs) { for (const file of files) file.close(); }
    }
    if (!isOurs) throw new DirectoryLockedError(directory);
    return new DirectoryLock(files);
  }

  release(): void {
    for (const file of this.#files) file.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** False when another has it. Where a directory cannot be opened or locked at all, `.lock` has to do. */
async function lockedDirectory(directory: string, files: Deno.FsFile[]): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(directory, { read: true });
  } catch {
    return true;
  }
  files.push(file);
  try {
    return await tryLock(file);
  } catch {
    return true;
  }
}

async function lockedFile(
  directory: string,
  files: Deno.FsFile[],
  isReadOnly: boolean,
): Promise<boolean> {
  const path = `${directory}/.lock`;
  if (isReadOnly) return await lockedIfThere(path, files);
  const options = { create: true, write: true, mode: 0o600 };
  const file = attempt("open", path, () => Deno.openSync(path, options));
  files.push(file);
  return await tryLock(file);
}

async function lockedIfThere(path: string, files: Deno.FsFile[]): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    return attempt("open", path, () => {
      throw error;
    });
  }
  files.push(file);
  return await tryLock(file);
}

async function tryLock(file: Deno.FsFile): Promise<boolean> {
  if (typeof file.tryLock === "function") return await file.tryLock(true);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), WAIT_MS));
  const locked = file.lock(true).then(() => true);
  locked.catch(() => {}); // the file is closed by then
  try {
    return await Promise.race([locked, late]);
  } finally {
    clearTimeout(timer);
  }
}
