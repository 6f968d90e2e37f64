/**
 * DirectoryLock: one broker at a time in a data directory. An exclusive advisory lock on `.lock`, which the kernel
 * gives back however the process ends, kill -9 too.
 *
 * Deno locks with flock(2), Java with fcntl(2), and on Linux these do not see each other: so this keeps out a second
 * Runnel, not a Kafka started on the same directory.
 */
import { attempt } from "./backends/file_store.ts";

/** Another process uses the directory. */
export class DirectoryLockedError extends Error {
  override readonly name = "DirectoryLockedError";
  constructor(readonly directory: string) {
    super(
      `Cannot use ${directory}: another broker is running on it; stop that one, or choose another directory`,
    );
  }
}

/** How long to wait where Deno (before 2.7) can only wait for a lock, not try it. */
const WAIT_MS = 300;

export class DirectoryLock implements Disposable {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Takes the lock of an existing directory; throws DirectoryLockedError when it is held. */
  static async take(directory: string): Promise<DirectoryLock> {
    const path = `${directory}/.lock`;
    const file = attempt(
      "open",
      path,
      () => Deno.openSync(path, { create: true, write: true, mode: 0o600 }),
    );
    let isOurs = false;
    try {
      isOurs = await tryLock(file);
    } finally {
      if (!isOurs) file.close();
    }
    if (!isOurs) throw new DirectoryLockedError(directory);
    return new DirectoryLock(file);
  }

  release(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
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
