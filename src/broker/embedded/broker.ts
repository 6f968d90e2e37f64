/** Broker: a whole broker in one's own process, for tests and for small services. */
import { type RunningBroker, startBroker } from "../../broker.ts";
import type { Uuid } from "../../bytes/uuid.ts";
import { AdvancedClock } from "../../clock/advanced_clock.ts";
import { configOfOptions } from "../../config/load.ts";
import type { Config } from "../../config/options.ts";
import { logWarnings } from "../../config/warnings.ts";
import { configureLog } from "../../log.ts";
import type { Api } from "../../protocol/schema.ts";
import type { NewRecord } from "../../topics/metadata_record.ts";
import { type Faults, FaultSet } from "./faults.ts";
import { faultyHandlers } from "./faulty_handlers.ts";

/** Any part of the configuration; what is left out has its default, but for what Broker.start() says. */
export type BrokerOptions = {
  readonly [K in keyof Config]?: Config[K] extends string | number | boolean | readonly unknown[]
    ? Config[K]
    : Partial<Config[K]>;
};

/** The broker's clock, by which all its deadlines go. */
export interface BrokerClock {
  /** Its wall clock, ms since 1970: what records are stamped with that the broker stamps. */
  nowMs(): number;
  /**
   * Lets time pass for this broker alone: retention, sessions of groups, timeouts of transactions, fetches that wait,
   * quotas, idle connections. What falls due on the way is done in its order; resolves when it is. Time goes on by itself, too. Throws RangeError
   * for less than 0 and more than a hundred years.
   */
  advance(ms: number): Promise<void>;
}

/**
 * A broker in this process.
 *
 * @example
 * ```ts
 * import { Broker } from "runnel";
 *
 * await using broker = await Broker.start({ numPartitions: 3 }); // stopped at the end of the block
 * console.log(broker.address); // where any client of Kafka's may connect
 * await broker.clock.advance(60_000); // a minute later, for this broker
 * ```
 */
export class Broker implements AsyncDisposable {
  /** Its clock, which can be advanced. */
  readonly clock: BrokerClock;
  /** What is to go wrong. */
  readonly faults: Faults;
  readonly #running: RunningBroker;

  private constructor(running: RunningBroker, clock: BrokerClock, faults: Faults) {
    this.#running = running;
    this.clock = clock;
    this.faults = faults;
  }

  /**
   * Starts a broker. Unlike the executable it keeps its data in memory and takes free ports, unless told otherwise
   * (`{ storage: { path: "./data" }, kafkaPort: 9092 }`), and logs warnings and errors only.
   *
   * The same rules hold as for the executable: an address that others can reach needs `insecure: true`. Throws
   * ConfigError for values that cannot be, TypeError for options that there are none of and for what is no object of options,
   * DirectoryLockedError when another broker has the directory, and what listening throws
   * (Deno.errors.AddrInUse).
   *
   * The log is one for the process: `log` of the broker that was started last holds for all.
   */
  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const loaded = configOfOptions(options, BASE), { config } = loaded;
    configureLog(config.log);
    const clock = new AdvancedClock(), disk = { isFull: false };
    let faults: FaultSet | null = null;
    const running = await startBroker(config, {
      clock,
      timers: clock,
      freeBytes: (free) => disk.isFull ? 0 : free(),
      handlers: (handlers, { sessions, catalogue, giveBack }) => {
        const apis: readonly Api[] = handlers.map(({ api }) => api);
        faults = new FaultSet(apis, {
          setLeader: (topic, partition, isLed) => setLeader(running, topic, partition, isLed),
          setDiskFull: (isFull) => {
            if (config.storage.minFreeBytes === 0) {
              throw new Error("storage.minFreeBytes is 0: a disk without a floor is never full");
            }
            disk.isFull = isFull;
            running.lookAtSpace();
          },
        });
        const nameOf = (topicId: Uuid) => catalogue.topicById(topicId)?.name;
        const hasTopic = (name: string) => catalogue.topic(name) !== undefined;
        const parts = { faults, timers: clock, sessions, nameOf, hasTopic, giveBack };
        return faultyHandlers(handlers, parts);
      },
    });
    logWarnings(loaded);
    return new Broker(running, clock, faults!);
  }

  /** Where clients connect: "127.0.0.1:41234". */
  get address(): string {
    return this.#running.kafkaAddress;
  }

  /** Where /metrics, /healthz and /readyz are. */
  get httpAddress(): string | null {
    return this.#running.httpAddress;
  }

  /** Answers what is in flight, syncs, and closes everything. */
  stop(): Promise<void> {
    return this.#running.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What is otherwise than in the executable. */
const BASE = { kafkaPort: 0, httpPort: 0, storage: { path: "memory://" }, log: { level: "warn" } };

/** As a controller of Kafka writes it when the last replica in sync goes, and when it comes back. */
function setLeader(
  { metadata, nodeId }: RunningBroker,
  topicName: string,
  partitionId: number,
  isLed: boolean,
): Promise<void> {
  return metadata.transact((catalogue) => {
    const topic = catalogue.topic(topicName), partition = topic?.partitions[partitionId];
    if (topic === undefined || partition === undefined) {
      if (isLed) return { records: [], result: undefined }; // it was deleted meanwhile
      throw new RangeError(`There is no partition ${topicName}-${partitionId}`);
    }
    const leader = isLed ? nodeId : -1;
    if (partition.leaderId === leader) return { records: [], result: undefined };
    const value = { partitionId, topicId: topic.id, leader };
    const record = { kind: "PartitionChangeRecord", version: 0, value } as NewRecord;
    return { records: [record], result: undefined };
  });
}
