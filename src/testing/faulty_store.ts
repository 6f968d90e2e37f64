/**
 * FaultyStore: wraps a Store, fails what it is told to fail, takes its time, and knows what a power loss would leave.
 *
 * Faults are set one by one with fail(): "the 3rd append from now, with no space left, half of it written".
 * crash() answers with a MemoryStore as a disk might look after the power went: bytes synced and names whose
 * folder was synced are there; of everything else the chosen part. killed() answers with the store that the next process
 * finds after kill -9: everything written is there, and as little of it on the device as before.
 *
 * With a SlowDevice, calls that take a device's time land some turns later: on different files in any order, a sync and
 * a later append of one file too; never two appends of one blob, or two replacements of one path. A crash or a kill meets
 * those on their way: each has done nothing, all or a part.
 */
import {
  type Blob,
  type InPlaceBlob,
  type Store,
  type StoreEntry,
  StoreError,
} from "../storage/store.ts";
import { type Fault, Faults, type Operation, type SetFault } from "./faults.ts";
import { FaultyBlob, type FaultyContext, FaultyInPlaceBlob } from "./faulty_blob.ts";
import { type ContentFate, Inode, withFlying } from "./inode.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { type Folder, Names } from "./names.ts";
import { folderOf, splitPath } from "../storage/backends/path.ts";
import { noPower, type SlowDevice, type SlowOperation } from "./slow_device.ts";

export type { Fault, Operation } from "./faults.ts";

export interface CrashOptions extends ContentFate {
  /**
   * What becomes of creations, renames and removals whose folder was not synced: all gone, all there, or (on a slow
   * device) those up to some moment, as file systems do that write their journal in order.
   */
  readonly names?: "lost" | "kept" | "some";
}

export interface FaultyStoreOptions {
  /** Without one, every call is done when it is made. */
  readonly device?: SlowDevice;
}

/** A replace() or removeAsync() on its way. */
interface Changing {
  readonly path: string;
  /** Where its temporary file lies: another folder of that name does not have it. Undefined before it has begun. */
  folder?: Folder;
  /** What it puts there; null removes. */
  readonly content: Uint8Array | null;
}

export class FaultyStore implements Store, FaultyContext {
  readonly name: string;
  readonly device: SlowDevice | null;
  readonly #inner: Store;
  readonly #faults = new Faults();
  #names = new Names();
  /** On a slow device: what the paths named since the last time a folder was synced, oldest first. */
  #history: ReadonlyMap<string, Inode>[] = [];
  /** How many moments lie before the first of #history. */
  #historyBegan = 0;
  readonly #changing = new Set<Changing>();
  /** The last replace() of a path. */
  readonly #replacing = new Map<string, Promise<void>>();
  #isOff = false;
  /** Calls seen, by operation, for tests that count. */
  readonly calls = new Map<Operation, number>();

  constructor(inner: Store, options: FaultyStoreOptions = {}) {
    this.#inner = inner;
    this.device = options.device ?? null;
    this.name = `faulty ${inner.name}`;
    this.#remember("");
    this.#names.allSynced();
  }

  get isOff(): boolean {
    return this.#isOff;
  }

  /** Sets a fault; what is answered tells whether it struck. */
  fail(fault: Fault): SetFault {
    return this.#faults.set(fault);
  }

  /** Takes back every fault not yet used. */
  heal(): void {
    this.#faults.disarm();
  }

  /** Throws when a fault was set that never struck: `using store = new FaultyStore(…)` does so at its end. */
  assertAllFired(): void {
    this.#faults.assertAllFired();
  }

  [Symbol.dispose](): void {
    this.assertAllFired();
  }

