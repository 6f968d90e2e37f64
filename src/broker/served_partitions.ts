/**
 * Served partitions: which logs this node is to have by the catalogue, at the start and after every change of it.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { LogManager } from "../storage/log_manager.ts";
import type { WantedLog } from "../storage/opening.ts";
import type { Catalogue, CatalogueChange, Topic } from "../topics/catalogue.ts";
import type { NodeRegistry } from "../topics/node_registry.ts";

/** Every partition that this node is to serve. */
export function* wantedLogs(
  catalogue: Catalogue,
  nodes: NodeRegistry,
  ledBefore: ReadonlyMap<Uuid, readonly number[]>,
): Generator<WantedLog> {
  for (const topic of catalogue.topics()) {
    for (const wanted of wantedOf(catalogue, nodes, topic, 0)) {
      yield { ...wanted, lastLeaderEpoch: ledBefore.get(topic.id)?.[wanted.partition] };
    }
  }
}

/** The epoch that each partition is led in. */
export function leaderEpochs(catalogue: Catalogue): Map<Uuid, readonly number[]> {
  const found = new Map<Uuid, readonly number[]>();
  for (const { id, partitions } of catalogue.topics()) {
    found.set(id, partitions.map(({ leaderEpoch }) => leaderEpoch));
  }
  return found;
}

function* wantedOf(
  catalogue: Catalogue,
  nodes: NodeRegistry,
  topic: Topic,
  from: number,
): Generator<WantedLog> {
  const config = catalogue.topicConfig(topic);
  for (const { index, leaderEpoch, replicas } of topic.partitions) {
    if (index < from || !replicas.includes(nodes.selfId)) continue;
    yield { topicId: topic.id, topic: topic.name, partition: index, leaderEpoch, config };
  }
}

/** Brings the logs after the catalogue; commits wait for it, so a created topic can be written to at once. */
export async function follow(
  change: CatalogueChange,
  { catalogue, nodes, logs, metrics, groups }: {
    catalogue: Catalogue;
    nodes: NodeRegistry;
    logs: LogManager;
    metrics: Metrics;
    groups: GroupCoordinator;
  },
): Promise<void> {
  for (const topic of change.deleted) metrics.forgetTopic(topic.name);
  if (change.deleted.length > 0) {
    await logs.remove(change.deleted.map((topic) => topic.id));
    groups.deleteTopics(new Set(change.deleted.map((topic) => topic.name)));
  }
  const wanted: WantedLog[] = [];
  for (const topic of change.created) wanted.push(...wantedOf(catalogue, nodes, topic, 0));
  for (const [topic, from] of change.grown) wanted.push(...wantedOf(catalogue, nodes, topic, from));
  logs.createAll(wanted);
  for (const { topic, partition } of change.moved) {
    await logs.lead(topic.id, partition.index, partition.leaderEpoch);
  }
  if (change.moved.length > 0) await groups.loadAll(); // under a new leader epoch a partition is loaded anew
  const configured = change.brokerConfigured ? catalogue.topics() : change.configured;
  for (const topic of configured) logs.configure(topic.id, catalogue.topicConfig(topic));
}
