/**
 * Manifest: what a backup consists of: `manifest.json` in its root. It is replaced whole, after every file it names is
 * there, so an interrupted backup leaves the one before as it was.
 *
 * Files are stored under their path and the first 16 digits of their SHA-256, so that one backup never overwrites what
 * another needs.
 */
import type { Uuid } from "../bytes/uuid.ts";
import { type Store, StoreError } from "../storage/store.ts";

export interface BackedUpFile {
  /** In the data directory: "orders-0/00000000000000000000.log". */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface BackedUpPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  readonly startOffset: number;
  /** The high watermark at the moment of the backup. */
  readonly endOffset: number;
}

export interface Manifest {
  readonly version: 1;
  readonly clusterId: string;
  /** ISO 8601, of the cut. */
  readonly takenAt: string;
  readonly files: readonly BackedUpFile[];
  readonly partitions: readonly BackedUpPartition[];
}

export const MANIFEST = "manifest.json";

/** Where a file lies in the backup. */
export function storedPath(file: BackedUpFile): string {
  return `${file.path}.${file.sha256.slice(0, 16)}`;
}

/** Null when there is no backup yet. */
export function readManifest(store: Store): Manifest | null {
  const bytes = store.readAll(MANIFEST);
  if (bytes === null) return null;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new StoreError(`Cannot read ${store.name}/${MANIFEST}: it is no JSON`, "io", { cause });
  }
  if (manifest.version !== 1) {
    throw new StoreError(
      `Cannot read ${store.name}/${MANIFEST}: its version is ${manifest.version}, needs 1`,
      "io",
    );
  }
  return manifest;
}

/** The manifest of a backup that must be there. */
export function needManifest(store: Store): Manifest {
  const manifest = readManifest(store);
  if (manifest !== null) return manifest;
  throw new StoreError(`${store.name} holds no backup: it has no ${MANIFEST}`, "absent");
}

export function writeManifest(store: Store, manifest: Manifest): Promise<void> {
  const text = JSON.stringify(manifest, null, 1) + "\n";
  return store.replace(MANIFEST, new TextEncoder().encode(text));
}
