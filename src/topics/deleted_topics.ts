/**
 * DeletedTopics: the ids of topics that were removed lately: what still bears one of them may go. Their folders are marked
 * within moments, so no more are kept than one change may remove, and none for longer than two snapshots.
 */
import type { Uuid } from "../bytes/uuid.ts";

export class DeletedTopics {
  #ids = new Set<Uuid>();
  /** Removed before the last snapshot, and after the one before. */
  #older: ReadonlySet<Uuid> = new Set();

  get isEmpty(): boolean {
    return this.#ids.size + this.#older.size === 0;
  }

  has(id: Uuid): boolean {
    return this.#ids.has(id) || this.#older.has(id);
  }

  add(id: Uuid): void {
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) this.#ids.delete(this.#ids.values().next().value!);
  }

  /** The log does not say it any more of those removed before. */
  snapshotTaken(): void {
    this.#older = this.#ids;
    this.#ids = new Set();
  }
}

/** As many as the records of one change. */
const MAX_IDS = 20_000;
