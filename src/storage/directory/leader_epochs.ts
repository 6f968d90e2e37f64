/**
 * LeaderEpochs: at which offset each leader epoch of a partition began (KIP-101), kept in `leader-epoch-checkpoint`:
 *
 *     0            version
 *     2            number of entries
 *     0 0          epoch, start offset
 *     3 1500
 *
 * Both ascend. A client or follower that was cut off asks where its epoch ended, and so learns what of its data
 * still holds. Answers are those of Kafka's LeaderEpochFileCache.
 */
import { formatLines, parseLines } from "./checkpoints.ts";
import type { Store } from "../store.ts";

export interface EpochEntry {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Answered when the epoch asked for is not known. */
const UNDEFINED_EPOCH = -1;
const UNDEFINED_OFFSET = -1;

export class LeaderEpochs {
  /** Why the checkpoint could not be used, or null. Then nothing is known until assign() is told again. */
  readonly damage: string | null;
  readonly #store: Store;
  readonly #path: string;
  #entries: EpochEntry[];

  constructor(
    store: Store,
    path: string,
    entries: readonly EpochEntry[],
    damage: string | null = null,
  ) {
    this.#store = store;
    this.#path = path;
    this.#entries = [...entries];
    this.damage = damage;
  }

  /** What the folder's checkpoint says. */
  static load(store: Store, folder: string): LeaderEpochs {
    const path = `${folder}/leader-epoch-checkpoint`;
    const bytes = store.readAll(path);
    const entries = bytes === null ? [] : parseEpochs(new TextDecoder().decode(bytes));
    return typeof entries === "string"
      ? new LeaderEpochs(store, path, [], `${path} is of no use: ${entries}`)
      : new LeaderEpochs(store, path, entries);
  }

  /** Ascending. */
  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  /** -1 when there is none. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? UNDEFINED_EPOCH;
  }

  /** Notes that `epoch` begins at `startOffset`. Entries that contradict it go. Returns whether anything changed. */
  assign(epoch: number, startOffset: number): boolean {
    if (epoch < 0 || startOffset < 0) {
      throw new RangeError(
        `Cannot assign epoch ${epoch} at offset ${startOffset}: both need to be 0 or more`,
      );
    }
    const latest = this.#entries.at(-1);
    if (latest !== undefined && latest.epoch === epoch && startOffset >= latest.startOffset) {
      return false;
    }
    this.#entries = this.#entries.filter((e) => e.epoch < epoch && e.startOffset < startOffset);
    this.#entries.push({ epoch, startOffset });
    return true;
  }

  /**
   * Where `epoch` ended, for OffsetForLeaderEpoch: the largest known epoch not above it, and the offset the next one
   * began at; for the latest epoch the log end. -1 and -1 when the epoch is above all known ones.
   */
  endOffsetFor(epoch: number, logEndOffset: number): { epoch: number; endOffset: number } {
    if (epoch === UNDEFINED_EPOCH) return { epoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_OFFSET };
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch);
    if (next < 0) return { epoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_OFFSET };
    const floor = next === 0 ? epoch : this.#entries[next - 1].epoch;
    return { epoch: floor, endOffset: this.#entries[next].startOffset };
  }

  /** The epoch of the record at `offset`, or -1. */
  epochFor(offset: number): number {
    return this.#entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? UNDEFINED_EPOCH;
  }

  /** Takes what the batches say for what was known; epochs that lie before the log start begin there. */
  replace(entries: readonly EpochEntry[], logStartOffset: number): void {
    this.#entries = [...entries];
    this.truncateFromStart(logStartOffset);
  }

  /** The log was cut to end at `endOffset`. Returns whether anything changed. */
  truncateFromEnd(endOffset: number): boolean {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => entry.startOffset < endOffset);
    return this.#entries.length !== before;
  }

  /** The log now starts at `startOffset`: the epoch it lies in begins there. Returns whether anything changed. */
  truncateFromStart(startOffset: number): boolean {
    const last = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset);
    if (last < 0 || last === 0 && this.#entries[0].startOffset === startOffset) return false;
    this.#entries.splice(0, last + 1, { epoch: this.#entries[last].epoch, startOffset });
    return true;
  }

  /** Writes the checkpoint. */
  save(): Promise<void> {
    return this.#store.replace(this.#path, LeaderEpochs.format(this.#entries));
  }

  /** The checkpoint's content. */
  static format(entries: readonly EpochEntry[]): Uint8Array {
    return formatLines(entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
  }
}

/** The entries, or what is wrong with the text. */
function parseEpochs(text: string): EpochEntry[] | string {
  const line = /^(\d{1,10}) (\d{1,16})$/;
  const entries = parseLines(text, line, "<epoch> <start offset>", ([, epoch, offset]) => ({
    epoch: Number(epoch),
    startOffset: Number(offset),
  }));
  if (typeof entries === "string") return entries;
  for (let i = 1; i < entries.length; i++) {
    const { epoch, startOffset } = entries[i];
    if (epoch > entries[i - 1].epoch && startOffset > entries[i - 1].startOffset) continue;
    return `line ${i + 3}, epoch ${epoch} at ${startOffset}, does not ascend`;
  }
  return entries;
}
