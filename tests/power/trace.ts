/**
 * Trace: what a process did to its data directory, as recorder.c wrote it down; and Disk, which does it again and knows
 * what of it was on the device at any point: what a sync that had ended covers. From a Disk any state can be made that a
 * power loss at that point may leave.
 */

/** One thing that was done. `at` is its index in the trace. */
export type Event =
  | { kind: "open"; fd: number; flags: number; path: string }
  | { kind: "close"; fd: number }
  | { kind: "dup"; fd: number; to: number }
  | { kind: "write"; fd: number; position: number; bytes: Uint8Array }
  | { kind: "truncate"; fd: number; length: number }
  | { kind: "syncBegins"; fd: number; id: number }
  | { kind: "syncEnds"; fd: number; id: number }
  /** null: outside of the directory. */
  | { kind: "rename" | "link"; from: string | null; to: string | null }
  | { kind: "unlink" | "rmdir" | "mkdir"; path: string }
  | { kind: "send"; fd: number };

export interface Trace {
  readonly events: Event[];
  /** When each was, ms since 1970. */
  readonly timesMs: number[];
}

const text = new TextDecoder();

export function readTrace(bytes: Uint8Array): Trace {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const events: Event[] = [], timesMs: number[] = [];
  for (let at = 0; at + 33 <= bytes.length;) {
    const kind = String.fromCharCode(bytes[at]);
    const a = Number(view.getBigInt64(at + 9, true)), b = Number(view.getBigInt64(at + 17, true));
    const xl = view.getUint32(at + 25, true), yl = view.getUint32(at + 29, true);
    const from = at + 33, to = from + xl + yl;
    if (to > bytes.length) break; // killed while it wrote
    const x = bytes.subarray(from, from + xl), y = bytes.subarray(from + xl, to);
    const event = eventOf(kind, a, b, x, y);
    if (event !== null) {
      events.push(event);
      timesMs.push(Number(view.getBigInt64(at + 1, true) / 1000n) / 1000);
    }
    at = to;
  }
  return { events, timesMs };
}

function eventOf(kind: string, a: number, b: number, x: Uint8Array, y: Uint8Array): Event | null {
  switch (kind) {
    case "O":
      return { kind: "open", fd: a, flags: b, path: text.decode(x) };
    case "C":
      return { kind: "close", fd: a };
    case "P":
      return { kind: "dup", fd: a, to: b };
    case "W":
      return { kind: "write", fd: a, position: b, bytes: x };
    case "T":
      return { kind: "truncate", fd: a, length: b };
    case "F":
      return { kind: "syncBegins", fd: a, id: b };
    case "f":
      return { kind: "syncEnds", fd: a, id: b };
    case "R":
    case "L": {
      const from = a ? text.decode(x) : null, to = b ? text.decode(y) : null;
      return { kind: kind === "R" ? "rename" : "link", from, to };
    }
    case "U":
      return { kind: "unlink", path: text.decode(x) };
    case "D":
      return { kind: "rmdir", path: text.decode(x) };
    case "M":
      return { kind: "mkdir", path: text.decode(x) };
    case "S":
      return { kind: "send", fd: a };
  }
  throw new Error(`The trace has an entry of kind ${kind}`);
}

const O_CREAT = 0o100, O_TRUNC = 0o1000;

/** A change of a file that no sync has covered yet. */
type Change = { position: number; bytes: Uint8Array } | { length: number };

class Content {
  bytes = new Uint8Array(0);
  size = 0;

  copy(): Content {
    const copy = new Content();
    copy.bytes = this.bytes.slice(0, this.size);
    copy.size = this.size;
    return copy;
  }

  apply(change: Change): void {
    if ("length" in change) {
      if (change.length < this.size) this.bytes.fill(0, change.length, this.size);
      this.#reach(change.length);
      this.size = change.length;
    } else this.put(change.position, change.bytes);
  }

  put(position: number, bytes: Uint8Array): void {
    this.#reach(position + bytes.length);
    this.bytes.set(bytes, position);
    this.size = Math.max(this.size, position + bytes.length);
  }

  extend(size: number): void {
    this.#reach(size);
    this.size = Math.max(this.size, size);
  }

  #reach(size: number): void {
    if (size <= this.bytes.length) return;
    const more = new Uint8Array(Math.max(size, 2 * this.bytes.length));
    more.set(this.bytes.subarray(0, this.size));
    this.bytes = more;
  }

  get(): Uint8Array {
    return this.bytes.subarray(0, this.size);
  }
}

