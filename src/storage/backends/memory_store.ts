/**
 * MemoryStore: a Store in memory (`memory://`), for tests, simulations and brokers that need not remember.
 *
 * A tree of folders, as a directory is. Nothing survives the process, so sync() has nothing to do.
 */
import { type Blob, type InPlaceBlob, type Store, type StoreEntry, StoreError } from "../store.ts";
import { splitPath } from "./path.ts";

export interface MemoryStoreOptions {
  /** Bytes all blobs together may hold. */
  readonly maxBytes?: number;
}

/** Content lies in chunks of this size, so that growing a large blob copies nothing. */
const CHUNK_BYTES = 256 * 1024;
/** The first chunk grows by doubling from here: most blobs stay small. */
const FIRST_CHUNK_BYTES = 512;

type Node = Content | Folder;
type Folder = Map<string, Node>;

export class MemoryStore implements Store {
  readonly name = "memory://";
  readonly #root: Folder = new Map();
  readonly #budget: Budget;

  constructor(options: MemoryStoreOptions = {}) {
    this.#budget = { maxBytes: options.maxBytes ?? Infinity, usedBytes: 0 };
  }

  list(folder: string): StoreEntry[] {
    const node = this.#find(splitPath(folder));
    if (node === undefined) return [];
    if (node instanceof Content) {
      throw new StoreError(`Cannot list ${folder}: it is not a folder`, "io");
    }
    return [...node]
      .map(([name, child]) => ({ name, isFolder: !(child instanceof Content) }))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  makeFolder(folder: string): void {
    let at = this.#root;
    for (const part of splitPath(folder)) {
      let next = at.get(part);
      if (next === undefined) at.set(part, next = new Map());
      if (next instanceof Content) {
        throw new StoreError(`Cannot create folder ${folder}: ${part} is a blob`, "io");
      }
      at = next;
    }
  }

  open(path: string): Blob {
    return new MemoryBlob(path, this.#contentAt(path));
  }

  openInPlace(path: string): InPlaceBlob {
    return new MemoryInPlaceBlob(path, this.#contentAt(path));
  }

  readAll(path: string): Uint8Array | null {
    const node = this.#find(splitPath(path));
    if (node === undefined) return null;
    if (!(node instanceof Content)) {
      throw new StoreError(`Cannot read ${path}: it is a folder`, "io");
    }
    const all = new Uint8Array(node.size);
    node.read(0, all);
    return all;
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const [folder, name] = this.#place(path);
    const old = folder.get(name);
    if (old instanceof Map) throw new StoreError(`Cannot replace ${path}: it is a folder`, "io");
    const content = new Content(this.#budget);
    content.append(path, bytes);
    folder.set(name, content);
    old?.truncate(0);
  }

  rename(from: string, to: string): void {
    const [fromFolder, fromName] = this.#place(from);
    const [toFolder, toName] = this.#place(to);
    const node = fromFolder.get(fromName);
    if (node === undefined) {
      throw new StoreError(`Cannot rename ${from}: there is no such blob or folder`, "absent");
    }
    const target = toFolder.get(toName);
    if (
      node instanceof Map && (target instanceof Content || target !== undefined && target.size > 0)
    ) {
      throw new StoreError(`Cannot rename folder ${from} to ${to}: that name is taken`, "io");
    }
    if (node instanceof Content && target instanceof Map) {
      throw new StoreError(`Cannot rename ${from} to ${to}: that is a folder`, "io");
    }
    if (target === node) return;
    if (target instanceof Content) release(target);
    fromFolder.delete(fromName);
    toFolder.set(toName, node);
  }

  remove(path: string): void {
    const parts = splitPath(path);
    const name = parts.pop();
    if (name === undefined) throw new StoreError("Cannot remove the root of a store", "permission");
    const folder = this.#find(parts);
    if (!(folder instanceof Map)) return;
    const node = folder.get(name);
    if (node === undefined) return;
    folder.delete(name);
    release(node);
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  async syncFolder(folder: string): Promise<void> {
    if (this.#find(splitPath(folder)) === undefined) {
      throw new StoreError(`Cannot sync folder ${folder}: there is no such folder`, "absent");
    }
  }

  foldsCase(): boolean {
    return false;
  }

  freeBytes(): number {
    return this.#budget.maxBytes - this.#budget.usedBytes;
  }

  close(): void {}

  /** The content of a blob, made when there is none. */
  #contentAt(path: string): Content {
    const [folder, name] = this.#place(path);
    let content = folder.get(name);
    if (content === undefined) folder.set(name, content = new Content(this.#budget));
    if (!(content instanceof Content)) {
      throw new StoreError(`Cannot open ${path}: it is a folder`, "io");
    }
    return content;
  }

  #find(parts: readonly string[]): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const part of parts) {
      if (!(at instanceof Map)) return undefined;
      at = at.get(part);
    }
    return at;
  }

  /** The folder a path lies in, which has to exist, and the name there. */
  #place(path: string): [Folder, string] {
    const parts = splitPath(path);
    const name = parts.pop();
    const folder = this.#find(parts);
    if (name === undefined || !(folder instanceof Map)) {
      throw new StoreError(
        `Cannot use ${JSON.stringify(path)}: its folder does not exist`,
        "absent",
      );
    }
    return [folder, name];
  }
}

class MemoryBlob implements Blob {
  readonly path: string;
  readonly #content: Content;
  #closed = false;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  get size(): number {
    return this.#content.size;
  }

  async appendAsync(bytes: Uint8Array): Promise<void> {
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    this.#refuseClosed();
    this.#content.append(this.path, bytes);
  }

  async sync(): Promise<void> {
    this.#refuseClosed();
  }

  read(position: number, into: Uint8Array): number {
    this.#refuseClosed();
    return this.#content.read(position, into);
  }

  async readAsync(position: number, into: Uint8Array): Promise<number> {
    this.#refuseClosed();
    return this.#content.read(position, into);
  }

  truncate(size: number): void {
    this.#refuseClosed();
    if (size > this.size) {
      throw new StoreError(
        `Cannot truncate ${this.path} to ${size} bytes: it has ${this.size}`,
        "io",
      );
    }
    this.#content.truncate(size);
  }

  close(): void {
    this.#closed = true;
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StoreError(`Cannot use ${this.path}: it was closed`, "io");
  }
}

class MemoryInPlaceBlob implements InPlaceBlob {
  readonly path: string;
  readonly #content: Content;
  #closed = false;

  constructor(path: string, content: Content) {
    this.path = path;
    this.#content = content;
  }

  write(position: number, bytes: Uint8Array): void {
    this.#refuseClosed();
    const within = Math.min(bytes.length, this.#content.size - position);
    if (within < 0) {
      throw new StoreError(
        `Cannot write ${this.path} at ${position}: it has ${this.#content.size} bytes`,
        "io",
      );
    }
    this.#content.overwrite(position, bytes.subarray(0, within));
    if (within < bytes.length) this.#content.append(this.path, bytes.subarray(within));
  }

  async sync(): Promise<void> {
    this.#refuseClosed();
  }

  async syncInPlace(): Promise<void> {
    this.#refuseClosed();
  }

  close(): void {
    this.#closed = true;
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StoreError(`Cannot use ${this.path}: it was closed`, "io");
  }
}

interface Budget {
  readonly maxBytes: number;
  usedBytes: number;
}

/** Bytes in chunks: every chunk but the first is CHUNK_BYTES long. */
class Content {
  size = 0;
  readonly #chunks: Uint8Array[] = [];
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  append(path: string, bytes: Uint8Array): void {
    const { maxBytes, usedBytes } = this.#budget;
    if (usedBytes + bytes.length > maxBytes) {
      throw new StoreError(
        `Cannot append ${bytes.length} bytes to ${path}: ${usedBytes} of ${maxBytes} bytes of memory are used`,
        "noSpace",
      );
    }
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor(this.size / CHUNK_BYTES), at = this.size % CHUNK_BYTES;
      const n = Math.min(bytes.length - done, CHUNK_BYTES - at);
      const chunk = this.#chunkFor(index, at + n);
      chunk.set(n === bytes.length ? bytes : bytes.subarray(done, done + n), at);
      done += n;
      this.size += n;
    }
    this.#budget.usedBytes += bytes.length;
  }

  read(position: number, into: Uint8Array): number {
    const length = Math.max(0, Math.min(into.length, this.size - position));
    for (let done = 0; done < length;) {
      const chunk = this.#chunks[Math.floor((position + done) / CHUNK_BYTES)];
      const at = (position + done) % CHUNK_BYTES;
      const n = Math.min(length - done, CHUNK_BYTES - at);
      into.set(chunk.subarray(at, at + n), done);
      done += n;
    }
    return length;
  }

  /** Writes over bytes that are there. */
  overwrite(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const chunk = this.#chunks[Math.floor((position + done) / CHUNK_BYTES)];
      const at = (position + done) % CHUNK_BYTES;
      const n = Math.min(bytes.length - done, CHUNK_BYTES - at);
      chunk.set(bytes.subarray(done, done + n), at);
      done += n;
    }
  }

  truncate(size: number): void {
    this.#budget.usedBytes -= this.size - size;
    this.size = size;
    this.#chunks.length = Math.ceil(size / CHUNK_BYTES);
  }

  #chunkFor(index: number, length: number): Uint8Array {
    const chunk = this.#chunks[index];
    if (chunk !== undefined && chunk.length >= length) return chunk;
    if (index > 0) return this.#chunks[index] = new Uint8Array(CHUNK_BYTES);
    let capacity = chunk?.length ?? FIRST_CHUNK_BYTES;
    while (capacity < length) capacity *= 2;
    const grown = new Uint8Array(capacity);
    if (chunk !== undefined) grown.set(chunk);
    return this.#chunks[0] = grown;
  }
}

/** Gives the memory of what was removed back to the budget. */
function release(node: Node): void {
  if (node instanceof Content) node.truncate(0);
  else for (const child of node.values()) release(child);
}
