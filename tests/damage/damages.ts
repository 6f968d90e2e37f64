/**
 * Damages: every file of the directory damaged in every way, and what can befall folders and names.
 */
import * as batch from "../../src/protocol/records/batch.ts";
import { Random } from "../random.ts";
import { PARTITIONS } from "./contents.ts";
import { folderOf, nameOf, type Tree } from "./tree.ts";

export interface Damage {
  /** "plain-0/….log: cut by 17" */
  readonly name: string;
  /** For the table: "segment", "index", … */
  readonly kind: string;
  /** For the table: "removed", "bit flipped", … */
  readonly how: string;
  readonly paths: readonly string[];
  /** The partitions that may be offline for it. */
  readonly partitions: readonly string[];
  apply(tree: Map<string, Uint8Array | null>): void;
  /** What a tree cannot say. */
  onDisk?(path: string): void;
}

const FOLDERS = PARTITIONS.map(([topic, partition]) => `${topic}-${partition}`);

/** All damages of a directory. The same for the same directory. */
export function damagesOf(tree: Tree): Damage[] {
  return [...ofFiles(tree), ...ofFolders(tree), ...ofNames(tree), ...ofLock()];
}

export function kindOf(path: string): string {
  const name = nameOf(path), folder = folderOf(path);
  if (folder.endsWith("-delete")) return "deleted topic's file";
  if (folder === "__cluster_metadata-0") {
    if (name.endsWith(".log")) return "metadata log";
    if (name.endsWith(".checkpoint")) return "metadata snapshot";
    if (name === "quorum-state") return "quorum-state";
    return "metadata log's small file";
  }
  if (folder === "") return name;
  const extension = /\.(log|index|timeindex|txnindex|snapshot)$/.exec(name)?.[1];
  if (extension === "log") return folder.startsWith("__") ? "offsets .log" : "topic's .log";
  return extension === undefined ? name : `.${extension}`;
}

function* ofFiles(tree: Tree): Generator<Damage> {
  for (const [path, bytes] of tree) {
    if (bytes === null) continue;
    const partition = folderOf(path);
    const partitions = FOLDERS.includes(partition) ? [partition] : [];
    const one = { kind: kindOf(path), paths: [path], partitions };
    const changed = (
      how: string,
      change: (bytes: Uint8Array) => Uint8Array,
      kind = how,
    ): Damage => ({
      ...one,
      name: `${path}: ${how}`,
      how: kind,
      apply: (tree) => tree.set(path, change(bytes)),
    });
    yield { ...one, name: `${path}: removed`, how: "removed", apply: (tree) => tree.delete(path) };
    const garbage = new Random(bytes.length + path.length);
    const random = Uint8Array.from({ length: 100 }, () => garbage.below(256));
    yield changed("random bytes appended", (bytes) => joinedOf(bytes, random));
    yield changed("zeros appended", (bytes) => joinedOf(bytes, new Uint8Array(100)));
    if (bytes.length > 0) {
      yield changed("emptied", () => new Uint8Array());
      yield changed("cut by 1", (bytes) => bytes.slice(0, -1));
      if (bytes.length > 17) yield changed("cut by 17", (bytes) => bytes.slice(0, -17));
      yield changed("cut to half", (bytes) => bytes.slice(0, bytes.length >> 1));
      yield changed("its beginning appended", (bytes) => joinedOf(bytes, beginningOf(path, bytes)));
      for (const at of placesIn(path, bytes)) {
        const bit = garbage.below(8);
        yield changed(`bit ${bit} of byte ${at} flipped`, (bytes) => {
          const flipped = bytes.slice();
          flipped[at] ^= 1 << bit;
          return flipped;
        }, "one bit flipped");
      }
    }
    const other = neighbourOf(path, tree);
    if (other === null) continue;
    yield {
      ...one,
      name: `${path}: swapped with ${other}`,
      how: "swapped",
      paths: [path, other],
      partitions: FOLDERS.filter((folder) => [path, other].map(folderOf).includes(folder)),
      apply: (tree) => {
        const theirs = tree.get(other)!;
        tree.set(other, bytes);
        tree.set(path, theirs);
      },
    };
  }
}

