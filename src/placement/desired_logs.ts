/** DesiredLogs: which logs a node is to have by the catalogue, and with what leader epoch and config. */
import type { Uuid } from "../bytes/uuid.ts";
import type { WantedLog } from "../storage/opening.ts";
import type { Catalogue, Topic } from "../topics/catalogue.ts";

/** Of one topic: a log for each partition that has the node among its replicas. */
export function* desiredLogs(
  catalogue: Catalogue,
  nodeId: number,
  topic: Topic,
): Generator<WantedLog> {
  const config = catalogue.topicConfig(topic);
  for (const { index, leaderEpoch, replicas } of topic.partitions) {
    if (!replicas.includes(nodeId)) continue;
    yield { topicId: topic.id, topic: topic.name, partition: index, leaderEpoch, config };
  }
}

/** Of every topic, with the epochs that its partitions were led in before this start, which no batch is beyond. */
export function* desiredAtStart(
  catalogue: Catalogue,
  nodeId: number,
  ledBefore: ReadonlyMap<Uuid, readonly number[]>,
): Generator<WantedLog> {
  for (const topic of catalogue.topics()) {
    for (const wanted of desiredLogs(catalogue, nodeId, topic)) {
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
