/**
 * FaultyBlob, FaultyInPlaceBlob: the blobs of a FaultyStore. They fail when they are told to, take their time when the
 * store has a SlowDevice, and tell their inode what was written, cut and synced.
 */
import type { Blob, InPlaceBlob } from "../storage/store.ts";
import { StoreError } from "../storage/store.ts";
import { type Fault, injected, type Operation } from "./faults.ts";
import { type Inode, SECTOR_BYTES } from "./inode.ts";
import { noPower, type SlowDevice, type SlowOperation } from "./slow_device.ts";

/** The store, as its blobs see it. */
export interface FaultyContext {
  readonly device: SlowDevice | null;
  /** Whether the process that used it is gone. */
  readonly isOff: boolean;
  strike(on: Operation, path: string): Fault["how"] | null;
}

/** An open file of the inner store, which stays open until the last call on its way has landed. */
class Handle {
  readonly #inner: Blob;
  readonly #context: FaultyContext;
  #flights = 0;
  #isClosed = false;

  constructor(inner: Blob, context: FaultyContext) {
    this.#inner = inner;
    this.#context = context;
  }

  /** Does it now, or, on a slow device, when the call lands. */
  async slowly<T>(on: SlowOperation, path: string, land: () => Promise<T>): Promise<T> {
    this.refuseClosed(path, on);
    if (this.#context.device === null) return await land();
    this.#flights++;
    try {
      return await this.#context.device.begin(on, path, land);
    } finally {
      if (--this.#flights === 0 && this.#isClosed) this.#inner.close();
    }
  }

  refuseClosed(path: string, on = "use"): void {
    if (this.#context.isOff) throw noPower(on, path);
    if (this.#isClosed) throw new StoreError(`Cannot use ${path}: it was closed`, "io");
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#flights === 0) this.#inner.close();
  }
}

export class FaultyBlob implements Blob {
  readonly path: string;
  readonly #inner: Blob;
  readonly #inode: Inode;
  readonly #context: FaultyContext;
  readonly #handle: Handle;
  #syncError: StoreError | null = null;
  /** Bytes a torn append left behind the size; cut off before the next append, as FileStore does. */
  #tornBytes = 0;
  #isAppending = false;

  constructor(
    inner: Blob,
    inode: Inode,
    context: FaultyContext,
    handle = new Handle(inner, context),
  ) {
    this.path = inner.path;
    this.#inner = inner;
    this.#inode = inode;
    this.#context = context;
    this.#handle = handle;
  }

  get size(): number {
    return this.#inner.size - this.#tornBytes;
  }

  append(bytes: Uint8Array): void {
    this.#refuseSecond();
    const how = this.#context.strike("append", this.path);
    if (this.#tornBytes > 0) this.truncate(this.size);
    this.#append(bytes, how);
  }

  /** On a slow device the bytes are read when the call lands: whoever gives them back too early is found out. */
  async appendAsync(bytes: Uint8Array): Promise<void> {
    if (this.#context.device === null) return this.append(bytes);
    this.#refuseSecond();
    const how = attempted(() => this.#context.strike("append", this.path));
    if (this.#tornBytes > 0) this.truncate(this.size);
    this.#isAppending = true;
    this.#inode.writing = bytes;
    try {
      await this.#handle.slowly("append", this.path, async () => {
        this.#inode.writing = null;
        this.#append(bytes, how());
      });
    } finally {
      this.#isAppending = false;
    }
  }

  async sync(): Promise<void> {
    if (this.#syncError !== null) throw this.#syncError;
    const how = attempted(() => this.#context.strike("sync", this.path));
    const read = (at: number) => contentOf(this.#inner, at, at + SECTOR_BYTES);
    const sync = this.#inode.beginSync(this.size, read);
    try {
      await this.#handle.slowly("sync", this.path, async () => {
        const isLie = how() === "lie";
        await this.#inner.sync();
        if (isLie) this.#inode.dropSync(sync);
        else this.#inode.endSync(sync);
      });
    } catch (e) {
      this.#inode.dropSync(sync);
      throw this.#syncError = e as StoreError;
    }
  }

  read(position: number, into: Uint8Array): number {
    this.#handle.refuseClosed(this.path);
    this.#context.strike("read", this.path);
    return this.#inner.read(position, this.#bounded(position, into));
  }

  async readAsync(position: number, into: Uint8Array): Promise<number> {
    const how = attempted(() => this.#context.strike("read", this.path));
    return await this.#handle.slowly("read", this.path, async () => {
      how();
      return await this.#inner.readAsync(position, this.#bounded(position, into));
    });
  }

  truncate(size: number): void {
    this.#refuseSecond();
    this.#context.strike("truncate", this.path);
    this.#inode.cutTo(size, (from, to) => contentOf(this.#inner, from, to));
    this.#inner.truncate(size);
    this.#tornBytes = 0;
  }

  close(): void {
    this.#handle.close();
  }

  #append(bytes: Uint8Array, how: Fault["how"] | null): void {
    if (how === "torn") {
      this.#tornBytes = bytes.length >> 1;
      this.#inner.append(bytes.subarray(0, this.#tornBytes));
      throw injected("append", this.path, "noSpace");
    }
    this.#inner.append(bytes);
  }

  /** A caller that breaks the rule of one append at a time would find its bytes anywhere. */
  #refuseSecond(): void {
    this.#handle.refuseClosed(this.path);
    if (this.#isAppending) throw new Error(`${this.path}: an appendAsync is on its way`);
  }

  #bounded(position: number, into: Uint8Array): Uint8Array {
    return this.#tornBytes === 0 ? into : into.subarray(0, Math.max(0, this.size - position));
  }
}

export class FaultyInPlaceBlob implements InPlaceBlob {
  readonly path: string;
  /** For reading and syncs. */
  readonly #inner: Blob;
  readonly #inPlace: InPlaceBlob;
  readonly #inode: Inode;
  readonly #context: FaultyContext;
  readonly #handle: Handle;
  /** For syncs, which are the same for both kinds. */
  readonly #asBlob: FaultyBlob;

  constructor(
    inner: Blob,
    inPlace: InPlaceBlob,
    inode: Inode,
    context: FaultyContext,
  ) {
    this.path = inner.path;
    this.#inner = inner;
    this.#inPlace = inPlace;
    this.#inode = inode;
    this.#context = context;
    this.#handle = new Handle(inner, context);
    this.#asBlob = new FaultyBlob(inner, inode, context, this.#handle);
  }

  write(position: number, bytes: Uint8Array): void {
    this.#handle.refuseClosed(this.path);
    const how = this.#context.strike("append", this.path);
    const length = how === "torn" ? bytes.length >> 1 : bytes.length;
    const read = (at: number) => contentOf(this.#inner, at, at + SECTOR_BYTES);
    this.#inode.overwrite(position, length, read);
    this.#inPlace.write(position, bytes.subarray(0, length));
    if (how === "torn") throw injected("append", this.path, "noSpace");
  }

  sync(): Promise<void> {
    return this.#asBlob.sync();
  }

  syncInPlace(): Promise<void> {
    return this.#asBlob.sync();
  }

  close(): void {
    this.#inPlace.close();
    this.#handle.close();
  }
}

/** Calls now, and tells when asked: a failure that was decided at the call shows when the call lands. */
function attempted<T>(action: () => T): () => T {
  try {
    const value = action();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function contentOf(blob: Blob, from: number, to: number): Uint8Array {
  const content = new Uint8Array(Math.max(0, Math.min(to, blob.size) - from));
  blob.read(from, content);
  return content;
}
