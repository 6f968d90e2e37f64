/**
 * LogEpochs: one log's leader epochs over its life: read at first use, held against the batches when somebody asks
 * (epoch_check.ts), written down when they changed.
 *
 * Taking up a leadership does not ask: a broker takes up thousands when it starts, and reads no batch for it.
 */
import { type EpochLog, healEpochs } from "./epoch_check.ts";
import { LeaderEpochs } from "./leader_epochs.ts";
import type { LogContext } from "./log_context.ts";

export class LogEpochs {
  readonly #context: LogContext;
  readonly #log: EpochLog;
  #epochs: LeaderEpochs | null = null;
  #isSound: boolean;
  #isChanged = false;

  constructor(context: LogContext, log: EpochLog, isNew: boolean) {
    this.#context = context;
    this.#log = log;
    this.#isSound = isNew;
  }

  /** What the batches agree with. */
  get sound(): LeaderEpochs {
    const epochs = this.#loaded;
    if (!this.#isSound) {
      this.#isSound = true;
      if (healEpochs(this.#context, epochs, this.#log)) this.#isChanged = true;
    }
    return epochs;
  }

  assign(leaderEpoch: number, startOffset: number): void {
    if (this.#loaded.assign(leaderEpoch, startOffset)) this.#isChanged = true;
  }

  /** As UnifiedLog.maybeIncrementLogStartOffset: an epoch that is gone ends where the log begins. */
  truncateFromStart(logStartOffset: number): void {
    if (this.#loaded.truncateFromStart(logStartOffset)) this.#isChanged = true;
  }

  truncateFromEnd(logEndOffset: number): void {
    if (this.#epochs?.truncateFromEnd(logEndOffset)) this.#isChanged = true;
  }

  async save(): Promise<void> {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    try {
      await this.#loaded.save();
    } catch (error) {
      this.#isChanged = true; // the next one tries again
      throw error;
    }
  }

  get #loaded(): LeaderEpochs {
    return this.#epochs ??= LeaderEpochs.load(this.#context.store, this.#log.folder);
  }
}
