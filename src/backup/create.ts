/**
 * createBackup: copies a running broker's directory up to one moment (cut.ts), reading it from beside the broker.
 *
 * Only what cannot be rebuilt is taken: log segments, which a checksum may show the backup to have already; producer
 * snapshots and epochs below the cut; and the metadata log last, so that no topic or producer id of the cut is unknown
 * to it. Indexes and checkpoints are made anew by whoever opens the restored directory, which checks every batch.
 */
import { createHash } from "node:crypto";
import type { Connection } from "../client/connection.ts";
import * as batch from "../protocol/records/batch.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { batchesOf } from "./batches.ts";
import { type Cut, type PartitionCut, takeCut } from "./cut.ts";
import {
  type BackedUpFile,
  type BackedUpPartition,
  type Manifest,
  readManifest,
  storedPath,
  writeManifest,
} from "./manifest.ts";
import type { SourceDirectory, SourceFile } from "./source_directory.ts";

export interface BackupReport {
  readonly manifest: Manifest;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
  /** Files that the backup had already. */
  readonly keptFiles: number;
}

export async function createBackup(
  connection: Connection,
  source: SourceDirectory,
  destination: Store,
): Promise<BackupReport> {
  const before = readManifest(destination);
  const cut = await takeCut(connection);
  const takenAt = new Date().toISOString();
  await checkSameCluster(source, cut, before);
  const copy = new Copy(source, destination, before);
  const partitions: BackedUpPartition[] = [];
  for (const one of cut.partitions) {
    const partition = await copyPartition(copy, one);
    if (partition !== null) partitions.push(partition);
  }
  await copyMetadata(copy);
  const { clusterId } = cut, { files } = copy;
  const manifest: Manifest = { version: 1, clusterId, takenAt, files, partitions };
  await copy.settle();
  await writeManifest(destination, manifest);
  removeUnnamed(destination, before, manifest);
  const { copiedFiles, copiedBytes } = copy;
  return { manifest, copiedFiles, copiedBytes, keptFiles: files.length - copiedFiles };
}

/** What is read must be the directory of the broker that was asked, and the backup one of the same cluster. */
async function checkSameCluster(
  source: SourceDirectory,
  { clusterId }: Cut,
  before: Manifest | null,
): Promise<void> {
  const [file] = await source.open("", (name) => name === "meta.properties");
  const text = file === undefined ? "" : new TextDecoder().decode(whole(file));
  file?.[Symbol.dispose]();
  const found = /^cluster\.id=(.*)$/m.exec(text)?.[1];
  const differ = found !== clusterId
    ? `${source.path} belongs to cluster ${found ?? "(none)"}`
    : before !== null && before.clusterId !== clusterId
    ? `the backup is of cluster ${before.clusterId}`
    : null;
  if (differ === null) return;
  throw new StoreError(`Cannot back up: the broker is of cluster ${clusterId}, ${differ}`, "io");
}

/** Null when the topic was deleted, or made again under its name, since the cut. */
async function copyPartition(copy: Copy, cut: PartitionCut): Promise<BackedUpPartition | null> {
  const { topic, partition, topicId, endOffset } = cut, folder = `${topic}-${partition}`;
  const files = await copy.source.open(folder, (name) => PARTITION_FILES.test(name));
  using open = new DisposableStack();
  for (const file of files) open.use(file);
  const metadata = files.find(({ name }) => name === "partition.metadata");
  const id = metadata && /^topic_id: (\S+)/m.exec(new TextDecoder().decode(whole(metadata)))?.[1];
  if (metadata === undefined || id !== topicId) return null;
  const logs = files.filter(({ name }) => name.endsWith(".log"));
  const bases = logs.map(({ name }) => Number(name.slice(0, 20)));
  const startOffset = Math.min(Math.max(cut.startOffset, bases[0] ?? 0), endOffset);
  for (const [i, log] of logs.entries()) {
    const next = bases[i + 1] ?? Infinity;
    if (bases[i] >= endOffset || next <= startOffset) continue;
    await copy.take(folder, log, next <= endOffset ? log.size : positionOf(log, endOffset));
  }
  for (const file of files) {
    const isFuture = file.name.endsWith(".snapshot") && Number(file.name.slice(0, 20)) > endOffset;
    if (!file.name.endsWith(".log") && !isFuture) await copy.take(folder, file, file.size);
  }
  return { topic, partition, topicId, startOffset, endOffset };
}

