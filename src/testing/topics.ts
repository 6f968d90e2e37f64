/**
 * Fixture: a metadata log in memory for tests: open it, restart it, crash it, and see the whole image as plain data.
 */
import { randomUuid, type Uuid } from "../bytes/uuid.ts";
import type { GivesWay } from "../clock.ts";
import { FakeClock } from "./fake_clock.ts";
import { topicConfigDefaults } from "../config/topic_configs.ts";
import { MemoryStore } from "../storage/backends/memory_store.ts";
import type { Catalogue } from "../topics/catalogue.ts";
import { MetadataLog } from "../topics/metadata_log.ts";
import { planCreateTopics } from "../topics/plan_create_topics.ts";
import { FakeRecordLog } from "./record_log_fake.ts";

export const META = {
  clusterId: "4L6g3nShT-eMCtK--X86sw",
  nodeId: 3,
  directoryId: "3H17zCOgUQb0UZnvcuxt5w" as Uuid,
};
export const ENDPOINT = { name: "PLAINTEXT", host: "127.0.0.1", port: 9092 };

export class Fixture {
  readonly store = new MemoryStore();
  readonly clock = new FakeClock();
  log = new FakeRecordLog();
  metadata!: MetadataLog;
  snapshots = { bytes: Infinity, intervalMs: Infinity };
  turn: GivesWay | undefined;
  /** What an operator would have been told. */
  readonly problems: string[] = [];

  private constructor() {
    this.store.makeFolder("__cluster_metadata-0");
  }

  /** A started log. */
  static async start(): Promise<Fixture> {
    const fixture = await Fixture.unstarted();
    await fixture.metadata.start({ endpoint: ENDPOINT, wasClean: true });
    return fixture;
  }

  static async unstarted(): Promise<Fixture> {
    const fixture = new Fixture();
    await fixture.reopen();
    return fixture;
  }

  get catalogue(): Catalogue {
    return this.metadata.catalogue;
  }

  /** Opens the same log anew, without starting it. */
  async reopen(): Promise<MetadataLog> {
    return this.metadata = await this.#open();
  }

  async restart(last: { wasClean: boolean; wasCut?: boolean }): Promise<void> {
    await (await this.reopen()).start({ endpoint: ENDPOINT, ...last });
  }

  /** Loses what was not synced, and opens what is left. */
  crash(): Promise<MetadataLog> {
    this.log = this.log.crashed();
    return this.reopen();
  }

  /** Creates a topic and returns its error code. */
  async create(
    name: string,
    numPartitions = 1,
    configs: Record<string, string> = {},
  ): Promise<number> {
    const topic = {
      name,
      numPartitions,
      replicationFactor: -1,
      assignments: [],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    };
    const options = { numPartitions: 1, maxPartitions: 20_000, newId: randomUuid };
    const [result] = await this.metadata.transact((catalogue) =>
      planCreateTopics(catalogue, [topic], options)
    );
    return result.errorCode;
  }

  #open(): Promise<MetadataLog> {
    return MetadataLog.open({
      store: this.store,
      log: this.log,
      meta: META,
      clock: this.clock,
      topicDefaults: topicConfigDefaults(),
      snapshots: this.snapshots,
      turn: this.turn,
      onProblem: (event) => this.problems.push(event),
    });
  }
}

/** Everything a catalogue holds, as data that two of them can be compared by. */
export function imageOf(catalogue: Catalogue): unknown {
  return {
    topics: catalogue.topics().map((topic) => ({
      name: topic.name,
      id: topic.id,
      partitions: topic.partitions.map((partition) => ({ ...partition })),
      configs: [...topic.configs],
    })),
    partitionCount: catalogue.partitionCount,
    brokers: catalogue.brokers().map((broker) => ({ ...broker })),
    controllers: catalogue.controllers(),
    features: [...catalogue.features],
    clusterConfigs: [...catalogue.brokerConfigs("")],
    nextProducerId: catalogue.nextProducerId,
    acls: [...catalogue.kept("AccessControlEntryRecord")],
    credentials: [...catalogue.kept("UserScramCredentialRecord")],
    quotas: [...catalogue.kept("ClientQuotaRecord")],
    tokens: [...catalogue.kept("DelegationTokenRecord")],
  };
}
