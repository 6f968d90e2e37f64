/**
 * OwnFlush: what a topic asks of the device for itself, by flush.messages and flush.ms, under a policy that leaves syncs to
 * the system.
 *
 * When so many records are written and not synced, the log is, and the acknowledgement of the record that made it so many
 * waits for that, as in Kafka, whose append flushes before it returns (UnifiedLog). What is older than flush.ms is synced
 * behind. Under flush=fsync all of that holds anyway.
 */
import { systemTimers, type Timers } from "../../clock.ts";
import type { TopicConfig } from "../../config/topic_configs.ts";

export interface OwnFlushOptions {
  readonly timers?: Timers;
  /** The topic's config as it is now. */
  readonly config: () => Pick<TopicConfig, "flush.messages" | "flush.ms">;
  /** Offsets up to which records are written, and synced. */
  readonly ends: { readonly writtenOffset: number; readonly syncedOffset: number };
  /** Syncs what is written; false when nothing can be any more. */
  readonly sync: () => Promise<boolean>;
  /** Acknowledgements that waited may leave. */
  readonly onSynced: () => void;
}

export class OwnFlush {
  readonly #options: OwnFlushOptions;
  /** Whether what is acknowledged has to be synced: so many records were not. */
  #isOwed = false;
  #isSyncing = false;
  #cancel: (() => void) | null = null;
  #isClosed = false;

  constructor(options: OwnFlushOptions) {
    this.#options = options;
  }

  /** Whether acknowledgements wait for a sync. */
  get isOwed(): boolean {
    return this.#isOwed;
  }

  /** More has been written. */
  written(): void {
    const { config, ends, timers = systemTimers } = this.#options, rules = config();
    if (ends.writtenOffset - ends.syncedOffset >= rules["flush.messages"]) {
      this.#isOwed = true;
      return this.#sync();
    }
    if (this.#cancel !== null || rules["flush.ms"] > MAX_FLUSH_MS) return;
    this.#cancel = timers.after(rules["flush.ms"], () => {
      this.#cancel = null;
      this.#sync();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  /** One at a time; whether another one is due is seen when it ends, and before anything is acknowledged. */
  #sync(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const ended = (isDone: boolean) => {
      this.#isSyncing = this.#isOwed = false;
      if (!isDone || this.#isClosed) {
        this.#isOwed = true; // nothing is acknowledged any more
        return;
      }
      const { ends, onSynced } = this.#options;
      if (ends.writtenOffset > ends.syncedOffset) this.written();
      if (!this.#isOwed) onSynced();
    };
    this.#options.sync().then(ended, () => ended(false));
  }
}

/** "For ever" is no time to wait for; a year is more than any process runs without a sync. */
const MAX_FLUSH_MS = 365 * 24 * 3_600_000;
