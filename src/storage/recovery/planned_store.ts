/**
 * PlannedStore: a store as it would be once something has been done to it. Renames, removals, cuts and small files that
 * are written anew show in what it lists and reads, and nothing is done before carryOut(), which does it in the same
 * order: so what a start would make of a folder can be judged, and told, without it.
 *
 * Of one folder at a time, whose logs nobody else has open. An absent blob that is opened is not made.
 */
import { type Blob, type InPlaceBlob, type Store, type StoreEntry, StoreError } from "../store.ts";

/** A file: the beginning of one that is there, and what was added behind. */
interface Planned {
  /** Where it lies; null when nothing of it is from there. */
  readonly source: string | null;
  /** Bytes of that. */
  readonly kept: number;
  readonly added: Uint8Array;
}

type Step = (store: Store) => void | Promise<void>;

export class PlannedStore implements Store {
  readonly name: string;
  readonly #store: Store;
  /** By path; null where there is nothing any more. */
  readonly #planned = new Map<string, Planned | null>();
  readonly #steps: Step[] = [];
  /** What lies in folders that were asked for, by name: nobody changes them meanwhile, and a start looks often. */
  readonly #there = new Map<string, ReadonlyMap<string, StoreEntry>>();

  constructor(store: Store) {
    this.name = store.name;
    this.#store = store;
  }

  /** Whether there is nothing to be done. */
  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /** Does all of it; afterwards the store is what this one showed. */
  async carryOut(): Promise<void> {
    for (const step of this.#steps.splice(0)) {
      const waiting = step(this.#store);
      if (waiting !== undefined) await waiting;
    }
    this.#planned.clear();
    this.#there.clear();
  }

  list(folder: string): StoreEntry[] {
    const prefix = folder === "" ? "" : `${folder}/`;
    const there = this.#entriesIn(folder);
    if (this.#planned.size === 0) return [...there.values()];
    const found = new Map(there);
    for (const [path, planned] of this.#planned) {
      const name = path.slice(prefix.length);
      if (!path.startsWith(prefix) || name.includes("/")) continue;
      if (planned === null) found.delete(name);
      else found.set(name, { name, isFolder: false });
    }
    return [...found.values()].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  }

  open(path: string): Blob {
    return new PlannedBlob(path, {
      store: this.#store,
      planned: this.#of(path),
      change: (planned, step) => this.#change(path, planned, step),
    });
  }

  readAll(path: string): Uint8Array | null {
    const planned = this.#planned.get(path);
    if (planned === undefined) return this.#store.readAll(path);
    if (planned === null) return null;
    const { source, kept, added } = planned;
    const bytes = source === null ? NOTHING : this.#store.readAll(source) ?? NOTHING;
    return joined(bytes.subarray(0, kept), added);
  }

  rename(from: string, to: string): void {
    const planned = this.#of(from);
    if (planned === null) throw new StoreError(`Cannot rename ${from}: it is not there`, "absent");
    this.#planned.set(from, null);
    this.#change(to, planned, (store) => store.rename(from, to));
  }

  remove(path: string): void {
    if (this.#of(path) !== null) this.#change(path, null, (store) => store.remove(path));
  }

  syncFolder(folder: string): Promise<void> {
    if (!this.isEmpty) this.#steps.push((store) => store.syncFolder(folder));
    return Promise.resolve();
  }

  removeAsync(path: string): Promise<void> {
    this.remove(path);
    return Promise.resolve();
  }

  makeFolder(folder: string): void {
    throw new RangeError(`Cannot plan to make ${folder}`);
  }

  openInPlace(path: string): InPlaceBlob {
    throw new RangeError(`Cannot plan to write ${path} in place`);
  }

  replace(path: string, content: Uint8Array): Promise<void> {
    const planned = { source: null, kept: 0, added: content };
    this.#change(path, planned, (store) => store.replace(path, content));
    return Promise.resolve();
  }

  foldsCase(): boolean {
    return this.#store.foldsCase();
  }

  freeBytes(): number {
    return this.#store.freeBytes();
  }

  /** Nothing: the store is its owner's to close. */
  close(): void {}

  #of(path: string): Planned | null {
    const planned = this.#planned.get(path);
    if (planned !== undefined) return planned;
    const at = path.lastIndexOf("/"), folder = path.slice(0, Math.max(0, at));
    return this.#entriesIn(folder).has(path.slice(at + 1))
      ? { source: path, kept: Infinity, added: NOTHING }
      : null;
  }

  #entriesIn(folder: string): ReadonlyMap<string, StoreEntry> {
    let there = this.#there.get(folder);
    if (there === undefined) {
      there = new Map(this.#store.list(folder).map((entry) => [entry.name, entry]));
      this.#there.set(folder, there);
    }
    return there;
  }

  #change(path: string, planned: Planned | null, step: Step): void {
    this.#planned.set(path, planned);
    this.#steps.push(step);
  }
}

interface PlannedBlobParts {
  readonly store: Store;
  readonly planned: Planned | null;
  readonly change: (planned: Planned, step: Step) => void;
}

class PlannedBlob implements Blob {
  readonly path: string;
  readonly #parts: PlannedBlobParts;
  readonly #source: Blob | null;
  #planned: Planned;

  constructor(path: string, parts: PlannedBlobParts) {
    this.path = path;
    this.#parts = parts;
    this.#planned = parts.planned ?? { source: null, kept: 0, added: NOTHING };
    const { source } = this.#planned;
    this.#source = source === null ? null : parts.store.open(source);
  }

  get size(): number {
    return this.#kept + this.#planned.added.length;
  }

  get #kept(): number {
    return Math.min(this.#planned.kept, this.#source?.size ?? 0);
  }

  read(position: number, into: Uint8Array): number {
    const kept = this.#kept, { added } = this.#planned;
    const length = Math.max(0, Math.min(into.length, this.size - position));
    const own = Math.max(0, Math.min(length, kept - position));
    const read = own === 0 ? 0 : this.#source!.read(position, into.subarray(0, own));
    if (read < own) return read;
    const from = position + own - kept;
    into.set(added.subarray(from, from + length - own), own);
    return length;
  }

  readAsync(position: number, into: Uint8Array): Promise<number> {
    return Promise.resolve(this.read(position, into));
  }

  truncate(size: number): void {
    const kept = Math.min(size, this.#kept);
    const added = this.#planned.added.slice(0, size - kept);
    this.#change({ ...this.#planned, kept, added }, (blob) => blob.truncate(size));
  }

  append(bytes: Uint8Array): void {
    const content = bytes.slice(), added = joined(this.#planned.added, content);
    this.#change({ ...this.#planned, kept: this.#kept, added }, (blob) => blob.append(content));
  }

  appendAsync(bytes: Uint8Array): Promise<void> {
    this.append(bytes);
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#source?.close();
  }

  #change(planned: Planned, how: (blob: Blob) => void): void {
    const { path } = this;
    this.#planned = planned;
    this.#parts.change(planned, (store) => {
      const blob = store.open(path);
      try {
        how(blob);
      } finally {
        blob.close();
      }
    });
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (b.length === 0) return a;
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

const NOTHING = new Uint8Array(0);
