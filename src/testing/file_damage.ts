/** What can happen to a file while nobody looks: the cases of a damage campaign, for tests. */
import type { Store } from "../storage/store.ts";

export interface Damage {
  readonly name: string;
  /** The content afterwards, null for no file; `neighbour` is a file of the same kind. */
  readonly apply: (bytes: Uint8Array, neighbour: Uint8Array | null) => Uint8Array | null;
}

const BIT_PLACES = 8;

export const DAMAGES: readonly Damage[] = [
  { name: "removed", apply: () => null },
  { name: "empty", apply: () => new Uint8Array(0) },
  { name: "cut by 1", apply: (bytes) => cut(bytes, 1) },
  { name: "cut by 17", apply: (bytes) => cut(bytes, 17) },
  { name: "cut by half", apply: (bytes) => cut(bytes, bytes.length >> 1) },
  ...Array.from({ length: BIT_PLACES }, (_, i) => ({
    name: `one bit at ${i}/${BIT_PLACES}`,
    apply: (bytes: Uint8Array) => flipped(bytes, Math.floor(bytes.length * i / BIT_PLACES), i),
  })),
  {
    name: "garbage appended",
    apply: (bytes) => {
      const garbage = Uint8Array.from({ length: 41 }, (_, i) => i * 37 + 11 & 0xff);
      return new Uint8Array([...bytes, ...garbage]);
    },
  },
  { name: "swapped with its neighbour's", apply: (_, neighbour) => neighbour },
];

/** The bytes without the last `count`. */
export function cut(bytes: Uint8Array, count: number): Uint8Array {
  return bytes.slice(0, Math.max(0, bytes.length - count));
}

/** The bytes with one bit changed; `bit` may be any number. */
export function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const out = bytes.slice();
  if (at < out.length) out[at] ^= 1 << (bit & 7);
  return out;
}

/** Every file of `folder` with its content. */
export function filesOf(store: Store, folder: string): Map<string, Uint8Array> {
  const names = store.list(folder).filter(({ isFolder }) => !isFolder).map(({ name }) => name);
  return new Map(names.map((name) => [name, store.readAll(`${folder}/${name}`)!]));
}

/** Writes these files into `folder`, which is made. */
export function putFiles(store: Store, folder: string, files: ReadonlyMap<string, Uint8Array>) {
  store.makeFolder(folder);
  for (const [name, bytes] of files) {
    const blob = store.open(`${folder}/${name}`);
    blob.append(bytes);
    blob.close();
  }
}