  /** What is left when the power goes now. This store goes on unharmed. */
  async crash(options: CrashOptions): Promise<MemoryStore> {
    const disk = new MemoryStore();
    const livePaths = new Map([...this.#names.files("live")].map(([path, inode]) => [inode, path]));
    // Empty folders are left out: nobody can tell what they were for.
    // All of it as of one moment: the store goes on while the disk is written.
    const left = [...this.#namesAfter(options)].map(([path, inode]): [string, Uint8Array] => {
      const content = inode.ghost ?? this.#inner.readAll(livePaths.get(inode)!)!;
      return [path, inode.survivors(content, options)];
    });
    const changing = [...this.#changing].map((change) => ({
      ...change,
      mayLand: this.#mayLand(change),
    }));
    for (const [path, content] of left) {
      disk.makeFolder(folderOf(path));
      await disk.replace(path, content);
    }
    if (options.names !== "kept" || options.random === undefined) return disk;
    for (const change of changing) {
      const { path, content } = change;
      if (options.random() < 0.5) continue;
      if (content === null) this.#removeSome(path, options.random, disk);
      else if (change.mayLand) {
        disk.makeFolder(folderOf(path));
        await disk.replace(path, content);
      }
    }
    return disk;
  }

  /**
   * Ends this store as kill -9 ends a process, and answers with what the next one opens, on a device of its own. What
   * was on its way has done nothing, all or a part of its work.
   */
  async killed(random: () => number, options: FaultyStoreOptions = {}): Promise<FaultyStore> {
    this.powerOff();
    for (const [path, inode] of this.#names.files("live")) {
      inode.abandonSyncs(random);
      const { writing } = inode;
      if (writing === null) continue;
      inode.writing = null;
      const blob = this.#inner.open(path);
      blob.append(withFlying(new Uint8Array(0), writing, random));
      blob.close();
    }
    const next = new FaultyStore(this.#inner, options);
    next.#names = this.#names;
    next.#history = this.#history;
    next.#historyBegan = this.#historyBegan;
    for (const change of this.#changing) {
      const { path, content } = change;
      if (random() < 0.5) continue;
      if (content === null) next.#removeSome(path, random);
      else if (this.#mayLand(change)) await next.#replaceNow(path, content, true);
    }
    return next;
  }

  /** Nothing is done any more, and whoever waits is told so. */
  powerOff(): void {
    this.#isOff = true;
    this.device?.powerOff();
  }

  list(folder: string): StoreEntry[] {
    this.#refuseOff("list", folder);
    return this.#inner.list(folder);
  }

  makeFolder(folder: string): void {
    this.#refuseOff("makeFolder", folder);
    this.#inner.makeFolder(folder);
    this.#names.makeFolder(folder);
  }

  open(path: string): Blob {
    const [blob, inode] = this.#open(path);
    return new FaultyBlob(blob, inode, this);
  }

  openInPlace(path: string): InPlaceBlob {
    const [blob, inode] = this.#open(path);
    return new FaultyInPlaceBlob(blob, this.#inner.openInPlace(path), inode, this);
  }

  readAll(path: string): Uint8Array | null {
    this.strike("read", path);
    return this.#inner.readAll(path);
  }

  replace(path: string, content: Uint8Array): Promise<void> {
    let isLie: boolean;
    try {
      isLie = this.strike("replace", path) === "lie";
    } catch (error) {
      return this.#slowly("replace", path, () => Promise.reject(error));
    }
    if (this.device === null) return this.#replaceNow(path, content, !isLie);
    const change: Changing = { path, content };
    this.#changing.add(change);
    const before = this.#replacing.get(path) ?? Promise.resolve();
    const done = before.catch(() => {}).then(() => {
      change.folder = this.#names.folder(folderOf(path));
      return this.#slowly("replace", path, () => {
        this.#changing.delete(change);
        if (!this.#mayLand(change)) throw absent(path);
        return this.#replaceNow(path, content, !isLie);
      });
    });
    this.#replacing.set(path, done);
    return done;
  }

  rename(from: string, to: string): void {
    this.strike("rename", from);
    const overwritten = this.#names.file(to);
    const ghost = overwritten === undefined ? null : this.#inner.readAll(to);
    this.#inner.rename(from, to);
    if (overwritten !== undefined) overwritten.ghost = ghost;
    this.#names.rename(from, to);
    this.#namesChanged();
  }

  remove(path: string): void {
    this.strike("remove", path);
    this.#removeNow(path);
  }

  async removeAsync(path: string): Promise<void> {
    const strike = () => this.strike("remove", path);
    if (this.device === null) {
      strike();
      return this.#removeNow(path);
    }
    const change = { path, content: null };
    this.#changing.add(change);
    await this.#slowly("remove", path, async () => {
      this.#changing.delete(change);
      strike();
      this.#removeNow(path);
    });
  }

  async syncFolder(folder: string): Promise<void> {
    let isLie: boolean;
    try {
      isLie = this.strike("syncFolder", folder) === "lie";
    } catch (error) {
      return await this.#slowly("syncFolder", folder, () => Promise.reject(error));
    }
    const synced = this.#names.folder(folder), moment = this.#names.nextMoment();
    const seen = new Map(synced?.live), parts = splitPath(folder);
    const history = this.#historyBegan + this.#history.length;
    await this.#slowly("syncFolder", folder, async () => {
      await this.#inner.syncFolder(folder);
      if (isLie) return;
      synced?.synced(seen, moment);
      if (this.#names.folder(folder) === synced) this.#names.reachable(parts);
      this.#forgetHistory(history - 1); // as it was when the sync began is the least that is left
    });
  }

  foldsCase(): boolean {
    return this.#inner.foldsCase();
  }

  freeBytes(): number {
    return this.#inner.freeBytes();
  }

  close(): void {
    this.#inner.close();
  }

  /** Counts a call; throws, or tells how to misbehave, when a fault is due. */
  strike(on: Operation, path: string): Fault["how"] | null {
    this.#refuseOff(on, path);
    this.calls.set(on, (this.calls.get(on) ?? 0) + 1);
    return this.#faults.strike(on, path);
  }

  #refuseOff(on: string, path: string): void {
    if (this.#isOff) throw noPower(on, path);
  }

  /** Does it now, or, on a slow device, when the call lands. */
  async #slowly(on: SlowOperation, path: string, land: () => Promise<void>): Promise<void> {
    if (this.device === null) return await land();
    await this.device.begin(on, path, land);
  }

  #open(path: string): [Blob, Inode] {
    this.strike("open", path);
    const blob = this.#inner.open(path);
    let inode = this.#names.file(path);
    if (inode === undefined) {
      this.#names.set(path, inode = new Inode(0));
      this.#namesChanged();
    }
    return [blob, inode];
  }

  async #replaceNow(path: string, content: Uint8Array, isDurable: boolean): Promise<void> {
    const replaced = this.#names.file(path), old = this.#inner.readAll(path);
    await this.#inner.replace(path, content);
    if (replaced !== undefined) replaced.ghost = old;
    this.#names.set(path, new Inode(content.length));
    this.#namesChanged();
    if (!isDurable) return;
    this.#names.fileSynced(path);
    this.#forgetHistory(this.#historyBegan + this.#history.length - 1); // its folder was synced
  }

  #removeNow(path: string): void {
    for (const [name, inode] of this.#names.files("live", path)) {
      inode.ghost = this.#inner.readAll(name);
    }
    this.#inner.remove(path);
    this.#names.remove(path);
    this.#namesChanged();
  }

  #namesChanged(): void {
    if (this.device === null) return;
    this.#history.push(new Map(this.#names.files("live")));
    this.#forgetHistory(this.#historyBegan + this.#history.length - MAX_HISTORY);
  }

  /** The names as they were before that moment cannot come back. */
  #forgetHistory(before: number): void {
    const count = before - this.#historyBegan;
    if (count <= 0) return;
    this.#history.splice(0, count);
    this.#historyBegan += count;
  }

  #mayLand({ path, folder }: Changing): boolean {
    return folder !== undefined && this.#names.folder(folderOf(path)) === folder;
  }

  /** A removal was cut off: some of it is done, in `disk` or here. */
  #removeSome(path: string, random: () => number, disk?: Store): void {
    for (const [name] of [...this.#names.files("live", path)]) {
      if (random() < 0.5) continue;
      if (disk === undefined) this.#removeNow(name);
      else disk.remove(name);
    }
  }

  #namesAfter({ names = "lost", random = () => 0.5 }: CrashOptions): Iterable<[string, Inode]> {
    if (names === "kept") return this.#names.files("live");
    if (names === "lost" || this.#history.length === 0) return this.#names.files("durable");
    return this.#history[Math.floor(random() * this.#history.length)];
  }

  /** Takes what the inner store holds at the start as durable. */
  #remember(folder: string): void {
    for (const entry of this.#inner.list(folder)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isFolder) {
        this.#names.makeFolder(path);
        this.#remember(path);
        continue;
      }
      const blob = this.#inner.open(path);
      this.#names.set(path, new Inode(blob.size));
      blob.close();
    }
  }
}

function absent(path: string): StoreError {
  return new StoreError(`Cannot replace ${path}: its folder is another one now`, "absent");
}

/** So many moments are told apart; what was named before counts as durable, as after the seconds that file systems wait. */
const MAX_HISTORY = 64;
