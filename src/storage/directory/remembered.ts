/**
 * Remembered: what the last broker on a directory wrote down of each log: the inventory's, by topic id; where that is of
 * no use, what Kafka's text checkpoints say, by name.
 *
 * Where both are there and disagree, the inventory counts (it has a checksum) and there is one warning with both values.
 * It is written first, so after a crash the texts may be behind it, never ahead.
 */
import {
  type CheckpointEntry,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  readCheckpoint,
  RECOVERY_POINT_CHECKPOINT,
} from "./checkpoints.ts";
import {
  everCompactedTo,
  folderOf,
  type Inventory,
  INVENTORY_FILE,
  inventoryProblem,
  type LogInventory,
  readInventory,
} from "./inventory.ts";
import type { Store } from "../store.ts";

type LogRef = Pick<LogInventory, "topicId" | "topic" | "partition">;
export type Warn = (event: string, details: Record<string, unknown>) => void;

export class Remembered {
  /** By topic id and partition; null when there is no inventory, or it is of no use. */
  readonly #inventory: ReadonlyMap<string, LogInventory> | null;
  readonly #texts: Texts;
  /** Whether the inventory was written by a clean stop. */
  readonly isClean: boolean;

  private constructor(inventory: Inventory | null, texts: Texts) {
    this.#inventory = inventory && new Map(inventory.logs.map((log) => [keyOf(log), log]));
    this.#texts = texts;
    this.isClean = inventory?.isClean ?? false;
  }

  /** Reads a directory's files. `lastBrokerEpoch` is of the last registration in the metadata log. */
  static read(store: Store, lastBrokerEpoch: number | undefined, warn: Warn): Remembered {
    const inventory = usable(readInventory(store), lastBrokerEpoch, warn);
    const texts = readTexts(store, warn);
    if (inventory !== null) compareWithTexts(inventory, texts, warn);
    return new Remembered(inventory, texts);
  }

  /** Whether every log has its row that is older than what was written down last. */
  get isComplete(): boolean {
    return this.#inventory !== null;
  }

  /**
   * No segment of the log that ends above was ever compacted; Infinity where nothing is known. A pass of the cleaner has
   * everything written down before it replaces the first segment, so that a log that is in no row is younger than any.
   */
  compactedTo(ref: LogRef): number {
    if (this.#inventory !== null) {
      const record = this.#inventory.get(keyOf(ref));
      return record === undefined ? 0 : everCompactedTo(record);
    }
    const { recoveryPoints, areRecoveryPointsKnown, cleaned } = this.#texts, folder = folderOf(ref);
    // The cleaner was there, and nothing says how far: so it is with a backup that was restored.
    const isNew = areRecoveryPointsKnown && !cleaned.has(folder);
    return recoveryPoints.get(folder) ?? (isNew ? 0 : Infinity);
  }

  /** The folders of which the texts say that something was synced. */
  synced(): string[] {
    return [...this.#texts.recoveryPoints].filter(([, offset]) => offset > 0).map(([name]) => name);
  }

  /** What is remembered of a log, or undefined. */
  of(ref: LogRef): LogInventory | undefined {
    if (this.#inventory !== null) return this.#inventory.get(keyOf(ref));
    const folder = folderOf(ref), { starts, recoveryPoints, highWatermarks, cleaned } = this.#texts;
    const recoveryPoint = recoveryPoints.get(folder), logStartOffset = starts.get(folder);
    if (recoveryPoint === undefined && logStartOffset === undefined) return undefined;
    return {
      topicId: ref.topicId,
      topic: ref.topic,
      partition: ref.partition,
      isExact: false,
      logStartOffset: logStartOffset ?? 0,
      recoveryPoint: recoveryPoint ?? 0,
      endOffset: Math.max(recoveryPoint ?? 0, highWatermarks.get(folder) ?? 0),
      compactedTo: cleaned.get(folder) ?? null,
      compactingTo: null,
      lastBatch: null,
      snapshot: null,
      epochs: [],
      segments: [],
    };
  }
}

type Offsets = ReadonlyMap<string, number>;

/** Kafka's text checkpoints, by folder. */
interface Texts {
  readonly recoveryPoints: Offsets;
  /** Whether their file is there and sound. */
  readonly areRecoveryPointsKnown: boolean;
  readonly highWatermarks: Offsets;
  readonly starts: Offsets;
  readonly cleaned: Offsets;
}

function keyOf({ topicId, partition }: { topicId: string; partition: number }): string {
  return `${topicId}:${partition}`;
}

function usable(
  found: Inventory | string | null,
  lastBrokerEpoch: number | undefined,
  warn: Warn,
): Inventory | null {
  const problem = inventoryProblem(found, lastBrokerEpoch);
  if (problem === null) return found as Inventory | null;
  warn("inventory_ignored", { reason: `${INVENTORY_FILE} ${problem}` });
  return null;
}

function readTexts(store: Store, warn: Warn): Texts {
  let areRecoveryPointsKnown = store.readAll(RECOVERY_POINT_CHECKPOINT) !== null;
  const damaged = (reason: string) => {
    if (reason.startsWith(RECOVERY_POINT_CHECKPOINT)) areRecoveryPointsKnown = false;
    warn("checkpoint_ignored", { reason });
  };
  const offsets = (file: string) => {
    const entries = readCheckpoint(store, file, damaged);
    return new Map(entries.map((entry: CheckpointEntry) => [folderOf(entry), entry.offset]));
  };
  const recoveryPoints = offsets(RECOVERY_POINT_CHECKPOINT);
  return {
    recoveryPoints,
    areRecoveryPointsKnown,
    highWatermarks: offsets(HIGH_WATERMARK_CHECKPOINT),
    starts: offsets(LOG_START_CHECKPOINT),
    cleaned: offsets(CLEANER_CHECKPOINT),
  };
}

/** Warns of values in the texts that this inventory's writer cannot have written. */
function compareWithTexts({ logs, isClean }: Inventory, texts: Texts, warn: Warn): void {
  const files = [
    [RECOVERY_POINT_CHECKPOINT, texts.recoveryPoints, (log: LogInventory) => log.recoveryPoint],
    [LOG_START_CHECKPOINT, texts.starts, (log: LogInventory) => log.logStartOffset],
    [CLEANER_CHECKPOINT, texts.cleaned, (log: LogInventory) => log.compactedTo ?? 0],
  ] as const;
  for (const [file, offsets, recorded] of files) {
    for (const log of logs) {
      const says = offsets.get(folderOf(log)), counts = recorded(log);
      if (says === undefined || says === counts || says < counts && !isClean) continue;
      warn("checkpoint_disagrees", { folder: folderOf(log), file, says, inventory: counts });
    }
  }
}