class Node {
  readonly isFolder: boolean;
  readonly durable = new Content();
  pending: { change: Change; at: number }[] = [];

  constructor(isFolder: boolean) {
    this.isFolder = isFolder;
  }

  now(): Content {
    const content = this.durable.copy();
    for (const { change } of this.pending) content.apply(change);
    return content;
  }
}

/** A change of names: these are set, or go. */
interface Naming {
  readonly at: number;
  readonly sets: { path: string; node: Node | null }[];
  /** A folder that moved takes along what lies in it. */
  readonly moved?: { from: string; to: string };
  /** Folders whose sync has it on the device. */
  readonly folders: string[];
}

type Names = Map<string, Node>;

function apply(names: Names, { sets, moved }: Naming): void {
  if (moved) {
    for (const path of [...names.keys()]) {
      if (!path.startsWith(moved.from + "/")) continue;
      names.set(moved.to + path.slice(moved.from.length), names.get(path)!);
      names.delete(path);
    }
  }
  for (const { path, node } of sets) {
    if (node === null) names.delete(path);
    else names.set(path, node);
  }
}

export const folderOf = (path: string): string =>
  path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";

/** What a power loss may do with what was not synced. */
export interface Loss {
  readonly name: string;
  /** Whether a sync of anything has all names on the device that came before, as the journal of ext4 and xfs does. */
  readonly namesInOrder: boolean;
  /** How likely each name is kept; in order, how many of them. */
  readonly names: number;
  /** How likely each piece of a write is kept; "prefix": some first writes of each file, the next one torn. */
  readonly data: number | "prefix";
  /** Whether a file may be as long as it was while its bytes are zeros. */
  readonly zeros: boolean;
  /** Size of a piece. */
  readonly piece: number;
}

export class Disk {
  /** As the process sees them. */
  readonly names: Names = new Map();
  readonly #durableNames: Names = new Map();
  #pendingNames: Naming[] = [];
  readonly #fds = new Map<number, { node: Node; path: string }>();
  readonly #syncs = new Map<number, { node: Node; path: string; at: number }>();
  /** Whether names are as durable as in a file system that journals them in order. */
  readonly #inOrder: boolean;
  at = 0;

  constructor(files: ReadonlyMap<string, Uint8Array | null>, namesInOrder: boolean) {
    this.#inOrder = namesInOrder;
    this.names.set("", new Node(true));
    for (const [path, bytes] of files) {
      const node = new Node(bytes === null);
      if (bytes !== null) node.durable.put(0, bytes);
      this.names.set(path, node);
    }
    for (const [path, node] of this.names) this.#durableNames.set(path, node);
  }

