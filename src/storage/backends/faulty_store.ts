/**
 * FaultyStore: wraps a Store, fails what it is told to fail, and knows what a power loss would leave.
 *
 * Faults are set one by one with fail(): "the 3rd append from now, with no space left, half of it written".
 * crash() answers with a MemoryStore as a disk might look after the power went: bytes synced and names whose
 * folder was synced are there; of everything else the chosen part.
 */
import { InPlaceOverBlob } from "./in_place_blob.ts";
import { type Blob, type InPlaceBlob, type Store, type StoreEntry, StoreError } from "../store.ts";
import { MemoryStore } from "./memory_store.ts";
import { folderOf, splitPath } from "./path.ts";

export type Operation =
  | "open"
  | "append"
  | "sync"
  | "read"
  | "truncate"
  | "replace"
  | "rename"
  | "remove"
  | "syncFolder";

export interface Fault {
  readonly on: Operation;
  /** 1 is the next call of this kind (to a path that ends so). */
  readonly nth?: number;
  readonly pathEndsWith?: string;
  /**
   * - "error": throws, and nothing happened.
   * - "torn": append only: half of the bytes stay behind the size, then it throws, and so does cutting them off.
   * - "lie": sync, syncFolder and replace only: reports success, and a crash loses it.
   */
  readonly how?: "error" | "torn" | "lie";
  readonly kind?: StoreError["kind"];
  /** Goes on failing instead of failing once. */
  readonly forever?: boolean;
}

export interface CrashOptions {
  /**
   * What becomes of bytes not synced: lost, kept, cut anywhere, or (as file systems do that write the size before
   * the data) the length kept and the content zero.
   */
  readonly unsynced: "lost" | "kept" | "torn" | "zeros";
  /** What becomes of creations, renames and removals whose folder was not synced. */
  readonly names?: "lost" | "kept";
  /** From 0 to below 1; seeded by the test, so that a failure can be replayed. */
  readonly random?: () => number;
}

/** What a path names: content that outlives renames. */
interface Inode {
  /** Bytes that survive a crash. */
  syncedBytes: number;
  /** Syncs at work, with what each makes durable: nothing that is written after it began. */
  readonly syncs: Set<{ bytes: number }>;
  /** The content, once no live path leads to it any more. */
  ghost: Uint8Array | null;
}

const newInode = (syncedBytes: number): Inode => ({ syncedBytes, syncs: new Set(), ghost: null });

export class FaultyStore implements Store {
  readonly name: string;
  readonly #inner: Store;
  readonly #faults: { fault: Fault; left: number }[] = [];
  /** What each path names now, and what it names on the disk. */
  readonly #live = new Map<string, Inode>();
  #durable = new Map<string, Inode>();
  /** Calls seen, by operation, for tests that count. */
  readonly calls = new Map<Operation, number>();

  constructor(inner: Store) {
    this.#inner = inner;
    this.name = `faulty ${inner.name}`;
    this.#remember("");
    this.#durable = new Map(this.#live);
  }

  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.nth ?? 1 });
  }

  /** Takes back every fault not yet used. */
  heal(): void {
    this.#faults.length = 0;
  }

  /** What is left when the power goes now. This store goes on unharmed. */
  async crash(options: CrashOptions): Promise<MemoryStore> {
    const disk = new MemoryStore();
    const names = options.names === "kept" ? this.#live : this.#durable;
    // Folders are made durable by syncing their parent; a durable file implies them, so that is all a test can see.
    for (const [path, inode] of names) {
      const content = inode.ghost ?? this.#inner.readAll(this.#livePath(inode)) ??
        new Uint8Array(0);
      disk.makeFolder(folderOf(path));
      await disk.replace(
        path,
        survivingBytes(content, Math.min(inode.syncedBytes, content.length), options),
      );
    }
    return disk;
  }

  list(folder: string): StoreEntry[] {
    return this.#inner.list(folder);
  }

  makeFolder(folder: string): void {
    this.#inner.makeFolder(folder);
  }

  open(path: string): Blob {
    this.strike("open", path);
    const blob = this.#inner.open(path);
    let inode = this.#live.get(path);
    if (inode === undefined) this.#live.set(path, inode = newInode(0));
    return new FaultyBlob(blob, inode, this);
  }

  openInPlace(path: string): InPlaceBlob {
    return new InPlaceOverBlob(this.open(path));
  }

  readAll(path: string): Uint8Array | null {
    this.strike("read", path);
    return this.#inner.readAll(path);
  }

  async replace(path: string, content: Uint8Array): Promise<void> {
    const lie = this.strike("replace", path) === "lie";
    const replaced = this.#live.get(path);
    if (replaced !== undefined) replaced.ghost = this.#inner.readAll(path);
    const inode = newInode(content.length);
    this.#live.set(path, inode);
    try {
      await this.#inner.replace(path, content);
    } catch (e) {
      if (this.#live.get(path) === inode) this.#restore(path, replaced);
      throw e;
    }
    if (!lie) this.#durable.set(path, inode);
  }

  rename(from: string, to: string): void {
    this.strike("rename", from);
    const overwritten = this.#live.get(to);
    const ghost = overwritten === undefined ? null : this.#inner.readAll(to);
    this.#inner.rename(from, to);
    if (overwritten !== undefined) overwritten.ghost = ghost;
    for (const [path, inode] of [...this.#live]) {
      if (!isInside(path, from)) continue;
      this.#live.delete(path);
      this.#live.set(to + path.slice(from.length), inode);
    }
  }

  remove(path: string): void {
    this.strike("remove", path);
    for (const [name, inode] of [...this.#live]) {
      if (!isInside(name, path)) continue;
      inode.ghost = this.#inner.readAll(name);
      this.#live.delete(name);
    }
    this.#inner.remove(path);
  }

  async removeAsync(path: string): Promise<void> {
    this.remove(path);
  }

  async syncFolder(folder: string): Promise<void> {
    const lie = this.strike("syncFolder", folder) === "lie";
    await this.#inner.syncFolder(folder);
    if (lie) return;
    // A renamed sub-folder takes its content along, so everything below counts, not the direct children alone.
    for (const path of [...this.#durable.keys()]) {
      if (isInside(path, folder) && !this.#live.has(path)) this.#durable.delete(path);
    }
    for (const [path, inode] of this.#live) {
      if (folderOf(path) === folder || isInside(path, folder) && this.#wasDurable(inode)) {
        this.#durable.set(path, inode);
      }
    }
  }

  freeBytes(): number {
    return this.#inner.freeBytes();
  }

  close(): void {
    this.#inner.close();
  }

  /** Counts a call; throws, or tells how to misbehave, when a fault is due. */
  strike(on: Operation, path: string): Fault["how"] | null {
    this.calls.set(on, (this.calls.get(on) ?? 0) + 1);
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (
        fault.on !== on || fault.pathEndsWith !== undefined && !path.endsWith(fault.pathEndsWith)
      ) continue;
      if (entry.left > 1) {
        entry.left--;
        continue;
      }
      if (!fault.forever) this.#faults.splice(this.#faults.indexOf(entry), 1);
      if (fault.how === "lie" || fault.how === "torn") return fault.how;
      throw injected(on, path, fault.kind);
    }
    return null;
  }

  #wasDurable(inode: Inode): boolean {
    for (const known of this.#durable.values()) if (known === inode) return true;
    return false;
  }

  #livePath(inode: Inode): string {
    for (const [path, known] of this.#live) if (known === inode) return path;
    throw new Error("An inode without a live path needs its ghost");
  }

  #restore(path: string, replaced: Inode | undefined): void {
    if (replaced === undefined) return void this.#live.delete(path);
    replaced.ghost = null;
    this.#live.set(path, replaced);
  }

  /** Takes what the inner store holds at the start as durable. */
  #remember(folder: string): void {
    for (const entry of this.#inner.list(folder)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isFolder) {
        this.#remember(path);
        continue;
      }
      const blob = this.#inner.open(path);
      this.#live.set(path, newInode(blob.size));
      blob.close();
    }
  }
}

