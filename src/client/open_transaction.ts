/**
 * OpenTransaction: one transaction of a producer, from begin() to its end: which partitions are part of it, whether
 * the coordinator knows of it, and why it cannot be committed.
 *
 * What follows from an error is what Kafka's TransactionManager has follow: most things that fail leave a transaction
 * that has to be aborted; what says that this producer is not the one it thinks it is ends the producer.
 */
import { ErrorCode } from "../protocol/errors.ts";
import { KafkaError, TransactionError, type TransactionErrorKind } from "./errors.ts";
import type { TopicPartition } from "./list_offsets.ts";
import type { Identity, SendingTransaction } from "./partition_sender.ts";
import type { GroupMetadata, OffsetToCommit, TransactionRequests } from "./transaction_requests.ts";

export interface TransactionSetting {
  readonly transactionalId: string;
  readonly identity: Identity;
  readonly joinsByProduce: boolean;
  readonly requests: TransactionRequests;
  /** Called once when the producer can do nothing more. */
  readonly onFatal: (error: TransactionError) => void;
}

export class OpenTransaction implements SendingTransaction {
  readonly transactionalId: string;
  readonly identity: Identity;
  readonly joinsByProduce: boolean;
  readonly #setting: TransactionSetting;
  readonly #joined = new Set<string>();
  /** Partitions of one turn, which are added with one request. */
  #round: { partitions: TopicPartition[]; added: Promise<void> } | null = null;
  readonly #pending = new Set<Promise<void>>();
  #failure: TransactionError | null = null;
  /** Whether the coordinator knows of it, as far as this side can tell. */
  started: "no" | "perhaps" | "yes" = "no";
  /** The coordinator's answer to its end came. */
  isEnded = false;
  /** Its epoch must not be used again: sequences have gaps, or something of it may still be on its way. */
  isEpochSpent = false;

  constructor(setting: TransactionSetting) {
    this.transactionalId = setting.transactionalId;
    this.identity = setting.identity;
    this.joinsByProduce = setting.joinsByProduce;
    this.#setting = setting;
  }

  get failure(): TransactionError | null {
    return this.#failure;
  }

  /** The coordinator no longer has this producer's id: there is nothing it could end. */
  get isForgotten(): boolean {
    return this.#failure?.code === ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  }

  join(topic: string, partition: number): Promise<void> | null {
    const name = `${topic}-${partition}`;
    if (this.#joined.has(name)) return null;
    if (!this.joinsByProduce) return this.#add({ topic, partition });
    this.#joined.add(name);
    this.started = "yes";
    return null;
  }

  failed(error: unknown, isSequenceSpent: boolean): void {
    if (isSequenceSpent) this.isEpochSpent = true;
    this.#fail(error, "produce");
  }

  /** Sends nothing more of it. */
  stop(reason: TransactionError): void {
    this.#failure ??= reason;
  }

  /** Makes offsets of a group part of it. */
  async sendOffsets(group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const sending = this.#sendOffsets(group, offsets);
    this.#pending.add(sending);
    try {
      await sending;
    } finally {
      this.#pending.delete(sending);
    }
  }

  /** Resolves when no offsets are on their way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** What an answer to its end means. */
  endFailed(error: unknown): TransactionError {
    return this.#fail(error, "end");
  }

  async #sendOffsets(group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    const { requests } = this.#setting;
    try {
      if (this.joinsByProduce) this.started = "yes";
      else {
        await this.#tell(() => requests.addOffsets(this.identity, group.groupId));
      }
      await requests.commitOffsets(this.identity, group, offsets, this.joinsByProduce);
    } catch (error) {
      throw this.#fail(error, "offsets");
    }
  }

  #add(partition: TopicPartition): Promise<void> {
    const round = this.#round ??= this.#newRound();
    round.partitions.push(partition);
    return round.added;
  }

  #newRound(): { partitions: TopicPartition[]; added: Promise<void> } {
    const partitions: TopicPartition[] = [];
    return {
      partitions,
      added: (async () => {
        await null; // the other partitions of this turn
        this.#round = null;
        try {
          const isFirst = this.#joined.size === 0;
          const { requests } = this.#setting;
          await this.#tell(() => requests.addPartitions(this.identity, partitions, isFirst));
        } catch (error) {
          throw this.#fail(error, "add");
        }
        for (const { topic, partition } of partitions) this.#joined.add(`${topic}-${partition}`);
      })(),
    };
  }

  /** Tells the coordinator of the transaction; without an answer, it may know or not. */
  async #tell(request: () => Promise<void>): Promise<void> {
    if (this.started === "no") this.started = "perhaps";
    await request();
    this.started = "yes";
  }

  /** What follows from the first failure stays; one that ends the producer is told at once. */
  #fail(cause: unknown, request: Request): TransactionError {
    if (cause instanceof TransactionError && cause === this.#failure) return cause;
    const kind = kindOf(cause, request, !this.joinsByProduce);
    const error = new TransactionError(kind, messageOf(this.transactionalId, kind, cause), cause);
    if (kind === "abort") {
      if (request !== "produce") this.isEpochSpent = true;
      return this.#failure ??= error;
    }
    this.#setting.onFatal(error);
    return error;
  }
}

type Request = "produce" | "add" | "offsets" | "end";

/** What is left to do after an error. `mayBump`: this side may have the epoch raised, below transaction version 2. */
export function kindOf(
  error: unknown,
  request: Request | "init",
  mayBump: boolean,
): "abort" | "fenced" | "fatal" {
  // A request without an answer: what came of it is cleared away by the abort.
  if (error instanceof TransactionError) return error.kind === "again" ? "abort" : error.kind;
  if (!(error instanceof KafkaError)) return request === "produce" ? "abort" : "fatal";
  const { code } = error;
  if (request === "produce") {
    if (code === ErrorCode.PRODUCER_FENCED) return "fenced";
    // 47 too: the coordinator says at the abort whether it is fenced (KIP-588).
    return FATAL_OF_PRODUCE.has(code) ? "fatal" : "abort";
  }
  if (code === ErrorCode.PRODUCER_FENCED || code === ErrorCode.INVALID_PRODUCER_EPOCH) {
    return "fenced";
  }
  if (request === "init") return "fatal";
  if (code === ErrorCode.UNKNOWN_PRODUCER_ID || code === ErrorCode.INVALID_PRODUCER_ID_MAPPING) {
    return mayBump ? "abort" : "fatal";
  }
  if (request === "add") return FATAL_OF_ADD.has(code) ? "fatal" : "abort";
  return ABORTABLE.has(code) ? "abort" : "fatal";
}

const FATAL_OF_PRODUCE: ReadonlySet<number> = new Set([
  ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
]);
const FATAL_OF_ADD: ReadonlySet<number> = new Set([
  ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  ErrorCode.INVALID_TXN_STATE,
]);
/** Of the group's coordinator, and of the transaction's where it asks for an abort. */
const ABORTABLE: ReadonlySet<number> = new Set([
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.TRANSACTION_ABORTABLE,
]);

export function messageOf(id: string, kind: TransactionErrorKind, cause: unknown): string {
  const why = cause instanceof Error ? cause.message : String(cause);
  switch (kind) {
    case "abort":
      return `The transaction of ${id} cannot be committed, abort() it: ${why}`;
    case "fenced":
      return `The producer of transactional id ${id} is fenced: another one took over, or its transaction ran out of time. ${why}`;
    default:
      return `The producer of transactional id ${id} can do nothing more: ${why}`;
  }
}
