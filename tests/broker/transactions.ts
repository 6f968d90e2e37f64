/** TransactionClient: transactions of one transactional id as a client of version 2 makes them, request by request. */
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/client/connection.ts";
import { EndTxn } from "../../src/protocol/messages/end_txn.ts";
import { FindCoordinator } from "../../src/protocol/messages/find_coordinator.ts";
import { InitProducerId } from "../../src/protocol/messages/init_producer_id.ts";
import { batchOf, produce } from "./calls.ts";

export class TransactionClient {
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  readonly #connection: Connection;
  readonly #timeoutMs: number;
  /** By "topic-partition". */
  #sequences = new Map<string, number>();

  constructor(connection: Connection, transactionalId: string, timeoutMs = 60_000) {
    this.#connection = connection;
    this.transactionalId = transactionalId;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes the id over: again while it is being looked for, loaded, or its last transaction is ended. */
  async init(): Promise<void> {
    const coordinatorKeys = [this.transactionalId];
    await again(async () => { // which makes the coordinator's topic, the first time
      const { coordinators: [{ errorCode }] } = await this.#connection.request(FindCoordinator, 4, {
        keyType: TRANSACTION,
        coordinatorKeys,
      });
      return errorCode;
    });
    await again(async () => {
      const answer = await this.#connection.request(InitProducerId, 5, {
        transactionalId: this.transactionalId,
        transactionTimeoutMs: this.#timeoutMs,
      });
      if (answer.errorCode === 0) this.#is(answer);
      return answer.errorCode;
    });
  }

  /** Writes records in the transaction that is open, or begins one. */
  async send(topic: string, partition: number, values: readonly string[]): Promise<void> {
    const key = `${topic}-${partition}`, baseSequence = this.#sequences.get(key) ?? 0;
    const { producerId, producerEpoch, transactionalId } = this;
    const producer = { producerId, producerEpoch, baseSequence, isTransactional: true };
    const records = batchOf(values, producer);
    await again(async () =>
      (await produce(this.#connection, { topic, partition, records, transactionalId })).errorCode
    );
    this.#sequences.set(key, baseSequence + values.length);
  }

  async end(committed: boolean): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = this;
    await again(async () => {
      const answer = await this.#connection.request(EndTxn, 5, {
        ...{ transactionalId, producerId, producerEpoch, committed },
      });
      if (answer.errorCode === 0) this.#is(answer);
      return answer.errorCode;
    });
  }

  #is({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.#sequences = new Map();
  }
}

/** Asks until it is answered without one of the errors that say to ask again. */
async function again(ask: () => Promise<number>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const errorCode = await ask();
    if (errorCode === 0) return;
    if (!RETRIABLE.has(errorCode)) assertEquals(errorCode, 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("Still to be asked again after 500 tries");
}

const TRANSACTION = 1;
const RETRIABLE: ReadonlySet<number> = new Set([14, 15, 16, 19, 51, 56]);
