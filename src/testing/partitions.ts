/**
 * PartitionsFixture: topics in a metadata log and their partitions' logs, in memory, for handlers that write to logs. The
 * store fails when it is told to; clock and timers move when they are told to.
 */
import { BufferPool } from "../bytes/pool.ts";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import type { PartitionLookup } from "../handlers/partitions.ts";
import * as batch from "../protocol/records/batch.ts";
import { readEndTxnMarker } from "../storage/producers/end_txn_marker.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import { GroupCommit } from "../storage/durability/group_commit.ts";
import { createLog } from "../storage/log/open_log.ts";
import type { LogContext } from "../storage/log/log_context.ts";
import { PartitionLog } from "../storage/log/partition_log.ts";
import { DEFAULT_PRODUCER_LIMITS } from "../storage/producers/producer_state.ts";
import { registeredNodes } from "../topics/node_registry.ts";
import { FaultyStore } from "./faulty_store.ts";
import { readNow } from "./read_now.ts";
import { Fixture, META } from "./topics.ts";

type Settings = Pick<LogContext, "admits">;

export class PartitionsFixture {
  readonly store = new FaultyStore(new MemoryStore());
  /** What an operator would have been told. */
  readonly problems: string[] = [];
  readonly lookup: PartitionLookup;
  readonly metadata: Fixture;
  readonly context: LogContext;
  readonly #logs = new Map<string, PartitionLog>();
  /** Why partitions are offline, by "topic-partition". */
  readonly #offline = new Map<string, string>();

  private constructor(metadata: Fixture, settings: Settings) {
    this.metadata = metadata;
    const { catalogue, clock } = metadata;
    this.context = {
      store: this.store,
      clock,
      commit: new GroupCommit({
        policy: "os",
        intervalMs: 0,
        journal: null,
        onFailure: (error) => {
          throw error;
        },
      }),
      pool: new BufferPool({ keepBytes: 1 << 20 }),
      producers: DEFAULT_PRODUCER_LIMITS,
      onProblem: (event) => this.problems.push(event),
      ...settings,
    };
    const nameOf = (topicId: string, partition: number) =>
      `${catalogue.topicById(topicId as never)?.name}-${partition}`;
    this.lookup = {
      catalogue,
      nodes: registeredNodes(catalogue, { selfId: META.nodeId, clusterId: META.clusterId }),
      logs: {
        get: (topicId, partition) => {
          const name = nameOf(topicId, partition);
          return this.#offline.has(name) ? undefined : this.#logs.get(name);
        },
        offlineReason: (topicId, partition) =>
          this.#offline.get(nameOf(topicId, partition)) ?? null,
      },
    };
  }

  static async start(settings: Settings = {}): Promise<PartitionsFixture> {
    return new PartitionsFixture(await Fixture.start(), settings);
  }

  get clock() {
    return this.metadata.clock;
  }

  /** Makes a topic with its logs. */
  async create(topic: string, partitions = 1): Promise<void> {
    const errorCode = await this.metadata.create(topic, partitions);
    if (errorCode !== 0) throw new Error(`Creating ${topic} gave ${errorCode}`);
    const topicId = this.metadata.catalogue.topic(topic)!.id;
    for (let partition = 0; partition < partitions; partition++) {
      const ref = { topicId, topic, partition };
      this.#logs.set(`${topic}-${partition}`, createLog(this.context, ref, topicConfigDefaults()));
    }
  }

  /** As a start finds the partition: what is known of its producers is read from its log. */
  async reopen(topic: string, partition = 0): Promise<void> {
    const { topicId, logEndOffset } = this.log(topic, partition);
    await this.log(topic, partition).close();
    const at = { segments: [0], logStartOffset: 0, logEndOffset, recoveryPoint: logEndOffset };
    const state = { topicId, topic, partition, ...at };
    const opened = new PartitionLog(this.context, state, topicConfigDefaults());
    this.#logs.set(`${topic}-${partition}`, opened);
  }

  log(topic: string, partition = 0): PartitionLog {
    const log = this.#logs.get(`${topic}-${partition}`);
    if (log === undefined) throw new Error(`There is no log of ${topic}-${partition}`);
    return log;
  }

  /** Takes a partition out of service, or (null) back. */
  setOffline(topic: string, partition: number, reason: string | null): void {
    if (reason === null) this.#offline.delete(`${topic}-${partition}`);
    else this.#offline.set(`${topic}-${partition}`, reason);
  }

  /** The markers of a log, as "commit 7/3 c0": producer id, epoch and coordinator epoch; of data batches "data 7/3". */
  batches(topic: string, partition = 0): string[] {
    const bytes = readNow(this.log(topic, partition), 0, {
      maxBytes: 1 << 20,
      bound: "leo",
      minOneBatch: true,
    });
    if (bytes === null) return [];
    return Array.from(batch.batches(bytes), (at) => {
      const one = bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
      const who = `${batch.producerId(one)}/${batch.producerEpoch(one)}`;
      const marker = readEndTxnMarker(one);
      if (marker === null) return `data ${who}`;
      return `${marker.isCommit ? "commit" : "abort"} ${who} c${marker.coordinatorEpoch}`;
    });
  }
}
