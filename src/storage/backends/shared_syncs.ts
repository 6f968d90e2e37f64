/**
 * SharedSyncs: syncs of folders that many ask for at once, as ten thousand logs do of the directory they lie in. Whoever
 * asks while a folder is being synced shares the sync that begins next with all others who do.
 */
export class SharedSyncs {
  readonly #sync: (folder: string) => Promise<void>;
  readonly #folders = new Map<string, { running: Promise<void>; next: Promise<void> | null }>();

  constructor(sync: (folder: string) => Promise<void>) {
    this.#sync = sync;
  }

  /** Resolves when a sync has ended that began after this was called; rejects when that one failed. */
  sync(folder: string): Promise<void> {
    const known = this.#folders.get(folder);
    if (known === undefined) return this.#begin(folder);
    return known.next ??= known.running.then(() => this.#begin(folder), () => this.#begin(folder));
  }

  #begin(folder: string): Promise<void> {
    const running = this.#sync(folder), one = { running, next: null };
    this.#folders.set(folder, one);
    const ended = () => {
      if (one.next === null) this.#folders.delete(folder);
    };
    running.then(ended, ended);
    return running;
  }
}
