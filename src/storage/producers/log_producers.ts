/**
 * LogProducers: one log's producer state over its life: read at first use (producer_recovery.ts), forgotten when a write
 * is taken back, written down when a segment is rolled.
 *
 * Where a damaged batch is a part of the state there is none: what needs it is refused, what does not goes on. Reading
 * is not tried again before the log begins somewhere else, for it may read all of the log.
 */
import { CorruptBatchError } from "../segments/corrupt_batch_error.ts";
import type { ProducerContext } from "./producer_context.ts";
import type { Segment } from "../segments/segment.ts";
import { loadProducerState, type ProducerRange } from "./producer_recovery.ts";
import type { ProducerState } from "./producer_state.ts";
import { StoreError } from "../store.ts";

interface ProducerLog extends Omit<ProducerRange, "expected"> {
  readonly folder: string;
  readonly segments: readonly Segment[];
}

export class LogProducers {
  readonly #context: ProducerContext;
  readonly #log: ProducerLog;
  readonly #expected: ProducerRange["expected"];
  #state: ProducerState | null = null;
  /** Kept over forget(): an answer that is on its way is still good. */
  #verifications: ProducerState["verifications"] = null;
  #fault: { readonly error: CorruptBatchError; readonly logStartOffset: number } | null = null;

  constructor(context: ProducerContext, log: ProducerLog, expected: ProducerRange["expected"]) {
    this.#context = context;
    this.#log = log;
    this.#expected = expected;
  }

  /** Throws CorruptBatchError when there is none. */
  get state(): ProducerState {
    return this.#state ??= this.#load();
  }

  /** The state where it has been asked for; null before. */
  get loaded(): ProducerState | null {
    return this.#state;
  }

  /** Whether there is a state. Where the store fails there is none for now: it is read again when it is asked for again. */
  get isReadable(): boolean {
    try {
      return this.state !== null;
    } catch (error) {
      if (error instanceof CorruptBatchError) return false; // reported
      if (!(error instanceof StoreError)) throw error;
      this.#context.onProblem("producers_unreadable", {
        folder: this.#log.folder,
        error: error.message,
      });
      return false;
    }
  }

  /** It is read again when it is asked for. */
  forget(): void {
    this.#verifications = this.#state?.verifications ?? this.#verifications;
    this.#state = this.#fault = null;
  }

  #load(): ProducerState {
    const { folder, segments, logStartOffset, logEndOffset } = this.#log;
    if (this.#fault?.logStartOffset === logStartOffset) throw this.#fault.error;
    try {
      const range = { logStartOffset, logEndOffset, expected: this.#expected };
      const state = loadProducerState(this.#context, folder, segments, range);
      state.verifications = this.#verifications;
      return state;
    } catch (error) {
      if (error instanceof CorruptBatchError) this.#fault = { error, logStartOffset };
      throw error;
    }
  }
}
