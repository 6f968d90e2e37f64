/**
 * The metadata room: whose directory it is, and the metadata log, replayed and led. Until start() nothing has been
 * written, so that whatever is refused has not been touched.
 */
import type { Config } from "../config/options.ts";
import { logger } from "../log.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { randomUuid } from "../bytes/uuid.ts";
import { takeCleanShutdown, wasStoppedCleanly } from "../storage/directory/clean_shutdown.ts";
import {
  lastRunEpoch,
  noteStart,
  type Registered,
} from "../storage/directory/interrupted_start.ts";
import { type MetaProperties, openMetaProperties } from "../storage/directory/meta_properties.ts";
import type { GroupCommit } from "../storage/durability/group_commit.ts";
import type { PartitionLog } from "../storage/log/partition_log.ts";
import { type Store, StoreError } from "../storage/store.ts";
import type { MetadataLog } from "../topics/metadata_log.ts";
import { METADATA_TOPIC } from "../topics/metadata_topic.ts";
import { type NodeRegistry, registeredNodes } from "../topics/node_registry.ts";
import type { Endpoint } from "../topics/registration.ts";
import type { CleanStop } from "./clean_stop.ts";
import type { MachineRoom } from "./machine.ts";
import { checkMetadata, openMetadata } from "./metadata_start.ts";
import { unlessFull } from "./start_note.ts";
import { TimeKeeping } from "./time_keeping.ts";

export class MetadataRoom implements AsyncDisposable {
  readonly meta: MetaProperties;
  readonly metadata: MetadataLog;
  readonly log: PartitionLog;
  readonly nodes: NodeRegistry;
  /** Of the last run that may have used the logs. */
  readonly lastBrokerEpoch: number | undefined;
  readonly #cleanStop: CleanStop;
  readonly #wasCut: boolean;
  readonly #registered: Registered | undefined;
  #keeping: TimeKeeping | null = null;

  private constructor(
    meta: MetaProperties,
    opened: { metadata: MetadataLog; log: PartitionLog; wasCut: boolean },
    { store, cleanStop }: { store: Store; cleanStop: CleanStop },
  ) {
    this.#cleanStop = cleanStop;
    const { catalogue } = opened.metadata, { nodeId, clusterId } = meta;
    this.meta = meta;
    this.metadata = opened.metadata;
    this.log = opened.log;
    this.#wasCut = opened.wasCut;
    this.#registered = catalogue.broker(nodeId);
    this.lastBrokerEpoch = lastRunEpoch(store, this.#registered);
    this.nodes = registeredNodes(catalogue, { selfId: nodeId, clusterId });
  }

  /** Reads and refuses; throws MetadataLogError and its like for a directory that this broker must not touch. */
  static async open(
    config: Config,
    machine: MachineRoom,
    { commit, cleanStop }: { readonly commit: GroupCommit; readonly cleanStop: CleanStop },
  ): Promise<MetadataRoom> {
    const { store, clock, logContext, turn } = machine, makeRoom = () => machine.makeRoom();
    const meta = await openMetaProperties(store, { nodeId: config.nodeId });
    await checkMetadata({ store, meta, clock, config });
    const opened = await openMetadata({ ...logContext, commit }, { config, meta, makeRoom, turn });
    return new MetadataRoom(meta, opened, { store, cleanStop });
  }

  /** Registers this broker; from here on the directory is in use. Whether the last broker on it stopped cleanly. */
  async start(
    { store, time, timers }: MachineRoom,
    { endpoints, isClockRight, metrics }: {
      readonly endpoints: readonly Endpoint[];
      /** storage.trust_clock */
      readonly isClockRight: boolean;
      readonly metrics: Metrics;
    },
  ): Promise<boolean> {
    const marker = await takeCleanShutdown(store), metadataLog = this.log;
    const wasClean = wasStoppedCleanly(store, this.lastBrokerEpoch, marker);
    const clock = { time, store, timers, metadataLog, isRight: isClockRight, metrics };
    this.#keeping = await TimeKeeping.begin(clock);
    const incarnationId = randomUuid();
    await unlessFull(noteStart(store, { registered: this.#registered, incarnationId }));
    const [endpoint, ...moreEndpoints] = endpoints;
    await this.metadata.start({
      endpoint,
      moreEndpoints,
      wasClean,
      wasCut: this.#wasCut,
      incarnationId,
    });
    this.#cleanStop.brokerEpoch = this.metadata.brokerEpoch;
    return wasClean;
  }

  /** Why nothing can be written to the metadata; null when it can. */
  get problem(): string | null {
    const { problem } = this.metadata;
    return problem === null ? null : `${METADATA_TOPIC}-0 cannot be written to: ${problem}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const log = logger("metadata");
    await this.metadata.settled();
    await this.#keeping?.[Symbol.asyncDispose]();
    try {
      const [unwritten] = await this.log.close();
      const action = "the next start makes it of the log";
      if (unwritten) log.warn("hints_unwritten", { logs: 1, error: unwritten.message, action });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#cleanStop.unsynced.push(error.message);
      log.error("metadata_not_synced", { error: error.message });
    }
  }
}
