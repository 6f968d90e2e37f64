/**
 * createBackup: copies a running broker's directory as it was at one moment (moment.ts), reading it from beside the broker.
 *
 * Only what cannot be rebuilt is taken: log segments, producer snapshots and epochs up to the cut, and the metadata log.
 * Indexes and checkpoints are made anew by whoever opens the restored directory, which checks every batch.
 *
 * Every batch is checked as it is copied. When what the cut needs is gone all the same, another cut is taken; what was
 * copied by then is not copied again. Damage in the directory itself fails the backup, unless it may be copied as it is.
 */
import type { Connection } from "../client/connection.ts";
import { KafkaError } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { Copy } from "./copy.ts";
import { type CopyContext, copyMetadata, copyPartition } from "./copy_log.ts";
import { checkDestination, markDestination, removeLeftovers } from "./destination.ts";
import { OvertakenError } from "./held_log.ts";
import { type BackedUpPartition, type Manifest, writeManifest } from "./manifest.ts";
import { type Moment, takeMoment } from "./moment.ts";
import type { SourceDirectory, SourceFile } from "./source_directory.ts";

export interface BackupOptions {
  /** Copies what is damaged as it is, and says so, instead of failing. */
  readonly allowDamage?: boolean;
}

export interface BackupReport {
  readonly manifest: Manifest;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
  /** Files that the backup had already. */
  readonly keptFiles: number;
  /** Files that an interrupted backup had left, removed. */
  readonly removedFiles: readonly string[];
  /** What was damaged, a sentence each. */
  readonly warnings: readonly string[];
}

/** Throws StoreError when the directory is damaged, or no moment could be held in MAX_TRIES tries. */
export async function createBackup(
  connection: Connection,
  source: SourceDirectory,
  destination: Store,
  { allowDamage = false }: BackupOptions = {},
): Promise<BackupReport> {
  const before = checkDestination(destination);
  const copy = new Copy(destination, before);
  let removedFiles: string[] | null = null;
  for (let tries = 1;; tries++) {
    try {
      const context = { source, copy, allowDamage, warnings: [] };
      using moment = await takeMoment(connection, source);
      if (removedFiles === null) {
        checkSameCluster(source, moment, before);
        await markDestination(destination);
        removedFiles = removeLeftovers(destination, before);
      }
      const manifest = await copyMoment(context, moment);
      await writeManifest(destination, manifest);
      removeLeftovers(destination, manifest); // what only the backup before needed
      const { copiedFiles, copiedBytes } = copy, { warnings } = context;
      const keptFiles = Math.max(0, manifest.files.length - copiedFiles);
      return { manifest, copiedFiles, copiedBytes, keptFiles, removedFiles, warnings };
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      if (tries === MAX_TRIES) {
        const why = (error as Error).message;
        throw new StoreError(`Cannot back up ${source.path}, tried ${tries} times: ${why}`, "io");
      }
      copy.restart();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries));
    }
  }
}

async function copyMoment(context: CopyContext, moment: Moment): Promise<Manifest> {
  const { clusterId, takenAt } = moment, { copy } = context;
  const partitions: BackedUpPartition[] = [];
  for (const held of moment.partitions) {
    partitions.push(await copyPartition(context, held));
    held.log[Symbol.dispose](); // its descriptors may keep deleted files on the disk
  }
  const metadata = await copyMetadata(context, moment);
  for (const file of moment.rootFiles) {
    await copy.take({ path: file.name, source: file, bytes: file.size });
  }
  await copy.settle();
  return { version: 2, clusterId, takenAt, files: copy.files, partitions, metadata };
}

/** What is read must be the directory of the broker that was asked, and the backup one of the same cluster. */
function checkSameCluster(
  source: SourceDirectory,
  { clusterId, rootFiles }: Moment,
  before: Manifest | null,
): void {
  const file = rootFiles.find(({ name }) => name === "meta.properties");
  const found = /^cluster\.id=(.*)$/m.exec(file === undefined ? "" : textOf(file))?.[1];
  const differ = found !== clusterId
    ? `${source.path} belongs to cluster ${found ?? "(none)"}`
    : before !== null && before.clusterId !== clusterId
    ? `the backup is of cluster ${before.clusterId}`
    : null;
  if (differ === null) return;
  throw new StoreError(`Cannot back up: the broker is of cluster ${clusterId}, ${differ}`, "io");
}

function textOf(file: SourceFile): string {
  const bytes = new Uint8Array(file.size);
  return new TextDecoder().decode(bytes.subarray(0, file.read(0, bytes)));
}

/** A log that is just being opened (6) is there the next time. */
function isOvertaken(error: unknown): boolean {
  return error instanceof OvertakenError ||
    error instanceof KafkaError && error.code === ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

const MAX_TRIES = 10, RETRY_MS = 50;
