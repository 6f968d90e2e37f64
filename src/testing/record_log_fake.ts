/**
 * FakeRecordLog: a RecordLog in memory, for tests of what stands on the metadata log. It can lose what was not synced
 * (crash), fail a sync, and hold syncs back until they are released.
 */
import * as batch from "../protocol/records/batch.ts";
import type { RecordLog } from "../topics/metadata_log.ts";

export class FakeRecordLog implements RecordLog {
  logStartOffset = 0;
  logEndOffset = 0;
  readonly epochs = { latestEpoch: -1 };
  /** Every batch, in order. */
  readonly batches: Uint8Array[] = [];
  failNextSync = false;
  /** While set, syncs wait for it. */
  gate: Promise<void> | null = null;
  #synced = 0;
  #epoch = -1;

  lead(epoch: number): Promise<void> {
    this.#epoch = epoch;
    return Promise.resolve();
  }

  append(
    bytes: Uint8Array,
    { leaderEpoch }: { leaderEpoch: number },
  ): { errorCode: number; durable: null } {
    if (leaderEpoch !== this.#epoch) throw new Error(`epoch ${leaderEpoch}, not ${this.#epoch}`);
    const copy = bytes.slice();
    batch.assign(copy, 0, this.logEndOffset, leaderEpoch);
    this.epochs.latestEpoch = leaderEpoch;
    this.logEndOffset = batch.lastOffset(copy, 0) + 1;
    this.batches.push(copy);
    return { errorCode: 0, durable: null };
  }

  roll(): void {}

  advanceStart(offset: number): void {
    this.logStartOffset = offset;
    const before = this.batches.findIndex((bytes) => batch.lastOffset(bytes, 0) >= offset);
    const dropped = this.batches.splice(0, before < 0 ? this.batches.length : before);
    this.#synced = Math.max(0, this.#synced - dropped.length);
  }

  dropBeforeStart(): void {}

  read(from: number): Uint8Array | null {
    return this.batches.find((bytes) => batch.lastOffset(bytes, 0) >= from) ?? null;
  }

  async sync(): Promise<void> {
    const count = this.batches.length;
    if (this.gate !== null) await this.gate;
    if (this.failNextSync) throw new Error("the device is gone");
    this.#synced = Math.max(this.#synced, count);
  }

  /** What a power loss leaves: a log with the synced batches alone. */
  crashed(): FakeRecordLog {
    const left = new FakeRecordLog();
    left.logStartOffset = left.logEndOffset = this.logStartOffset;
    for (const bytes of this.batches.slice(0, this.#synced)) {
      const epoch = batch.partitionLeaderEpoch(bytes, 0);
      left.#epoch = epoch;
      left.append(bytes, { leaderEpoch: epoch });
    }
    left.#synced = left.batches.length;
    return left;
  }
}