/** Eight places: in a log the header's fields of the first and the last batch, elsewhere spread. */
function placesIn(path: string, bytes: Uint8Array): number[] {
  const spread = Array.from({ length: 8 }, (_, i) => Math.floor(i * (bytes.length - 1) / 7));
  if (!path.endsWith(".log") || bytes.length < batch.BATCH_OVERHEAD) return [...new Set(spread)];
  const lastAt = [...batch.batches(bytes)].at(-1)!;
  const [BASE_OFFSET, BATCH_LENGTH, EPOCH, ATTRIBUTES, LAST_OFFSET, PRODUCER] = [
    6,
    10,
    15,
    22,
    26,
    50,
  ];
  return [
    ...new Set([
      0,
      lastAt + BASE_OFFSET,
      BATCH_LENGTH,
      lastAt + EPOCH,
      ATTRIBUTES,
      lastAt + LAST_OFFSET,
      lastAt + PRODUCER,
      bytes.length >> 1,
      bytes.length - 1,
    ]),
  ];
}

function beginningOf(path: string, bytes: Uint8Array): Uint8Array {
  const isLog = path.endsWith(".log") && bytes.length >= batch.BATCH_OVERHEAD;
  return bytes.slice(0, isLog ? batch.sizeInBytes(bytes) : Math.min(16, bytes.length));
}

/** The next file of the same kind that differs: of the next segment, or the next partition. */
function neighbourOf(path: string, tree: Tree): string | null {
  const kind = folderOf(path) === "" && path.endsWith("-checkpoint") ? "root checkpoint" : null;
  const kindHere = (path: string) =>
    kind !== null && folderOf(path) === "" && path.endsWith("-checkpoint") ? kind : kindOf(path);
  const alike = [...tree].filter(([at, bytes]) => bytes !== null && kindHere(at) === kindHere(path))
    .map(([at]) => at).sort();
  for (let i = 1; i < alike.length; i++) {
    const other = alike[(alike.indexOf(path) + i) % alike.length];
    if (text(tree.get(other)!) !== text(tree.get(path)!)) return other;
  }
  return null;
}

const text = (bytes: Uint8Array): string => bytes.join();

function joinedOf(...all: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const one of all) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

const inside = (tree: Tree, folder: string) =>
  [...tree.keys()].filter((at) => at.startsWith(`${folder}/`));

