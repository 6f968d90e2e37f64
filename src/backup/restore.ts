/**
 * verifyBackup and restoreBackup: whether a backup is whole, and a data directory made of it.
 *
 * Restoring goes to a folder beside and renames it at the end, so that an interruption leaves no directory that looks
 * like one. A broker takes it for one that was not stopped cleanly: it checks every batch, builds the indexes and begins
 * a new leader epoch.
 */
import { createHash } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import * as batch from "../protocol/records/batch.ts";
import { LOG_START_CHECKPOINT, writeCheckpoint } from "../storage/checkpoints.ts";
import { type Blob, type Store, StoreError } from "../storage/store.ts";
import { batchesOf } from "./batches.ts";
import { type BackedUpFile, type Manifest, needManifest, storedPath } from "./manifest.ts";

/** What is wrong with a backup, a sentence each; [] when it can be restored. */
export function verifyBackup(store: Store): string[] {
  const manifest = needManifest(store);
  const problems: string[] = [];
  for (const file of manifest.files) {
    const problem = checkFile(store, file);
    if (problem !== null) problems.push(problem);
  }
  return problems.length > 0 ? problems : checkEnds(store, manifest);
}

/** Makes the directory `to`, which must be absent or empty. `storeAt` opens a folder as a store. */
export async function restoreBackup(
  backup: Store,
  to: string,
  storeAt: (path: string) => Store,
): Promise<Manifest> {
  const manifest = needManifest(backup);
  const full = resolve(to), name = basename(full), partial = `${name}.restoring`;
  const parent = storeAt(dirname(full));
  if (parent.list(name).length > 0) {
    throw new StoreError(`Cannot restore to ${full}: it is not empty`, "permission");
  }
  parent.remove(partial);
  const target = storeAt(`${dirname(full)}/${partial}`);
  const folders = new Set<string>([""]);
  for (const file of manifest.files) {
    const folder = file.path.slice(0, Math.max(0, file.path.lastIndexOf("/")));
    target.makeFolder(folder);
    folders.add(folder);
    await restoreFile(backup, target, file);
  }
  for (const { topic, partition } of manifest.partitions) {
    target.makeFolder(`${topic}-${partition}`);
  }
  const trimmed = manifest.partitions.filter(({ startOffset }) => startOffset > 0);
  await writeCheckpoint(
    target,
    LOG_START_CHECKPOINT,
    trimmed.map(({ topic, partition, startOffset }) => ({ topic, partition, offset: startOffset })),
  );
  for (const folder of folders) await target.syncFolder(folder);
  target.close();
  parent.remove(name); // empty
  parent.rename(partial, name);
  await parent.syncFolder("");
  parent.close();
  return manifest;
}

async function restoreFile(backup: Store, target: Store, file: BackedUpFile): Promise<void> {
  const from = openStored(backup, file);
  const hash = createHash("sha256");
  const to = target.open(file.path);
  for (const chunk of chunksOf(from)) {
    hash.update(chunk);
    to.append(chunk);
  }
  from.close();
  await to.sync();
  to.close();
  const found = hash.digest("hex");
  if (found === file.sha256) return;
  const path = storedPath(file);
  throw new StoreError(`${backup.name}/${path} has SHA-256 ${found}, needs ${file.sha256}`, "io");
}

function checkFile(store: Store, file: BackedUpFile): string | null {
  let blob: Blob;
  try {
    blob = openStored(store, file);
  } catch (error) {
    return (error as Error).message;
  }
  const hash = createHash("sha256");
  for (const chunk of chunksOf(blob)) hash.update(chunk);
  let problem: string | null = null;
  const found = hash.digest("hex");
  if (found !== file.sha256) problem = `has SHA-256 ${found}, needs ${file.sha256}`;
  else if (file.path.endsWith(".log")) problem = checkBatches(blob);
  blob.close();
  return problem && `${store.name}/${storedPath(file)} ${problem}`;
}

/** What was wrong with the log itself when it was copied. */
function checkBatches(log: Blob): string | null {
  let end = 0;
  for (const [bytes, position] of batchesOf(log)) {
    if (!batch.isIntact(bytes)) return `has a damaged batch at ${position}`;
    end = position + bytes.length;
  }
  return end === log.size ? null : `has ${log.size - end} bytes at ${end} that are no batch`;
}

/** Every partition's last batch ends at its high watermark: compaction too keeps the end of a log. */
function checkEnds(store: Store, manifest: Manifest): string[] {
  const last = new Map<string, BackedUpFile>();
  for (const file of manifest.files) {
    const match = /^(.+)\/\d{20}\.log$/.exec(file.path);
    if (match && (last.get(match[1])?.path ?? "") < file.path) last.set(match[1], file);
  }
  const problems: string[] = [];
  for (const { topic, partition, startOffset, endOffset } of manifest.partitions) {
    if (startOffset === endOffset) continue;
    const file = last.get(`${topic}-${partition}`);
    let end = -1;
    if (file !== undefined) {
      const log = openStored(store, file);
      for (const [bytes] of batchesOf(log)) end = batch.lastOffset(bytes) + 1;
      log.close();
    }
    if (end === endOffset) continue;
    problems.push(`${topic}-${partition} ends at offset ${end} in the backup, needs ${endOffset}`);
  }
  return problems;
}

/** Open for reading, and as large as it should be. */
function openStored(store: Store, file: BackedUpFile): Blob {
  const path = storedPath(file);
  const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  const isThere = store.list(folder).some(({ name }) => path === (folder && `${folder}/`) + name);
  if (!isThere) throw new StoreError(`${store.name}/${path} is missing`, "absent");
  const blob = store.open(path);
  if (blob.size === file.bytes) return blob;
  blob.close();
  const found = `${store.name}/${path} is ${blob.size} bytes`;
  throw new StoreError(`${found}, needs ${file.bytes}`, "io");
}

function* chunksOf(blob: Blob): Generator<Uint8Array> {
  const buffer = new Uint8Array(1 << 20);
  for (let position = 0; position < blob.size;) {
    const n = blob.read(position, buffer);
    if (n === 0) return;
    yield buffer.subarray(0, n);
    position += n;
  }
}
