/**
 * TransactionDriver: one transactional id without a log or a network: events go through the shard as the runtime takes
 * them, and what the log would hold is there to be read again.
 */
import type { Now, ShardRecord } from "../coordination/shard.ts";
import {
  newTransaction,
  type Transaction,
  type TransactionVersion,
} from "../transactions/transaction.ts";
import type {
  Credentials,
  TransactionEvent,
  TransactionReply,
} from "../transactions/transaction_events.ts";
import { TransactionShard } from "../transactions/transaction_shard.ts";
import type { Partition } from "../transactions/partition_set.ts";

const ID = "a transactional id";
const TICKET = 7;

export class TransactionDriver {
  /** The finalised level of transaction.version. */
  version: TransactionVersion;
  readonly now = { ms: 1_000_000, wallMs: 1_700_000_000_000 };
  readonly log: ShardRecord[] = [];
  /** Producer ids given out. */
  given = 0;
  #shard: TransactionShard;

  constructor(version: TransactionVersion = 2) {
    this.version = version;
    this.#shard = new TransactionShard(() => this.version);
  }

  get transaction(): Transaction {
    return this.#shard.get(ID) ?? newTransaction(ID);
  }

  get value() {
    return this.transaction.value;
  }

  get credentials(): Credentials {
    const { producerId, producerEpoch } = this.value;
    return { producerId, producerEpoch };
  }

  passes(ms: number): void {
    this.now.ms += ms;
    this.now.wallMs += ms;
  }

  /** The answer; with fresh producer ids 1000, 1001 … where one is needed. */
  ask(event: (freshProducerId: number | null) => TransactionEvent): TransactionReply {
    const reply = this.submit(event(null));
    if (!reply?.needsProducerId) return reply!;
    return this.submit(event(1000 + this.given++))!;
  }

  submit(event: TransactionEvent): TransactionReply | undefined {
    const { transaction } = this, replies: TransactionReply[] = [];
    for (
      let next: TransactionEvent | null = event;
      next !== null;
      next = this.#shard.due(transaction)
    ) {
      const decision = this.#shard.decide(transaction, next, this.now as Now);
      for (const fact of decision.facts) {
        const record = this.#shard.encode(ID, fact);
        if (record !== null) this.log.push(record);
        this.#shard.apply(transaction, fact);
      }
      replies.push(...decision.replies);
    }
    this.#shard.settle(transaction);
    return replies[0];
  }

  /** Forgets everything, and reads the log. */
  reload(): void {
    this.#shard = new TransactionShard(() => this.version);
    for (const record of this.log) {
      this.#shard.replay(record, { timestampMs: this.now.wallMs, producerId: null });
    }
    this.#shard.loaded();
    this.submit({ kind: "loaded", trustedMs: this.now.wallMs });
  }

  init(
    { expected = null, timeoutMs = 60_000 }: { expected?: Credentials | null; timeoutMs?: number } =
      {},
  ): TransactionReply {
    return this.ask((freshProducerId) => ({
      kind: "initProducerId",
      ticket: TICKET,
      timeoutMs,
      expected,
      freshProducerId,
    }));
  }

  add(
    partitions: readonly Partition[] = [{ topic: "t", partition: 0 }],
    { as = this.credentials, clientVersion = this.version }: {
      as?: Credentials;
      clientVersion?: TransactionVersion;
    } = {},
  ): number {
    return this.ask(() => ({
      kind: "addPartitions",
      ticket: TICKET,
      ...as,
      partitions,
      clientVersion,
    })).errorCode;
  }

  end(
    isCommit: boolean,
    { as = this.credentials, clientVersion = this.version }: {
      as?: Credentials;
      clientVersion?: TransactionVersion;
    } = {},
  ): TransactionReply {
    return this.ask((freshProducerId) => ({
      kind: "endTxn",
      ticket: TICKET,
      ...as,
      isCommit,
      clientVersion,
      freshProducerId,
    }));
  }

  timeOut(): TransactionReply {
    return this.ask((freshProducerId) => ({ kind: "timedOut", ticket: TICKET, freshProducerId }));
  }

  /** Every marker that is still to be written is. */
  writeMarkers(): void {
    for (const partition of [...this.transaction.unwritten]) {
      this.submit({ kind: "markerWritten", ...this.credentials, partition });
    }
  }

  /** As if its epochs had been used up to here. */
  useUpTo(producerEpoch: number): void {
    const { transaction } = this;
    transaction.value = { ...transaction.value, producerEpoch, lastProducerEpoch: -1 };
  }
}

/** Without what is only there for the shell. */
export function credentialsIn(
  { errorCode, producerId, producerEpoch }: TransactionReply,
): [errorCode: number, producerId: number, producerEpoch: number] {
  return [errorCode, producerId, producerEpoch];
}
