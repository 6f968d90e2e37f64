/**
 * TransactionDesk: a transaction coordinator with a log whose disk syncs when told, partitions that take markers when told,
 * and time that passes when told.
 */
import { SimulatedLog } from "../../tests/simulation/simulated_log.ts";
import { TrustedTime } from "../clock/trusted_time.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { CoordinatorLog } from "../coordination/coordinator_log.ts";
import {
  TransactionCoordinator,
  type TransactionCoordinatorOptions,
  type TransactionSettings,
} from "../transactions/coordinator.ts";
import { CoordinatorGate } from "../transactions/coordinator_gate.ts";
import type { MarkerWriter, TransactionMarker } from "../transactions/marker_writer.ts";
import { stateName, type TransactionVersion } from "../transactions/transaction.ts";
import {
  describeTransactionNow,
  isKept,
  type TransactionDescription,
} from "../transactions/transaction_admin.ts";
import type { Credentials } from "../transactions/transaction_events.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeTimers } from "./fake_timers.ts";

export const SETTINGS: TransactionSettings = {
  maxTimeoutMs: 900_000,
  idExpirationMs: 604_800_000,
  maxIds: 3,
  abortTimedOutIntervalMs: 10_000,
  removeExpiredIntervalMs: 3_600_000,
  addPartitionsRetryBackoffMs: 20,
  addPartitionsRetryBackoffMaxMs: 100,
};

/** Partitions that markers are written to. */
class MarkerDesk implements MarkerWriter {
  /** As "commit t-0 1000/1 c0 v2": the partition, producer id and epoch, the coordinator's epoch and the version. */
  readonly written: string[] = [];
  /** By "t-0": the code that the partition answers, 0 where none is set. */
  readonly codes = new Map<string, number>();
  /** Those that are being written, while it is held. */
  readonly #held: (() => void)[] = [];
  isHeld = false;

  write(topic: string, partition: number, marker: TransactionMarker): Promise<number> {
    const errorCode = this.codes.get(`${topic}-${partition}`) ?? 0;
    if (errorCode !== 0) return Promise.resolve(errorCode);
    const { isCommit, producerId, producerEpoch, coordinatorEpoch, transactionVersion } = marker;
    const what = `${isCommit ? "commit" : "abort"} ${topic}-${partition}`;
    this.written.push(
      `${what} ${producerId}/${producerEpoch} c${coordinatorEpoch} v${transactionVersion}`,
    );
    if (!this.isHeld) return Promise.resolve(0);
    return new Promise((resolve) => this.#held.push(() => resolve(0)));
  }

  /** What is being written is kept, and what comes too. */
  release(): void {
    this.isHeld = false;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

export class TransactionDesk {
  readonly clock = new FakeClock();
  readonly timers = new FakeTimers();
  readonly log = new SimulatedLog();
  readonly markers = new MarkerDesk();
  readonly events: [string, Record<string, unknown>][] = [];
  /** Topics that the catalogue does not know. */
  readonly unknown = new Set<string>();
  version: TransactionVersion = 2;
  leaderEpoch = 0;
  /** null: none can be had. */
  nextProducerId: number | null = 1000;
  partitionCount = 1;
  coordinator: TransactionCoordinator;

  constructor(settings: Partial<TransactionSettings> = {}) {
    this.#settings = { ...SETTINGS, ...settings };
    this.coordinator = this.#start(this.#settings);
  }

  readonly #settings: TransactionSettings;

  static async loaded(settings: Partial<TransactionSettings> = {}): Promise<TransactionDesk> {
    const desk = new TransactionDesk(settings);
    await desk.coordinator.loadAll();
    return desk;
  }

  get gate(): CoordinatorGate {
    return new CoordinatorGate(this.coordinator);
  }

  /** The state of an id as its shard has it, "Ongoing", …; "" when it is unknown. */
  stateOf(id: string): string {
    const partition = this.coordinator.place(id);
    if (typeof partition === "number") return `error ${partition}`;
    const transaction = partition.shard.get(id);
    return transaction === undefined ? "" : stateName(transaction.value.state);
  }

  /** Another process takes over what is synced. */
  async restart(): Promise<void> {
    this.coordinator.stop();
    this.log.crash(() => 0);
    this.leaderEpoch++;
    this.coordinator = this.#start(this.#settings);
    await this.coordinator.loadAll();
    await this.settle();
  }

  /** Lets time pass, with what is due on the way, and the disk syncing. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.timers.advance(ms);
    await this.settle();
  }

  /** Syncs until nothing more happens. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) {
      this.log.sync();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  /** The answer, with the disk syncing meanwhile. */
  async after<T>(answer: Promise<T>): Promise<T> {
    await this.settle();
    return await answer;
  }

  async init(id: string, timeoutMs = 60_000): Promise<Credentials & { errorCode: number }> {
    return await this.after(this.coordinator.initProducerId({
      transactionalId: id,
      timeoutMs,
      expected: null,
    }));
  }

  /** With a transaction open in these partitions of topic t. */
  async open(id: string, partitions: readonly number[] = [0], timeoutMs = 60_000) {
    const { producerId, producerEpoch } = await this.init(id, timeoutMs);
    const credentials = { producerId, producerEpoch };
    await this.add(id, credentials, partitions);
    return credentials;
  }

  add(id: string, as: Credentials, partitions: readonly number[] = [0]): Promise<number> {
    return this.after(this.coordinator.addPartitions(id, {
      ...as,
      partitions: partitions.map((partition) => ({ topic: "t", partition })),
      clientVersion: this.version === 2 ? 2 : 0,
    }));
  }

  end(id: string, as: Credentials, isCommit: boolean) {
    const clientVersion = this.version === 2 ? 2 : 0;
    return this.coordinator.endTxn(id, { ...as, isCommit, clientVersion });
  }

  #start(settings: TransactionSettings): TransactionCoordinator {
    const partitionCount = () => this.partitionCount;
    const options: TransactionCoordinatorOptions = {
      clock: this.clock,
      time: new TrustedTime(this.clock),
      settings,
      topic: {
        name: "__transaction_state",
        get partitionCount() {
          return partitionCount();
        },
        create: () => {
          this.partitionCount = 1;
          return Promise.resolve();
        },
        led: () => ({ log: this.log as CoordinatorLog, leaderEpoch: this.leaderEpoch }),
      },
      markers: this.markers,
      isKnown: ({ topic }) => !this.unknown.has(topic),
      transactionVersion: () => this.version,
      newProducerId: () =>
        Promise.resolve(this.nextProducerId === null ? null : this.nextProducerId++),
      give: () => {},
      wake: (delayMs, work) => this.timers.after(delayMs, work),
      onEvent: (event, details) => this.events.push([event, details]),
    };
    return new TransactionCoordinator(options);
  }
}

/** What the coordinator says of an id, once it is kept; 16 when it is lost after all. */
export async function describeTransaction(
  coordinator: TransactionCoordinator,
  transactionalId: string,
): Promise<TransactionDescription | number> {
  const described = describeTransactionNow(coordinator, transactionalId);
  if (typeof described === "number") return described;
  return await isKept(described.partition) ? described.description : ErrorCode.NOT_COORDINATOR;
}