  /** The next event of the trace. */
  do(event: Event): void {
    const at = this.at++;
    switch (event.kind) {
      case "open": {
        let node = this.names.get(event.path);
        if (node === undefined) {
          if (!(event.flags & O_CREAT)) {
            throw new Error(`${event.path} was opened, and is not there`);
          }
          node = new Node(false);
          this.#name({ at, sets: [{ path: event.path, node }], folders: [folderOf(event.path)] });
        } else if (event.flags & O_TRUNC) node.pending.push({ at, change: { length: 0 } });
        this.#fds.set(event.fd, { node, path: event.path });
        return;
      }
      case "close":
        this.#fds.delete(event.fd);
        return;
      case "dup":
        this.#fds.set(event.to, this.#fds.get(event.fd)!);
        return;
      case "write": {
        const { position, bytes } = event;
        this.#fds.get(event.fd)!.node.pending.push({ at, change: { position, bytes } });
        return;
      }
      case "truncate":
        this.#fds.get(event.fd)!.node.pending.push({ at, change: { length: event.length } });
        return;
      case "syncBegins":
        this.#syncs.set(event.id, { ...this.#fds.get(event.fd)!, at });
        return;
      case "syncEnds": {
        const sync = this.#syncs.get(event.id)!;
        this.#syncs.delete(event.id);
        this.#synced(sync.node, sync.path, sync.at);
        return;
      }
      case "rename": {
        const { from, to } = event;
        const node = from === null ? undefined : this.names.get(from);
        if (node === undefined || from === null || to === null) {
          throw new Error(`rename of ${from}`);
        }
        const sets = [{ path: from, node: null }, { path: to, node }];
        const moved = node.isFolder ? { from, to } : undefined;
        this.#name({ at, sets, moved, folders: [folderOf(from), folderOf(to)] });
        return;
      }
      case "link": {
        const { from, to } = event;
        if (from === null || to === null) throw new Error(`link of ${from}`);
        const node = this.names.get(from)!;
        this.#name({ at, sets: [{ path: to, node }], folders: [folderOf(to)] });
        return;
      }
      case "mkdir":
        this.#name({
          at,
          sets: [{ path: event.path, node: new Node(true) }],
          folders: [folderOf(event.path)],
        });
        return;
      case "unlink":
      case "rmdir":
        this.#name({
          at,
          sets: [{ path: event.path, node: null }],
          folders: [folderOf(event.path)],
        });
        return;
    }
  }

  #name(naming: Naming): void {
    apply(this.names, naming);
    this.#pendingNames.push(naming);
  }

  #synced(node: Node, path: string, before: number): void {
    const covered = node.pending.filter(({ at }) => at < before);
    for (const { change } of covered) node.durable.apply(change);
    node.pending = node.pending.filter(({ at }) => at >= before);
    const isCovered = ({ at, folders }: Naming) =>
      at < before && (this.#inOrder || node.isFolder && folders.includes(path));
    for (const naming of this.#pendingNames) {
      if (isCovered(naming)) apply(this.#durableNames, naming);
    }
    this.#pendingNames = this.#pendingNames.filter((naming) => !isCovered(naming));
  }

  /** Files with their bytes, folders with null, as the process sees them. */
  files(): Map<string, Uint8Array | null> {
    const files = new Map<string, Uint8Array | null>();
    for (const [path, node] of this.names) {
      if (path !== "") files.set(path, node.isFolder ? null : node.now().get());
    }
    return files;
  }

  /** What is left of it by a power loss now. `random`: below 1. */
  lose(loss: Loss, random: () => number): Map<string, Uint8Array | null> {
    const names = new Map(this.#durableNames);
    if (loss.namesInOrder) {
      const n = loss.names === 1
        ? this.#pendingNames.length
        : loss.names === 0
        ? 0
        : Math.floor(random() * (this.#pendingNames.length + 1));
      for (const naming of this.#pendingNames.slice(0, n)) apply(names, naming);
    } else {
      // Each folder's in order: how many of each.
      const cut = new Set<string>();
      for (const naming of this.#pendingNames) {
        if (naming.folders.some((folder) => cut.has(folder)) || random() >= loss.names) {
          for (const folder of naming.folders) cut.add(folder);
        } else apply(names, naming);
      }
    }
    const files = new Map<string, Uint8Array | null>(), kept = new Map<Node, Uint8Array>();
    for (const [path, node] of names) {
      if (path === "" || !isThere(names, path)) continue;
      if (node.isFolder) files.set(path, null);
      else {
        let bytes = kept.get(node);
        if (bytes === undefined) kept.set(node, bytes = this.#remains(node, loss, random));
        files.set(path, bytes);
      }
    }
    return files;
  }

  #remains(node: Node, { data, zeros, piece }: Loss, random: () => number): Uint8Array {
    const content = node.durable.copy();
    if (data === "prefix") {
      const n = Math.floor(random() * (node.pending.length + 1));
      for (const { change } of node.pending.slice(0, n)) content.apply(change);
      const torn = node.pending[n]?.change;
      if (torn !== undefined && "bytes" in torn) {
        const end = torn.position + Math.floor(random() * torn.bytes.length);
        const cut = end - end % piece;
        if (cut > torn.position) {
          content.put(torn.position, torn.bytes.subarray(0, cut - torn.position));
        }
      }
      return content.get().slice();
    }
    for (const { change } of node.pending) {
      if ("length" in change) {
        if (data === 1 || random() < data) content.apply(change);
        continue;
      }
      const { position, bytes } = change;
      for (let from = 0; from < bytes.length;) {
        const to = Math.min(bytes.length, from + piece - (position + from) % piece);
        if (data === 1 || random() < data) content.put(position + from, bytes.subarray(from, to));
        from = to;
      }
      if (zeros && random() < 0.5) content.extend(position + bytes.length);
    }
    return content.get().slice();
  }
}

function isThere(names: Names, path: string): boolean {
  for (let at = folderOf(path); at !== ""; at = folderOf(at)) {
    if (!names.get(at)?.isFolder) return false;
  }
  return true;
}
