/**
 * AwaitedEnds: who waits for an end that was decided to be complete, so that the next transaction of the id may begin.
 * Kafka's brokers ask their coordinator again every so often (add.partitions.to.txn.retry.backoff.ms), until they have done
 * so for add.partitions.to.txn.retry.backoff.max.ms. Here what waits hears of the end at once, too.
 */
export interface AwaitedEndsOptions {
  /** Calls `work` once after this long; returns what takes that back. */
  readonly wake: (delayMs: number, work: () => void) => () => void;
  /** Monotonic. */
  readonly nowMs: () => number;
  /** Whether an end of the id that was decided is still under way. */
  readonly isEnding: (transactionalId: string) => boolean;
  readonly retryMs: number;
  readonly limitMs: number;
}

export class AwaitedEnds {
  readonly #options: AwaitedEndsOptions;
  /** By transactional id. */
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(options: AwaitedEndsOptions) {
    this.#options = options;
  }

  /** Resolves when no end of the id is under way, or after the limit. */
  async whileEnding(transactionalId: string): Promise<void> {
    const { nowMs, isEnding, retryMs, limitMs } = this.#options, untilMs = nowMs() + limitMs;
    while (isEnding(transactionalId)) {
      const leftMs = untilMs - nowMs();
      if (leftMs <= 0) return;
      await this.#ended(transactionalId, Math.min(leftMs, retryMs));
    }
  }

  /** Whoever waits goes on, when it is true what they were told. */
  ended(transactionalId: string): void {
    for (const done of [...this.#watchers.get(transactionalId) ?? []]) done();
  }

  stop(): void {
    for (const id of [...this.#watchers.keys()]) this.ended(id);
  }

  #ended(transactionalId: string, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const watchers = this.#watchers.get(transactionalId) ?? new Set();
      this.#watchers.set(transactionalId, watchers);
      const done = () => {
        cancel();
        watchers.delete(done);
        if (watchers.size === 0 && this.#watchers.get(transactionalId) === watchers) {
          this.#watchers.delete(transactionalId);
        }
        resolve();
      };
      const cancel = this.#options.wake(limitMs, done);
      watchers.add(done);
    });
  }
}
