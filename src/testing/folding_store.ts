/**
 * FoldingStore: memory whose names are one where they differ in case alone, and are listed as they were made; as a directory
 * is that comes from one file system to another, from when `isFolding` is set.
 */
import type { Blob, InPlaceBlob, StoreEntry } from "../storage/store.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";

export class FoldingStore extends MemoryStore {
  isFolding = true;

  override foldsCase(): boolean {
    return this.isFolding;
  }
  override list(folder: string): StoreEntry[] {
    return super.list(this.#at(folder));
  }
  override makeFolder(folder: string): void {
    super.makeFolder(this.#at(folder));
  }
  override open(path: string): Blob {
    return super.open(this.#at(path));
  }
  override openInPlace(path: string): InPlaceBlob {
    return super.openInPlace(this.#at(path));
  }
  override readAll(path: string): Uint8Array | null {
    return super.readAll(this.#at(path));
  }
  override replace(path: string, bytes: Uint8Array): Promise<void> {
    return super.replace(this.#at(path), bytes);
  }
  override rename(from: string, to: string): void {
    super.rename(this.#at(from), this.#at(to));
  }
  override remove(path: string): void {
    super.remove(this.#at(path));
  }
  override syncFolder(folder: string): Promise<void> {
    return super.syncFolder(this.#at(folder));
  }

  /** The path with each part as it was made. */
  #at(path: string): string {
    if (!this.isFolding) return path;
    let found = "";
    for (const part of path === "" ? [] : path.split("/")) {
      const there = super.list(found).find(({ name }) => name.toLowerCase() === part.toLowerCase());
      found = found === "" ? there?.name ?? part : `${found}/${there?.name ?? part}`;
    }
    return found;
  }
}
