/**
 * TransactionShard: the transactional ids of one partition of `__transaction_state`.
 */
import type { Now, RecordSource, Shard, ShardRecord } from "../coordination/shard.ts";
import type { TransactionDecision } from "./transaction_decision.ts";
import type { TransactionEvent, TransactionFact, TransactionKinds } from "./transaction_events.ts";
import { apply, decide, due, take } from "./transaction_machine.ts";
import { decodeTransactionRecord, encodeTransactionFact } from "./transaction_records.ts";
import {
  isVoid,
  newTransaction,
  type Transaction,
  type TransactionVersion,
} from "./transaction.ts";

export class TransactionShard implements Shard<TransactionKinds> {
  readonly #transactions = new Map<string, Transaction>();
  readonly #transactionVersion: () => TransactionVersion;
  #idLength = 0;

  /** `transactionVersion`: the finalised level of the feature, asked at each decision. */
  constructor(transactionVersion: () => TransactionVersion) {
    this.#transactionVersion = transactionVersion;
  }

  get size(): number {
    return this.#transactions.size;
  }

  /** UTF-16 units of all ids together. */
  get idLength(): number {
    return this.#idLength;
  }

  get(id: string): Transaction | undefined {
    return this.#transactions.get(id);
  }

  has(transaction: Transaction): boolean {
    return this.#transactions.get(transaction.id) === transaction;
  }

  entities(): Iterable<Transaction> {
    return this.#transactions.values();
  }

  decide(
    transaction: Readonly<Transaction>,
    event: TransactionEvent,
    now: Now,
  ): TransactionDecision {
    return decide(transaction, event, { now, transactionVersion: this.#transactionVersion() });
  }

  due(transaction: Readonly<Transaction>): TransactionEvent | null {
    return due(transaction);
  }

  /** What grows too old is looked for at intervals, as in Kafka. */
  nextDeadline(): null {
    return null;
  }

  apply(transaction: Transaction, fact: TransactionFact): void {
    apply(transaction, fact);
  }

  /** Nobody writes about transactions in a transaction. */
  hold(producerId: number, id: string): never {
    throw new Error(
      `Transactional id ${id} is written about in a transaction of producer ${producerId}`,
    );
  }

  marker(): void {}

  settle(transaction: Transaction): void {
    const { id } = transaction;
    if (!isVoid(transaction)) this.#keep(transaction);
    else if (this.#transactions.get(id) === transaction) this.#forget(id);
  }

  encode(id: string, fact: TransactionFact): ShardRecord | null {
    return encodeTransactionFact(id, fact);
  }

  replay(record: ShardRecord, { producerId }: RecordSource): void {
    const decoded = decodeTransactionRecord(record);
    if (decoded === null) return;
    const { id, value } = decoded;
    if (producerId !== null) this.hold(producerId, id);
    if (value === null) return this.#forget(id);
    const transaction = this.#transactions.get(id) ?? newTransaction(id);
    take(transaction, value, null);
    this.#keep(transaction);
  }

  loaded(): void {}

  clear(): void {
    this.#transactions.clear();
    this.#idLength = 0;
  }

  #keep(transaction: Transaction): void {
    const { id } = transaction;
    if (!this.#transactions.has(id)) this.#idLength += id.length;
    this.#transactions.set(id, transaction);
  }

  #forget(id: string): void {
    if (this.#transactions.delete(id)) this.#idLength -= id.length;
  }
}
