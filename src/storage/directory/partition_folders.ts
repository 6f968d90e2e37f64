/**
 * PartitionFolders: what becomes of the folders of a data directory that no partition answers for.
 *
 * | folder | what becomes of it |
 * |---|---|
 * | `….<32 hex>-delete` | removed: this broker, or Kafka, marked it |
 * | `<name>-<digits>` of a topic id that the metadata log removed | marked, and removed |
 * | another `<name>-<digits>` with segments or a partition.metadata | renamed `….<32 hex>-stray`, as Kafka does, and kept |
 * | anything else | left alone |
 *
 * Absence is no order to delete: metadata that is damaged, or of another directory, knows none of the topics.
 */
import { parsePartitionMetadata, PARTITION_METADATA } from "./partition_metadata.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { type Store, StoreError } from "../store.ts";

export interface FoldersContext {
  readonly store: Store;
  /** Whether the metadata log removed the topic with this id. */
  readonly wasDeleted: (topicId: Uuid) => boolean;
  readonly onWarning: (event: string, details: Record<string, unknown>) => void;
}

/** Names for `name` on its way out. The topic's name is cut so that all of it fits a file name, as Kafka cuts it. */
export function markedName(folder: string, mark: "delete" | "stray"): string {
  const dash = folder.lastIndexOf("-");
  const end = `${folder.slice(dash)}.${crypto.randomUUID().replaceAll("-", "")}-${mark}`;
  return folder.slice(0, Math.min(dash, MAX_NAME_LENGTH - end.length)) + end;
}

/** Whether a folder was marked deleted. */
function isMarkedDeleted(name: string): boolean {
  return /^.+-\d+\.[0-9a-f]{32}-delete$/.test(name);
}

/** Deals with folders that no partition answers for; those that are marked deleted, and may be removed. */
export function sortOut(context: FoldersContext, unclaimed: Iterable<string>): string[] {
  const doomed: string[] = [];
  for (const name of unclaimed) {
    if (isMarkedDeleted(name)) doomed.push(name);
    else if (/^.+-\d+$/.test(name) && !name.startsWith(METADATA_PREFIX)) {
      const moved = attempt(context, name);
      if (moved !== null) doomed.push(moved);
    }
  }
  return doomed;
}

/** Renames a folder that stands where a log is wanted; the name it is marked deleted with, or null when it is kept. */
export function moveAside(context: FoldersContext, folder: string): string | null {
  const { store, wasDeleted, onWarning } = context;
  const topicId = topicIdIn(store, folder);
  const isDeleted = topicId !== null && wasDeleted(topicId);
  const to = markedName(folder, isDeleted ? "delete" : "stray");
  store.rename(folder, to);
  if (isDeleted) return to;
  onWarning("stray_folder", { folder, topicId, renamed: to, need: "a topic in the metadata" });
  return null;
}

/** One folder that cannot be read or renamed must not keep the others from being served. */
function attempt(context: FoldersContext, name: string): string | null {
  try {
    return holdsPartition(context.store, name) ? moveAside(context, name) : null;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    context.onWarning("stray_folder", { folder: name, error: error.message });
    return null;
  }
}

function holdsPartition(store: Store, folder: string): boolean {
  return store.list(folder).some(({ name }) => name === PARTITION_METADATA || SEGMENT.test(name));
}

function topicIdIn(store: Store, folder: string): Uuid | null {
  const bytes = store.readAll(`${folder}/${PARTITION_METADATA}`);
  return bytes === null ? null : parsePartitionMetadata(bytes);
}

const SEGMENT = /^\d{20}\.log(\.swap|\.cleaned|\.deleted)?$/;
const METADATA_PREFIX = "__cluster_metadata-";
/** Of most file systems. */
const MAX_NAME_LENGTH = 255;
