/**
 * Manifest: what a backup consists of: `manifest.json` in its root. It is replaced whole, after every file it names is
 * there, so an interrupted backup leaves the one before as it was. It carries a checksum of itself.
 *
 * Files are stored under their path and the first 16 digits of their SHA-256, so that one backup never overwrites what
 * another needs.
 */
import { createHash } from "node:crypto";
import type { Uuid } from "../bytes/uuid.ts";
import { type Store, StoreError } from "../storage/store.ts";

export interface BackedUpFile {
  /** In the data directory: "orders-0/00000000000000000000.log". */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What one segment must show again when it is read. */
export interface BackedUpSegment {
  /** As that of its file. */
  readonly path: string;
  readonly baseOffset: number;
  /** After its last batch. */
  readonly endOffset: number;
  readonly batches: number;
  /** Why it could not be read to its end when it was copied, and from where on; null when it could. */
  readonly damage: { readonly position: number; readonly what: string } | null;
}

export interface BackedUpLog {
  readonly startOffset: number;
  /** The high watermark at the moment of the backup. */
  readonly endOffset: number;
  /** Whether compaction may have taken records out; if not, every offset from start to end is there. */
  readonly mayHaveGaps: boolean;
  readonly segments: readonly BackedUpSegment[];
}

export interface BackedUpPartition extends BackedUpLog {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
}

/** A partition that was offline, so that nothing of it is in the backup. */
export interface LeftOutPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  /** It held records up to there at least. */
  readonly syncedTo: number;
}

export interface Manifest {
  /** 1 had no segments, metadata or checksum, and is read still. */
  readonly version: 1 | 2;
  readonly clusterId: string;
  /** ISO 8601, of the cut. */
  readonly takenAt: string;
  readonly files: readonly BackedUpFile[];
  readonly partitions: readonly BackedUpPartition[];
  readonly metadata: BackedUpLog;
  /** Only where there are any. */
  readonly leftOut?: readonly LeftOutPartition[];
}

export const MANIFEST = "manifest.json";

/** What was damaged or offline when the backup was made, a sentence each, by folder. */
export function* knownFaults(
  { partitions, metadata, leftOut = [] }: Manifest,
): Generator<{ readonly folder: string; readonly what: string }> {
  const logs = partitions.map((one) => [`${one.topic}-${one.partition}`, one] as const);
  for (const [folder, log] of [...logs, ["__cluster_metadata-0", metadata] as const]) {
    // Version 1 had none of them.
    for (const { path, damage } of log?.segments ?? []) {
      if (damage === null) continue;
      const { position, what } = damage;
      const since = "and was when it was copied";
      yield { folder, what: `${path} is damaged at position ${position}: ${what}, ${since}` };
    }
  }
  for (const { topic, partition } of leftOut) {
    const folder = `${topic}-${partition}`;
    yield { folder, what: `${folder} was offline, and nothing of it is in the backup` };
  }
}

/** Where a file lies in the backup. */
export function storedPath(file: BackedUpFile): string {
  return `${file.path}.${file.sha256.slice(0, 16)}`;
}

/** Null when there is no backup yet. */
export function readManifest(store: Store): Manifest | null {
  const bytes = store.readAll(MANIFEST);
  if (bytes === null) return null;
  const fail = (why: string, cause?: unknown) =>
    new StoreError(`Cannot read ${store.name}/${MANIFEST}: ${why}`, "io", { cause });
  let found: Manifest & { sha256?: string };
  try {
    found = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw fail("it is no JSON", cause);
  }
  const { sha256, ...manifest } = found ?? {};
  if (manifest.version !== 1 && manifest.version !== 2) {
    throw fail(`its version is ${manifest.version}, needs 1 or 2`);
  }
  if (!Array.isArray(manifest.files) || !Array.isArray(manifest.partitions)) {
    throw fail("it names no files and partitions, so it is not a backup's");
  }
  if (manifest.version === 1) {
    if (sha256 === undefined && manifest.metadata === undefined) return manifest;
    throw fail("its version is 1, and it has what version 2 began with");
  }
  const actual = checksumOf(manifest);
  if (actual !== sha256) throw fail(`its checksum is ${sha256}, its content's is ${actual}`);
  return manifest;
}

/** The manifest of a backup that must be there. */
export function needManifest(store: Store): Manifest {
  const manifest = readManifest(store);
  if (manifest !== null) return manifest;
  throw new StoreError(`${store.name} holds no backup: it has no ${MANIFEST}`, "absent");
}

export function writeManifest(store: Store, manifest: Manifest): Promise<void> {
  const text = JSON.stringify({ ...manifest, sha256: checksumOf(manifest) }, null, 1) + "\n";
  return store.replace(MANIFEST, new TextEncoder().encode(text));
}

function checksumOf(manifest: Manifest): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}