class FaultyBlob implements Blob {
  readonly path: string;
  readonly #inner: Blob;
  readonly #inode: Inode;
  readonly #store: FaultyStore;
  #syncError: StoreError | null = null;
  /** Bytes a torn append left behind the size; cut off before the next append, as FileStore does. */
  #tornBytes = 0;

  constructor(inner: Blob, inode: Inode, store: FaultyStore) {
    this.path = inner.path;
    this.#inner = inner;
    this.#inode = inode;
    this.#store = store;
  }

  get size(): number {
    return this.#inner.size - this.#tornBytes;
  }

  async appendAsync(bytes: Uint8Array): Promise<void> {
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    const how = this.#store.strike("append", this.path);
    if (this.#tornBytes > 0) this.truncate(this.size);
    if (how === "torn") {
      this.#tornBytes = bytes.length >> 1;
      this.#inner.append(bytes.subarray(0, this.#tornBytes));
      throw injected("append", this.path, "noSpace");
    }
    this.#inner.append(bytes);
  }

  async sync(): Promise<void> {
    if (this.#syncError !== null) throw this.#syncError;
    const sync = { bytes: this.size };
    try {
      if (this.#store.strike("sync", this.path) === "lie") return;
    } catch (e) {
      throw this.#syncError = e as StoreError;
    }
    this.#inode.syncs.add(sync);
    await this.#inner.sync();
    this.#inode.syncs.delete(sync);
    this.#inode.syncedBytes = Math.max(this.#inode.syncedBytes, sync.bytes);
  }

  read(position: number, into: Uint8Array): number {
    this.#store.strike("read", this.path);
    return this.#inner.read(position, this.#bounded(position, into));
  }

  async readAsync(position: number, into: Uint8Array): Promise<number> {
    this.#store.strike("read", this.path);
    return await this.#inner.readAsync(position, this.#bounded(position, into));
  }

  truncate(size: number): void {
    this.#store.strike("truncate", this.path);
    this.#inner.truncate(size);
    this.#tornBytes = 0;
    // Taken as durable at once: file systems keep the order of a cut and the bytes written after it.
    this.#inode.syncedBytes = Math.min(this.#inode.syncedBytes, size);
    for (const sync of this.#inode.syncs) sync.bytes = Math.min(sync.bytes, size);
  }

  close(): void {
    this.#inner.close();
  }

  #bounded(position: number, into: Uint8Array): Uint8Array {
    return this.#tornBytes === 0 ? into : into.subarray(0, Math.max(0, this.size - position));
  }
}

/** `path` is `folder` or lies somewhere below it. */
function isInside(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

function survivingBytes(
  content: Uint8Array,
  syncedBytes: number,
  options: CrashOptions,
): Uint8Array {
  const { unsynced, random = () => 0.5 } = options;
  if (unsynced === "kept") return content;
  if (unsynced === "lost") return content.slice(0, syncedBytes);
  const kept = syncedBytes + Math.floor(random() * (content.length - syncedBytes + 1));
  if (unsynced === "torn") return content.slice(0, kept);
  return content.slice().fill(0, kept);
}

function injected(on: Operation, path: string, kind: StoreError["kind"] = "io"): StoreError {
  splitPath(path);
  return new StoreError(`Cannot ${on} ${path}: injected fault`, kind);
}
