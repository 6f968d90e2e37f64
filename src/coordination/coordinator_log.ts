/**
 * CoordinatorLog: what a coordinator needs of its topic and of a partition's log, which PartitionLog has.
 */
import type { Uuid } from "../bytes/uuid.ts";

export interface CoordinatorLog {
  /** Another one means that the topic was made anew. */
  readonly topicId: Uuid;
  readonly config: { readonly "max.message.bytes": number };
  /** Why it serves nothing; null when it does. */
  readonly offline: string | null;
  /** Whether what is written later, to whichever log, is kept no sooner than what is written here before; left out: it may be. */
  readonly isKeptInOrder?: boolean;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** The last of them is empty when it begins at the log's end. */
  readonly segments?: readonly { readonly baseOffset: number }[];
  /**
   * Gives out offsets at once; `written` resolves when the process may end without taking the batch along, `durable` when
   * the batch is kept; both reject when it could not be written.
   */
  append(
    bytes: Uint8Array,
    options: {
      readonly origin: "coordinator";
      readonly leaderEpoch: number;
      readonly verification?: TransactionVerification | null;
      readonly mayWait?: boolean;
    },
  ): {
    readonly errorCode: number;
    readonly written: Promise<void>;
    readonly durable: Promise<void>;
  };
  /** Whole batches, of pooled memory; null when there is nothing from there on. */
  read(
    from: number,
    options: { maxBytes: number; bound: "leo"; minOneBatch: boolean },
  ): Uint8Array | null | Promise<Uint8Array | null>;
}

/** What a log gives out for asking the transaction coordinator about a producer (KIP-890); a marker takes it away. */
export interface TransactionVerification {
  readonly producerId: number;
}

/** That this node leads a partition. */
export interface Leadership {
  /** Where it is still being opened, what waits for it; that rejects when it will not be opened. */
  readonly log: CoordinatorLog | (() => Promise<CoordinatorLog>);
  /** Which topic of the name it is; without it the log says so, once it is there. */
  readonly topicId?: Uuid;
  readonly leaderEpoch: number;
}

/** The topic that a coordinator keeps its state in, as the catalogue and the logs have it. */
export interface CoordinatorTopic {
  /** "__consumer_offsets", … */
  readonly name: string;
  /** 0 while it does not exist. */
  readonly partitionCount: number;
  /** Makes it; resolves when its logs can be written to. Calls while one is under way share it. */
  create(): Promise<void>;
  /** A partition that this node leads; null for others. */
  led(partition: number): Leadership | null;
}
