/**
 * createBackup: copies a running broker's directory as it was at one moment (moment.ts), reading it from beside the broker.
 *
 * Only what cannot be rebuilt is taken: log segments, producer snapshots and epochs up to the cut, and the metadata log.
 * Indexes and checkpoints are made anew by whoever opens the restored directory, which checks every batch.
 *
 * Every batch is checked as it is copied. When what the cut needs is gone all the same, another cut is taken; what was
 * copied by then is not copied again. Damage in the directory itself fails the backup, unless it may be copied as it is; so do partitions that are
 * offline, unless they may be left out.
 */
import type { Connection } from "../client/connection.ts";
import { KafkaError } from "../client/errors.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { type Store, StoreError } from "../storage/store.ts";
import { Copy } from "./copy.ts";
import { type CopyContext, copyMetadata, copyPartition } from "./copy_log.ts";
import { checkDestination, markDestination, removeLeftovers } from "./destination.ts";
import { contentOf, OvertakenError } from "./held_log.ts";
import { type BackedUpPartition, knownFaults, type Manifest, writeManifest } from "./manifest.ts";
import { type Moment, takeMoment } from "./moment.ts";
import { mustTellCase } from "./tells_case.ts";
import type { SourceDirectory } from "./source_directory.ts";

export interface BackupOptions {
  /** Copies what is damaged as it is, leaves out what is offline, and says so, instead of failing. */
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
  /** What was damaged or left out, or could not be removed, a sentence each. */
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
      if (removedFiles === null) checkSameCluster(source, moment, before);
      tellOffline(moment, context);
      if (removedFiles === null) {
        await markDestination(destination);
        mustTellCase(destination, moment.partitions.map(({ log }) => log.of));
        removedFiles = removeLeftovers(destination, before);
      }
      const manifest = await copyMoment(context, moment);
      checkNothingIsLost(destination, before, manifest);
      await writeManifest(destination, manifest);
      removeOld(destination, manifest, context.warnings);
      const { copiedFiles, copiedBytes } = copy, { warnings } = context;
      const keptFiles = Math.max(0, manifest.files.length - copiedFiles);
      return { manifest, copiedFiles, copiedBytes, keptFiles, removedFiles, warnings };
    } catch (error) {
      if (!isOvertaken(error)) throw withLeftovers(error, destination, copy);
      if (tries === MAX_TRIES) {
        const why = (error as Error).message;
        const failed = `Cannot back up ${source.path}, tried ${tries} times: ${why}`;
        throw withLeftovers(new StoreError(failed, "io"), destination, copy);
      }
      copy.restart();
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries));
    }
  }
}

/** What only the backup before needed. From here on the new one is there, whatever becomes of that. */
function removeOld(destination: Store, manifest: Manifest, warnings: string[]): void {
  try {
    removeLeftovers(destination, manifest);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const left = "the backup is whole, and the next create removes what only the one before needed";
    warnings.push(`${error.message}: ${left}`);
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
  const made = { version: 2, clusterId, takenAt, files: copy.files, partitions, metadata } as const;
  return moment.leftOut.length === 0 ? made : { ...made, leftOut: moment.leftOut };
}

/** Throws StoreError when partitions are offline and may not be left out. */
function tellOffline({ leftOut }: Moment, { allowDamage, warnings }: CopyContext): void {
  if (leftOut.length === 0) return;
  const names = leftOut.map(({ topic, partition }) => `${topic}-${partition}`);
  if (!allowDamage) {
    const some = names.slice(0, 5).join(", ") +
      (names.length > 5 ? ` and ${names.length - 5} more` : "");
    const [are, them] = names.length === 1 ? ["is", "it"] : ["are", "them"];
    throw new StoreError(
      `Cannot back up: ${some} ${are} offline, the broker cannot read ${them}. Its log says why, and so does "runnel storage verify" once it is stopped; --allow-damage leaves ${them} out`,
      "io",
    );
  }
  for (const name of names) warnings.push(`${name} is offline: nothing of it is in the backup`);
}

/** What the backup before has whole must not give way to what is damaged or missing. */
function checkNothingIsLost(destination: Store, before: Manifest | null, now: Manifest): void {
  if (before === null) return;
  const old = new Set([...knownFaults(before)].map(({ folder }) => folder));
  const ids = new Map(
    [...now.partitions, ...now.leftOut ?? []]
      .map(({ topic, partition, topicId }) => [`${topic}-${partition}`, topicId]),
  );
  const whole = new Set(
    before.partitions.filter(({ topic, partition, topicId }) =>
      ids.get(`${topic}-${partition}`) === topicId
    ).map(({ topic, partition }) => `${topic}-${partition}`),
  );
  for (const { folder, what } of knownFaults(now)) {
    if (old.has(folder) || !whole.has(folder)) continue;
    throw new StoreError(
      `Cannot back up to ${destination.name}: it holds ${folder} whole, as of ${before.takenAt}, and would lose it (${what}). Choose another directory`,
      "permission",
    );
  }
}

/** Says what a backup that failed has left. */
function withLeftovers(error: unknown, { name }: Store, { copiedFiles }: Copy): unknown {
  if (!(error instanceof StoreError) || copiedFiles === 0) return error;
  const files = copiedFiles === 1 ? "1 file" : `${copiedFiles} files`;
  const left = `the next create removes ${files} that it copied to ${name}`;
  const text = `${error.message}. The backup was not made; ${left}`;
  return new StoreError(text, error.kind, { cause: error });
}

/** What is read must be the directory of the broker that was asked, and the backup one of the same cluster. */
function checkSameCluster(
  source: SourceDirectory,
  { clusterId, rootFiles }: Moment,
  before: Manifest | null,
): void {
  const file = rootFiles.find(({ name }) => name === "meta.properties");
  if (file === undefined) {
    throw new StoreError(
      `Cannot back up: ${source.path} is not a data directory, it has no meta.properties. Give the broker's --storage-path`,
      "absent",
    );
  }
  const found = /^cluster\.id=(.*)$/m.exec(new TextDecoder().decode(contentOf(file)))?.[1];
  const differ = found !== clusterId
    ? `${source.path} belongs to cluster ${found ?? "(none)"}`
    : before !== null && before.clusterId !== clusterId
    ? `the backup is of cluster ${before.clusterId}`
    : null;
  if (differ === null) return;
  throw new StoreError(`Cannot back up: the broker is of cluster ${clusterId}, ${differ}`, "io");
}

/** A log that is just being opened (6) is there the next time. */
function isOvertaken(error: unknown): boolean {
  return error instanceof OvertakenError ||
    error instanceof KafkaError && error.code === ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

const MAX_TRIES = 10, RETRY_MS = 50;
