/**
 * Copy: files on their way into a backup. A file that the backup has already, whole, is not written again.
 */
import { createHash } from "node:crypto";
import { type Store, StoreError } from "../storage/store.ts";
import { chunksOf, type Readable, sha256Of } from "./log_walk.ts";
import { type BackedUpFile, type Manifest, storedPath } from "./manifest.ts";

/** A part of a file of the data directory. */
export interface CopiedPart {
  /** In the data directory. */
  readonly path: string;
  readonly source: Readable;
  /** From the beginning. */
  readonly bytes: number;
  /** If it is known already. */
  readonly sha256?: string;
}

export class Copy {
  files: BackedUpFile[] = [];
  copiedFiles = 0;
  copiedBytes = 0;
  readonly #destination: Store;
  /** By stored path. */
  readonly #present = new Set<string>();
  readonly #folders = new Set<string>([""]);

  constructor(destination: Store, before: Manifest | null) {
    this.#destination = destination;
    const there = new Map<string, Set<string>>();
    for (const file of before?.files ?? []) {
      const path = storedPath(file), folder = folderOf(path);
      if (!there.has(folder)) {
        there.set(folder, new Set(destination.list(folder).map(({ name }) => name)));
      }
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (there.get(folder)!.has(name)) this.#present.add(path);
    }
  }

  /** Begins anew; what was copied so far is there already. */
  restart(): void {
    for (const file of this.files) this.#present.add(storedPath(file));
    this.files = [];
  }

  async take({ path, source, bytes, sha256 = sha256Of(source, bytes) }: CopiedPart): Promise<void> {
    const file = { path, bytes, sha256 };
    if (!this.#has(file)) await this.#write(file, source);
    this.files.push(file);
  }

  /** The names of everything copied are on the device, as the bytes are. */
  async settle(): Promise<void> {
    for (const folder of this.#folders) await this.#destination.syncFolder(folder);
  }

  /** Read again, for a device forgets: what a manifest names must be what the data directory had. */
  #has(file: BackedUpFile): boolean {
    const path = storedPath(file);
    if (!this.#present.has(path)) return false;
    const blob = this.#destination.open(path);
    try {
      return blob.size === file.bytes && sha256Of(blob, file.bytes) === file.sha256;
    } finally {
      blob.close();
    }
  }

  async #write(file: BackedUpFile, source: Readable): Promise<void> {
    const store = this.#destination, temporary = `${file.path}.tmp`;
    const folder = folderOf(file.path);
    store.makeFolder(folder);
    store.remove(temporary);
    const blob = store.open(temporary), hash = createHash("sha256");
    try {
      for (const chunk of chunksOf(source, file.bytes)) {
        hash.update(chunk);
        blob.append(chunk);
      }
      await blob.sync();
    } finally {
      blob.close();
    }
    const found = hash.digest("hex");
    if (found !== file.sha256) {
      const what = `has SHA-256 ${found} when it is copied, had ${file.sha256} when it was checked`;
      throw new StoreError(`${file.path} ${what}: the device reads differently`, "io");
    }
    store.rename(temporary, storedPath(file));
    this.#folders.add(folder);
    this.copiedFiles++;
    this.copiedBytes += file.bytes;
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