function* ofFolders(tree: Tree): Generator<Damage> {
  const folders = [...tree].filter(([at, bytes]) => bytes === null && !at.endsWith("-delete"))
    .map(([at]) => at);
  for (const folder of folders) {
    const kind = folder === "__cluster_metadata-0" ? "metadata folder" : "partition's folder";
    const partitions = FOLDERS.filter((name) => name === folder);
    const move = (to: string, keep: boolean) => (tree: Map<string, Uint8Array | null>) => {
      for (const at of [folder, ...inside(tree, folder)]) {
        tree.set(`${to}${at.slice(folder.length)}`, tree.get(at)!);
        if (!keep) tree.delete(at);
      }
    };
    const damage = (how: string, apply: Damage["apply"], more: Partial<Damage> = {}): Damage => ({
      name: `${folder}: ${how}`,
      kind,
      how,
      paths: [folder],
      partitions,
      apply,
      ...more,
    });
    yield damage("removed", (tree) => {
      for (const at of [folder, ...inside(tree, folder)]) tree.delete(at);
    });
    yield damage("emptied", (tree) => {
      for (const at of inside(tree, folder)) tree.delete(at);
    });
    const renamed = `${folder.replace(/-\d+$/, "")}-of-old-0`;
    yield damage("renamed", move(renamed, false), { paths: [folder, renamed] });
    const next = folder.replace(/\d+$/, "7"), other = "copies-0";
    yield damage("doubled as another partition", move(next, true), {
      paths: [folder, next],
      partitions: [],
    });
    yield damage("doubled as another topic", move(other, true), {
      paths: [folder, other],
      partitions: [],
    });
    yield damage("a file in its place", (tree) => {
      for (const at of inside(tree, folder)) tree.delete(at);
      tree.set(folder, new Uint8Array([1, 2, 3]));
    });
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Folders that nobody knows, and names and numbers that cannot be. */
function* ofNames(tree: Tree): Generator<Damage> {
  const add = (path: string, bytes: Uint8Array, how: string, partitions: string[]): Damage => ({
    name: `${path}: ${how}`,
    kind: "a name",
    how,
    paths: [path],
    partitions,
    apply: (tree) => {
      if (folderOf(path) !== "") tree.set(folderOf(path), null);
      tree.set(path, bytes);
    },
  });
  for (
    const alien of ["photos-2024", "photos-9007199254740993", "old.plain-0", "-5", "plain-0-stray"]
  ) {
    yield add(`${alien}/holiday.jpg`, utf8("not a log"), "an alien folder", []);
    yield add(`${alien}/${"0".repeat(20)}.log`, utf8("nor a log"), "an alien folder", []);
  }
  yield add("notes-3", utf8("a plain file"), "an alien file", []);
  for (const folder of FOLDERS) {
    const log = inside(tree, folder).filter((at) => at.endsWith(".log")).sort().at(-1)!;
    const bytes = tree.get(log)!;
    for (const number of ["00000000000000001000", "09007199254740993000", "99999999999999999999"]) {
      const path = `${folder}/${number}.log`;
      yield add(path, new Uint8Array(), "an empty segment ahead of the end", [folder]);
      yield add(path, bytes, "a copied segment ahead of the end", [folder]);
      yield add(`${folder}/${number}.index`, new Uint8Array(8), "a lone index", [folder]);
      yield add(`${folder}/${number}.snapshot`, new Uint8Array(10), "a lone snapshot", [folder]);
    }
    yield add(`${folder}/1.log`, bytes, "a short name", [folder]);
    yield add(`${folder}/${nameOf(log)}.swap`, bytes.slice(0, 70), "a lone .swap", [folder]);
    yield add(`${folder}/${nameOf(log)}.cleaned`, bytes.slice(0, 70), "a lone .cleaned", [folder]);
    yield add(
      `${folder}/${nameOf(log).replace(".log", ".index.swap")}`,
      new Uint8Array(8),
      "a lone .index.swap",
      [folder],
    );
  }
  const checkpoints = [...tree.keys()].filter((at) => at.endsWith("-checkpoint"));
  for (const path of checkpoints) {
    const lines = new TextDecoder().decode(tree.get(path)!).trimEnd().split("\n");
    for (const number of ["9007199254740993", "999", "-1", "0", "007", "1e3"]) {
      const changed = lines.map((line, i) => i < 2 ? line : line.replace(/\S+$/, number));
      if (lines.length < 3) changed.splice(1, 1, "1", `plain 0 ${number}`);
      const partitions = FOLDERS.filter((name) => name === folderOf(path));
      yield {
        name: `${path}: every number ${number}`,
        kind: `numbers in ${nameOf(path)}`,
        how: "other numbers",
        paths: [path],
        partitions,
        apply: (tree) => tree.set(path, utf8(`${changed.join("\n")}\n`)),
      };
    }
  }
}

function* ofLock(): Generator<Damage> {
  const odd = (how: string, apply: Damage["apply"], onDisk?: Damage["onDisk"]): Damage => ({
    name: `.lock: ${how}`,
    kind: ".lock",
    how: "odd",
    paths: [".lock"],
    partitions: [],
    apply,
    onDisk,
  });
  yield odd("a folder", (tree) => tree.set(".lock", null));
  yield odd("a link to nowhere", (tree) => tree.delete(".lock"), (path) => {
    Deno.symlinkSync("/nowhere/at/all", `${path}/.lock`);
  });
  yield odd("a link to a file", (tree) => tree.delete(".lock"), (path) => {
    Deno.symlinkSync(`${path}/meta.properties`, `${path}/.lock`);
  });
  yield odd("not readable", () => {}, (path) => Deno.chmodSync(`${path}/.lock`, 0));
}
