/**
 * LogEpochs: one log's leader epochs over its life: read at first use, held against the batches when somebody asks
 * (epoch_check.ts), written down when they changed.
 *
 * Taking up a leadership does not ask: a broker takes up thousands when it starts, and reads no batch for it.
 */
import { type EpochLog, healEpochs } from "./epoch_check.ts";
import { type EpochEntry, LeaderEpochs } from "../directory/leader_epochs.ts";
import { StoreError } from "../store.ts";
import type { LogContext } from "./log_context.ts";

export class LogEpochs {
  readonly #context: LogContext;
  readonly #log: EpochLog;
  #epochs: LeaderEpochs | null = null;
  /** Begun since, and to be taken up when the others are read. */
  readonly #begun: EpochEntry[] = [];
  #isSound: boolean;
  #isChanged = false;
  /** The log start that has been written down. The checkpoint of a start that was not would contradict the batches below. */
  #startOffset: number;
  #saving: Promise<void> = Promise.resolve();

  constructor(context: LogContext, log: EpochLog, isNew: boolean) {
    this.#context = context;
    this.#log = log;
    this.#isSound = isNew;
    this.#startOffset = log.logStartOffset;
  }

  /** What the batches agree with. */
  get sound(): LeaderEpochs {
    const epochs = this.#loaded;
    if (!this.#isSound) {
      this.#isSound = true;
      const { folder, segments, logEndOffset, leaderEpoch } = this.#log;
      const log = {
        folder,
        segments,
        logEndOffset,
        leaderEpoch,
        logStartOffset: this.#startOffset,
      };
      if (healEpochs(this.#context, epochs, log)) this.#isChanged = true;
    }
    return epochs;
  }

  /** Where the store does not let the others be read now, it is taken up when they are. */
  assign(leaderEpoch: number, startOffset: number): void {
    this.#begun.push({ epoch: leaderEpoch, startOffset });
    try {
      void this.#loaded;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  /**
   * As UnifiedLog.maybeIncrementLogStartOffset: an epoch that is gone ends where the log begins. Once that start has been
   * written down: a start that finds the old one would miss the epochs of what lies between.
   */
  truncateFromStart(logStartOffset: number): void {
    if (logStartOffset <= this.#startOffset) return;
    this.#startOffset = logStartOffset;
    if (this.#loaded.truncateFromStart(logStartOffset)) this.#isChanged = true;
  }

  truncateFromEnd(logEndOffset: number): void {
    if (this.#epochs?.truncateFromEnd(logEndOffset)) this.#isChanged = true;
  }

  /** One at a time: who saves last finds nothing under way when this resolves. */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#write());
    this.#saving = saved.catch(() => {}); // whoever asked has the error
    return saved;
  }

  /** Resolves when no save is under way, nor waits for another. Never rejects. */
  settled(): Promise<void> {
    return this.#saving;
  }

  async #write(): Promise<void> {
    if (!this.#isChanged && this.#begun.length === 0) return;
    const epochs = this.#loaded;
    if (!this.#isChanged) return;
    this.#isChanged = false;
    try {
      await epochs.save();
    } catch (error) {
      this.#isChanged = true; // the next one tries again
      throw error;
    }
  }

  get #loaded(): LeaderEpochs {
    if (this.#epochs === null) {
      this.#epochs = LeaderEpochs.load(this.#context.store, this.#log.folder);
      this.#epochs.truncateFromStart(this.#startOffset);
    }
    for (const { epoch, startOffset } of this.#begun.splice(0)) {
      if (this.#epochs.assign(epoch, startOffset)) this.#isChanged = true;
    }
    return this.#epochs;
  }
}