async function copyMetadata(copy: Copy): Promise<void> {
  for (const [folder, wanted] of [[METADATA_FOLDER, METADATA_FILES], ["", ROOT_FILES]] as const) {
    const files = await copy.source.open(folder, (name) => wanted.test(name));
    using open = new DisposableStack();
    for (const file of files) open.use(file);
    for (const file of files) {
      const isLog = file.name.endsWith(".log");
      await copy.take(folder, file, isLog ? positionOf(file, Infinity) : file.size);
    }
  }
}

/** Where the batch that begins at or after `offset` lies; the end of the last whole one when there is none. */
function positionOf(log: SourceFile, offset: number): number {
  let end = 0;
  for (const [bytes, position] of batchesOf(log)) {
    if (batch.baseOffset(bytes) >= offset) return position;
    end = position + bytes.length;
  }
  return end;
}

/** Files on their way into the backup. */
class Copy {
  readonly source: SourceDirectory;
  readonly files: BackedUpFile[] = [];
  copiedFiles = 0;
  copiedBytes = 0;
  readonly #destination: Store;
  /** By path. */
  readonly #before: ReadonlyMap<string, BackedUpFile>;
  readonly #folders = new Set<string>([""]);

  constructor(source: SourceDirectory, destination: Store, before: Manifest | null) {
    this.source = source;
    this.#destination = destination;
    this.#before = new Map(before?.files.map((file) => [file.path, file]));
  }

  /** The first `bytes` of a file, unless the backup has a file of this name, size and checksum. */
  async take(folder: string, source: SourceFile, bytes: number): Promise<void> {
    const path = folder === "" ? source.name : `${folder}/${source.name}`;
    const before = this.#before.get(path);
    if (before?.bytes === bytes && before.sha256 === sha256Of(source, bytes)) {
      this.files.push(before);
      return;
    }
    const store = this.#destination, temporary = `${path}.tmp`;
    store.makeFolder(folder);
    store.remove(temporary); // of a backup that was interrupted
    const blob = store.open(temporary), hash = createHash("sha256");
    for (const chunk of chunksOf(source, bytes)) {
      hash.update(chunk);
      blob.append(chunk);
    }
    const file = { path, bytes, sha256: hash.digest("hex") };
    this.files.push(file);
    this.copiedFiles++;
    this.copiedBytes += bytes;
    this.#folders.add(folder);
    await blob.sync();
    blob.close();
    store.rename(temporary, storedPath(file));
  }

  /** The names of everything copied are on the device, as the bytes are. */
  async settle(): Promise<void> {
    for (const folder of this.#folders) await this.#destination.syncFolder(folder);
  }
}

function sha256Of(source: SourceFile, bytes: number): string {
  const hash = createHash("sha256");
  for (const chunk of chunksOf(source, bytes)) hash.update(chunk);
  return hash.digest("hex");
}

function* chunksOf(source: SourceFile, bytes: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  for (let position = 0; position < bytes;) {
    const n = source.read(position, buffer.subarray(0, Math.min(buffer.length, bytes - position)));
    if (n === 0) throw new StoreError(`${source.name} ends at ${position}, needs ${bytes}`, "io");
    yield buffer.subarray(0, n);
    position += n;
  }
}

function whole(file: SourceFile): Uint8Array {
  const bytes = new Uint8Array(file.size);
  return bytes.subarray(0, file.read(0, bytes));
}

/** What only the backup before needed. */
function removeUnnamed(store: Store, before: Manifest | null, after: Manifest): void {
  const needed = new Set(after.files.map(storedPath));
  for (const file of before?.files ?? []) {
    if (!needed.has(storedPath(file))) store.remove(storedPath(file));
  }
}

const CHUNK_BYTES = 1 << 20;
const METADATA_FOLDER = "__cluster_metadata-0";
const PARTITION_FILES = /^(\d{20}\.(log|snapshot)|leader-epoch-checkpoint|partition\.metadata)$/;
const METADATA_FILES =
  /^(\d{20}\.log|\d{20}-\d{10}\.checkpoint|quorum-state|leader-epoch-checkpoint|partition\.metadata)$/;
const ROOT_FILES = /^(meta\.properties|bootstrap\.checkpoint)$/;
