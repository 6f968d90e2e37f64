/**
 * Names: what the paths of a store lead to, now and on the device. A folder is a thing of its own, as on a disk: one that
 * was renamed takes its content along, and another of its old name has none of it.
 *
 * A name is durable once its folder was synced. As with file systems that write their journal in order, a folder that
 * was synced is itself reachable after a power loss.
 */
import type { Inode } from "./inode.ts";
import { splitPath } from "../storage/backends/path.ts";

type Node = Inode | Folder;

export class Folder {
  readonly live = new Map<string, Node>();
  readonly durable = new Map<string, Node>();
  /** The moment each name was last made durable: an older sync that lands later changes nothing there. */
  readonly #asOf = new Map<string, number>();

  /** The names as they were at that moment are durable. */
  synced(seen: ReadonlyMap<string, Node>, moment: number): void {
    for (const name of new Set([...this.durable.keys(), ...seen.keys()])) {
      this.nameSynced(name, seen.get(name), moment);
    }
  }

  nameSynced(name: string, node: Node | undefined, moment: number): void {
    if ((this.#asOf.get(name) ?? 0) > moment) return;
    this.#asOf.set(name, moment);
    if (node === undefined) this.durable.delete(name);
    else this.durable.set(name, node);
  }
}

export class Names {
  readonly #root = new Folder();
  #moment = 0;

  /** Counts up; what is seen now is newer than everything before. */
  nextMoment(): number {
    return ++this.#moment;
  }

  folder(path: string): Folder | undefined {
    const node = this.#find(path);
    return node instanceof Folder ? node : undefined;
  }

  file(path: string): Inode | undefined {
    const node = this.#find(path);
    return node instanceof Folder ? undefined : node;
  }

  makeFolder(path: string): void {
    let at = this.#root;
    for (const part of splitPath(path)) {
      let next = at.live.get(part);
      if (!(next instanceof Folder)) at.live.set(part, next = new Folder());
      at = next;
    }
  }

  set(path: string, inode: Inode): void {
    const [folder, name] = this.#place(path);
    folder.live.set(name, inode);
  }

  rename(from: string, to: string): void {
    const [fromFolder, fromName] = this.#place(from), [toFolder, toName] = this.#place(to);
    const node = fromFolder.live.get(fromName)!;
    fromFolder.live.delete(fromName);
    toFolder.live.set(toName, node);
  }

  remove(path: string): void {
    const parts = splitPath(path), name = parts.pop()!;
    this.folder(parts.join("/"))?.live.delete(name);
  }

  /** The file of this name is durable, and so is the way to it. */
  fileSynced(path: string): void {
    const [folder, name] = this.#place(path);
    folder.nameSynced(name, folder.live.get(name), this.nextMoment());
    this.reachable(splitPath(path).slice(0, -1));
  }

  /** The folders on the way are there after a power loss; where another one is on the device, all names beside it are too. */
  reachable(parts: readonly string[]): void {
    let at = this.#root;
    for (const part of parts) {
      const next = at.live.get(part);
      if (!(next instanceof Folder)) return;
      const known = at.durable.get(part);
      if (known === undefined) at.nameSynced(part, next, this.nextMoment());
      else if (known !== next) at.synced(new Map(at.live), this.nextMoment());
      at = next;
    }
  }

  /** Everything that is there now is on the device. */
  allSynced(folder = this.#root): void {
    folder.synced(new Map(folder.live), this.nextMoment());
    for (const node of folder.live.values()) if (node instanceof Folder) this.allSynced(node);
  }

  /** Files by path, as everybody sees them or as they are on the device; those in or at `path`. */
  *files(which: "live" | "durable", path = ""): Generator<[string, Inode]> {
    const node = path === "" ? this.#root : this.#find(path);
    if (node instanceof Folder) yield* filesIn(node, path, which);
    else if (node !== undefined) yield [path, node];
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const part of splitPath(path)) {
      if (!(at instanceof Folder)) return undefined;
      at = at.live.get(part);
    }
    return at;
  }

  #place(path: string): [Folder, string] {
    const parts = splitPath(path), name = parts.pop()!;
    const folder = this.folder(parts.join("/"));
    if (folder === undefined) throw new Error(`${path} has no folder`);
    return [folder, name];
  }
}

function* filesIn(
  folder: Folder,
  path: string,
  which: "live" | "durable",
): Generator<[string, Inode]> {
  for (const [name, node] of folder[which]) {
    const inside = path === "" ? name : `${path}/${name}`;
    if (node instanceof Folder) yield* filesIn(node, inside, which);
    else yield [inside, node];
  }
}
