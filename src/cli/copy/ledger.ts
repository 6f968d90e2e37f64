/**
 * Ledger: the progress of a copy, kept on the target as offsets of a group. What is written in one turn goes in one
 * transaction, by a producer whose transactional id a later copy of the same name takes over: then nothing can be
 * written here any more, and this one ends.
 */
import type { Cluster } from "../../client/cluster.ts";
import { TransactionError } from "../../client/errors.ts";
import { storedOffsets } from "../../client/stored_offsets.ts";
import { type OffsetToCommit, TransactionalProducer } from "../../client/transactional_producer.ts";
import { decodeProgress, encodeProgress, type ProgressRecord } from "./progress_record.ts";

/** What is kept of a partition of the target. */
export interface Kept {
  readonly progress: ProgressRecord;
  /** So far it was there when that was written. */
  readonly copied: number;
}

/** Another copy of this name has begun. */
export class TakenOverError extends Error {
  override readonly name = "TakenOverError";
}

export class Ledger implements AsyncDisposable {
  readonly groupId: string;
  readonly #cluster: Cluster;
  readonly #producer: TransactionalProducer;
  #waiting: {
    readonly offset: OffsetToCommit;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #isWriting = false;

  private constructor(cluster: Cluster, groupId: string) {
    this.groupId = groupId;
    this.#cluster = cluster;
    this.#producer = new TransactionalProducer(cluster, {
      transactionalId: groupId,
      callTimeoutMs: CALL_TIMEOUT_MS,
    });
  }

  /** Takes over from whoever had it. Throws KafkaError, ConnectionError, TransactionError. */
  static async open(cluster: Cluster, name: string): Promise<Ledger> {
    const ledger = new Ledger(cluster, `${LEDGER_PREFIX}${name}`);
    await ledger.#producer.init();
    return ledger;
  }

  /** By "topic-partition" of the target; what is none of this kind is passed over. */
  async read(): Promise<Map<string, Kept>> {
    return await readLedger(this.#cluster, this.groupId);
  }

  /**
   * Resolves when it is kept. The next one of a partition comes behind that. Throws TakenOverError, and TransactionError
   * where it could not be kept.
   */
  write(topic: string, partition: number, { progress, copied }: Kept): Promise<void> {
    const metadata = encodeProgress(progress);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        offset: { topic, partition, offset: copied, metadata },
        resolve,
        reject,
      });
      this.#writeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.close();
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    await null; // what comes in this turn goes together
    while (this.#waiting.length > 0) {
      const round = this.#waiting.splice(0, MAX_OFFSETS);
      try {
        await this.#commit(round.map(({ offset }) => offset));
        for (const { resolve } of round) resolve();
      } catch (error) {
        for (const { reject } of round) reject(error);
      }
    }
    this.#isWriting = false;
  }

  async #commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    try {
      this.#producer.begin();
      await this.#producer.sendOffsets(this.groupId, offsets);
      await this.#end();
    } catch (error) {
      if (error instanceof TransactionError) {
        if (error.kind === "fenced") {
          throw new TakenOverError(
            `Another copy named ${
              this.groupId.slice(LEDGER_PREFIX.length)
            } has begun and goes on in the place of this one`,
          );
        }
        if (error.kind === "abort") await this.#producer.abort();
      }
      throw error;
    }
  }

  /** Without an answer it may be committed or not: it is asked for again. */
  async #end(): Promise<void> {
    for (let tries = 1;; tries++) {
      try {
        return await this.#producer.commit();
      } catch (error) {
        const isOpen = error instanceof TransactionError && error.kind === "again";
        if (!isOpen || tries === COMMIT_TRIES) throw error;
      }
    }
  }
}

/** By "topic-partition". */
export async function readLedger(cluster: Cluster, groupId: string): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>();
  for (const { topic, partition, offset, metadata } of await storedOffsets(cluster, groupId)) {
    const progress = decodeProgress(metadata);
    if (progress !== null) kept.set(`${topic}-${partition}`, { progress, copied: Number(offset) });
  }
  return kept;
}

/** Groups of this kind are progress of copies. */
export const LEDGER_PREFIX = "runnel-copy.";

/** A transaction's, so that no request is too large: some KiB each. */
const MAX_OFFSETS = 500;
const COMMIT_TRIES = 3;
const CALL_TIMEOUT_MS = 30_000;
