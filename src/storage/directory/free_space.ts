/**
 * FreeSpace: keeps the last bytes of the disk for what must go on when it is full: commits, metadata, checkpoints,
 * compaction and the journal. Below the floor clients' batches are refused (56, KAFKA_STORAGE_ERROR); everything that
 * reads, commits or deletes goes on, so retention or an operator can make room, and then it heals by itself.
 *
 * Asking the file system for every batch would be a system call for each. What was free above the floor at the last
 * look is an allowance that batches use up; when it is gone, and every second (others write to the disk too), it looks
 * again.
 */
export interface FreeSpaceOptions {
  /** Bytes free now, or Infinity when the question has no answer. */
  readonly freeBytes: () => number;
  readonly minFreeBytes: number;
  /** Told when batches begin to be refused, and when that is over. */
  readonly onChange: (isLow: boolean, freeBytes: number) => void;
  /** Told when the file system does not answer; the last answer holds until it does. */
  readonly onProblem: (error: unknown) => void;
}

export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  #freeBytes = Infinity;
  #allowance = Infinity;
  #isLow = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
    this.look();
  }

  /** At the last look. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Whether batches are refused. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** Whether there is room for a client's batch, which counts as written then. */
  admits(bytes: number): boolean {
    if (this.#isLow) return false;
    this.#allowance -= bytes;
    if (this.#allowance < 0) this.look();
    return !this.#isLow;
  }

  /** Asks the file system. */
  look(): void {
    const { minFreeBytes, onChange, onProblem } = this.#options;
    try {
      this.#freeBytes = this.#options.freeBytes();
    } catch (error) {
      return onProblem(error);
    }
    this.#allowance = this.#freeBytes - minFreeBytes;
    const isLow = this.#allowance < 0;
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    onChange(isLow, this.#freeBytes);
  }

  /** Looks every so often until stop(). */
  start(intervalMs: number): void {
    this.#timer = setInterval(() => this.look(), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
