/**
 * TransactionSurvey: which transactions are open in the partitions of a directory, and which of them the coordinator's log
 * (`__transaction_state`) knows. One that it does not know is hanging: nobody ends it, and read_committed consumers stop
 * before it for ever. Runnel leaves none; Kafka did before KIP-890, and a directory may come from there.
 */
import * as batch from "../../protocol/records/batch.ts";
import { decode } from "../../protocol/codec.ts";
import { decodeVersioned, recordType } from "../../protocol/log_record.ts";
import { TransactionLogKey, TransactionLogValue } from "../../protocol/messages/transaction_log.ts";
import { readRecords } from "../../protocol/records/record.ts";
import type { Decoded } from "../../protocol/schema.ts";
import { readEndTxnMarker } from "../producers/end_txn_marker.ts";
import type { Finding } from "./verify.ts";

interface OpenTransaction {
  readonly firstOffset: number;
  epoch: number;
}

type Coordinated = Decoded<typeof TransactionLogValue>;

export class TransactionSurvey {
  /** By folder and producer id. */
  readonly #open = new Map<string, Map<number, OpenTransaction>>();
  /** What the coordinator's log says last, by transactional id. */
  readonly #coordinated = new Map<string, Coordinated>();
  /** Folders of which not everything could be read. */
  readonly #damaged = new Set<string>();

  /** Takes up a sound batch of a partition; of each partition in the order of offsets. */
  saw(folder: string, bytes: Uint8Array, logStartOffset: number): void {
    if (isCoordinators(folder) && !batch.isControl(bytes)) this.#coordinates(folder, bytes);
    if (!batch.isTransactional(bytes) || batch.lastOffset(bytes) < logStartOffset) return;
    const producerId = batch.producerId(bytes), epoch = batch.producerEpoch(bytes);
    const open = this.#open.get(folder);
    if (batch.isControl(bytes)) {
      if (readEndTxnMarker(bytes) !== null) open?.delete(producerId);
      return;
    }
    const known = open?.get(producerId);
    if (known !== undefined) known.epoch = epoch;
    else {
      const opened = { firstOffset: batch.baseOffset(bytes), epoch };
      if (open !== undefined) open.set(producerId, opened);
      else this.#open.set(folder, new Map([[producerId, opened]]));
    }
  }

  /** Not all of the folder can be read: what is said of it may be wrong, and is left out. */
  isDamaged(folder: string): void {
    this.#damaged.add(folder);
  }

  /** One for each transaction that hangs. `cut` is a damaged partition that is taken to end where the damage begins. */
  *findings(cut?: string): Generator<Finding> {
    const known = this.#awaited();
    const isUnsure = [...this.#damaged].some(isCoordinators);
    for (const [folder, transactions] of this.#open) {
      if (this.#damaged.has(folder) && folder !== cut) continue;
      for (const [producerId, { firstOffset, epoch }] of transactions) {
        if (epoch <= (known.get(`${folder} ${producerId}`) ?? -1)) continue;
        const who = `the transaction of producer ${producerId}, epoch ${epoch}`;
        const problem = `${who}, is open from offset ${firstOffset} on, and ${
          isUnsure
            ? "what can be read of __transaction_state does not know it"
            : "no coordinator knows it"
        }: consumers that read committed records only stop before it. Once the broker runs, ` +
          `"runnel txn find-hanging" names it and "runnel txn abort" ends it`;
        yield { kind: "hanging", file: folder, problem };
      }
    }
  }

  /** By "<folder> <producer id>", the last epoch of which the coordinator will end a transaction. */
  #awaited(): Map<string, number> {
    const awaited = new Map<string, number>();
    for (const value of this.#coordinated.values()) {
      if (!ENDS_IT.has(value.transactionStatus)) continue;
      for (const { topic, partitionIds } of value.transactionPartitions ?? []) {
        for (const partition of partitionIds) {
          awaited.set(`${topic}-${partition} ${value.producerId}`, value.producerEpoch);
          if (value.previousProducerId < 0) continue;
          awaited.set(`${topic}-${partition} ${value.previousProducerId}`, Infinity);
        }
      }
    }
    return awaited;
  }

  #coordinates(folder: string, bytes: Uint8Array): void {
    try {
      for (const { key, value } of readRecords(bytes, 0, MAX_DECOMPRESSED_BYTES)) {
        if (key === null || recordType(key) !== TransactionLogKey.key) continue;
        const { transactionalId } = decode(TransactionLogKey, 0, key, 2);
        if (value === null) this.#coordinated.delete(transactionalId);
        else this.#coordinated.set(transactionalId, decodeVersioned(TransactionLogValue, value));
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#damaged.add(folder); // the broker says what of it, when it loads it
    }
  }
}

function isCoordinators(folder: string): boolean {
  return /^__transaction_state-\d+$/.test(folder);
}

/** Ongoing, PrepareCommit, PrepareAbort, PrepareEpochFence. */
const ENDS_IT: ReadonlySet<number> = new Set([1, 2, 3, 7]);
const MAX_DECOMPRESSED_BYTES = 64 << 20;
