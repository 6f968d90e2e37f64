/**
 * Store: where blobs live. A directory, memory, a fault-injecting wrapper, and one day an object store all
 * implement this and pass the same contract suite (store_contract_test.ts).
 *
 * Paths are relative, with "/" between parts. Reading and appending are synchronous for local backends (the
 * page cache answers faster than a thread pool does); whatever may take a device's time is a Promise.
 */
export interface Store {
  /** For people: "/var/lib/runnel" or "memory://". */
  readonly name: string;
  /** Names in a folder ("" is the root), sorted; an absent folder is empty. */
  list(folder: string): StoreEntry[];
  /** Makes the folder and its parents. */
  makeFolder(folder: string): void;
  /** Opens a blob, creating it if absent; its folder must exist. One Blob a path at a time. Descriptors are opened at first use and may be
   * closed again under pressure: holding 10,000 Blobs is cheap. */
  open(path: string): Blob;
  /** Opens a blob that is written in place, creating it empty if absent. */
  openInPlace(path: string): InPlaceBlob;
  /** The whole content, or null when there is none. For small files (checkpoints, properties). */
  readAll(path: string): Uint8Array | null;
  /** Replaces the content whole or not at all: temporary file, fsync, rename, fsync of the folder. */
  replace(path: string, content: Uint8Array): Promise<void>;
  /** Renames a blob or a folder with everything in it. Blobs open under the old name must be closed first. */
  rename(from: string, to: string): void;
  /** Removes a blob, or a folder with everything in it; absent is fine. Blobs open in it must be closed first. */
  remove(path: string): void;
  /** The same through the thread pool: a file system takes its time to free a large file. */
  removeAsync(path: string): Promise<void>;
  /** Makes creations, renames and removals in this folder survive power loss. */
  syncFolder(folder: string): Promise<void>;
  /** Bytes free for data, or Infinity where the question has no meaning. */
  freeBytes(): number;
  /** Whether names that differ in case alone are one here, as far as what lies in the root shows: not of an empty one. */
  foldsCase(): boolean;
  /** Closes every descriptor. */
  close(): void;
}

export interface StoreEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** A growing sequence of bytes. */
export interface Blob {
  readonly path: string;
  /** Bytes appended so far, whether synced or not. */
  readonly size: number;
  /** Appends all of `bytes`; when it returns write(2) has. On failure the partial bytes are cut back and it throws StoreError. */
  append(bytes: Uint8Array): void;
  /** The same through the thread pool, which overlaps with this thread's work. One at a time, and no append() meanwhile. */
  appendAsync(bytes: Uint8Array): Promise<void>;
  /** fdatasync: resolves when everything appended before the call survives power loss. A failure is final (see RELIABILITY: fsync is never tried twice). */
  sync(): Promise<void>;
  /** Fills `into` from `position`; returns the bytes read, fewer only at the end. */
  read(position: number, into: Uint8Array): number;
  /** The same through the thread pool, for reads that may have to wait for the device. */
  readAsync(position: number, into: Uint8Array): Promise<number>;
  /** Cuts the blob to `size` bytes. */
  truncate(size: number): void;
  /** Closes descriptors; the Blob must not be used again. */
  close(): void;
}

/** Bytes that are overwritten again and again. */
export interface InPlaceBlob {
  readonly path: string;
  /** Writes all of `bytes` at `position`, which lies at most at the end. */
  write(position: number, bytes: Uint8Array): void;
  /** fdatasync, as Blob.sync(). */
  sync(): Promise<void>;
  /** The same on this thread, which waits; or through the pool, where a backend has no such way. */
  syncInPlace(): Promise<void> | void;
  close(): void;
}

/** What went wrong with a store, with the path and the size in the message. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    message: string,
    readonly kind: "noSpace" | "io" | "permission" | "absent",
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
