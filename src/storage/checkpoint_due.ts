/**
 * CheckpointDue: when logs had better be written down before the usual time: after a segment was sealed and synced, and
 * after much was written, so that a start has little to walk. Not more often than a fraction of the time allows.
 */
import type { PartitionLog } from "./log/partition_log.ts";

export class CheckpointDue {
  /** What was seen of each log when it was looked at last. */
  readonly #seen = new WeakMap<PartitionLog, { activeBase: number; visibleBytes: number }>();
  #bytes = 0;
  #isDue = false;
  #restUntilMs = 0;

  /** Looks at the logs; whether to write now. */
  look(logs: Iterable<PartitionLog>, nowMs: number): boolean {
    for (const log of logs) if (log.offline === null) this.#lookAt(log);
    this.#isDue ||= this.#bytes >= MAX_BYTES;
    if (!this.#isDue || nowMs < this.#restUntilMs) return false;
    this.#isDue = false;
    this.#bytes = 0;
    return true;
  }

  /** Notes how long it took to write. */
  wrote(beganMs: number, endedMs: number): void {
    this.#restUntilMs = endedMs + (endedMs - beganMs) * REST;
  }

  #lookAt(log: PartitionLog): void {
    const { visibleBytes, segments, recoveryPoint } = log, seen = this.#seen.get(log);
    const activeBase = segments[segments.length - 1].baseOffset;
    if (seen === undefined) {
      this.#seen.set(log, { activeBase, visibleBytes });
      return;
    }
    this.#bytes += visibleBytes - seen.visibleBytes;
    seen.visibleBytes = visibleBytes;
    if (seen.activeBase === activeBase || recoveryPoint < activeBase) return; // what was sealed is not synced yet
    seen.activeBase = activeBase;
    this.#isDue = true;
  }
}

const MAX_BYTES = 256 << 20;
/** So many times as long as it took to write nothing is written. */
const REST = 20;
