/**
 * The records a broker writes about itself when it starts: the features of a new cluster, its registration as
 * controller and broker, and the partitions it takes the lead of. Values and versions are those of Kafka 4.3 and 4.4,
 * which must be able to start on the same directory.
 */
import type { Uuid } from "../bytes/uuid.ts";
import type { Catalogue, Partition, Topic } from "./catalogue.ts";
import { HELD_FEATURES } from "./features.ts";
import type { NewRecord } from "./metadata_record.ts";

export interface Endpoint {
  /** The listener's name, "PLAINTEXT". */
  readonly name: string;
  /** Where clients are told to connect. */
  readonly host: string;
  readonly port: number;
  /** Kafka's number (SecurityProtocol): 0 PLAINTEXT, which it is unless it says so, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol?: number;
}

/** Who registers. */
export interface Registrant {
  readonly nodeId: number;
  readonly directoryId: Uuid;
  /** Another one at every start. */
  readonly incarnationId: Uuid;
  /** The first listener. */
  readonly endpoint: Endpoint;
  /** Those after it. */
  readonly moreEndpoints?: readonly Endpoint[];
}

/**
 * The levels a new cluster runs at: those of `kafka-storage format` in Kafka 4.3. Kafka 4.4 formats at metadata.version
 * 33 and share.version 2, which 4.3 refuses to start on; 4.4 starts on these. So both can take a directory over, until
 * somebody raises it (`kafka-features upgrade --feature metadata.version=33`), as after an upgrade of Kafka.
 */
export const INITIAL_FEATURES: readonly NewRecord[] = [
  featureLevel("metadata.version", 30),
  featureLevel("eligible.leader.replicas.version", 1),
  featureLevel("group.version", 1),
  featureLevel("share.version", 1),
  featureLevel("streams.version", 1),
  featureLevel("transaction.version", 2),
];

/** The metadata versions whose records this broker can write: from directories of replicas (3.7) to Kafka 4.4. */
export const METADATA_VERSIONS = { min: 17, max: 33 } as const;

/** The ranges a node registers with. Order does not matter to Kafka. */
const FEATURE_RANGES = HELD_FEATURES.map(({ name, minVersion, maxVersion }) => ({
  name,
  minSupportedVersion: minVersion,
  maxSupportedVersion: maxVersion,
}));

const PLAINTEXT = 0;

/** The first records of a cluster, one transaction. Enabling eligible leader replicas fixes min.insync.replicas (KIP-966). */
export function bootstrapRecords(features: readonly NewRecord[]): NewRecord[] {
  return [
    { kind: "BeginTransactionRecord", version: 0, value: { name: "Bootstrap records" } },
    ...features,
    {
      kind: "ConfigRecord",
      version: 0,
      value: { resourceType: 4, resourceName: "", name: "min.insync.replicas", value: "1" },
    },
    { kind: "EndTransactionRecord", version: 0, value: {} },
  ];
}

export function registerController(node: Registrant): NewRecord {
  return {
    kind: "RegisterControllerRecord",
    version: 0,
    value: {
      controllerId: node.nodeId,
      incarnationId: node.incarnationId,
      zkMigrationReady: false,
      endPoints: [{ ...node.endpoint, name: "CONTROLLER", securityProtocol: PLAINTEXT }],
      features: FEATURE_RANGES,
    },
  };
}

/** `brokerEpoch` is the offset this record gets. */
export function registerBroker(
  node: Registrant,
  { brokerEpoch, metadataVersion }: { brokerEpoch: number; metadataVersion: number },
): NewRecord {
  return {
    kind: "RegisterBrokerRecord",
    version: metadataVersion >= 30 ? 4 : 3,
    value: {
      brokerId: node.nodeId,
      incarnationId: node.incarnationId,
      brokerEpoch,
      endPoints: [node.endpoint, ...(node.moreEndpoints ?? [])].map((endpoint) => (
        { securityProtocol: PLAINTEXT, ...endpoint }
      )),
      features: FEATURE_RANGES,
      rack: null,
      fenced: true,
      logDirs: [node.directoryId],
    },
  };
}

/**
 * Puts a registered broker into service, and in front of its partitions. `leaderEpochIn`: the highest epoch that a
 * partition's log holds, where the metadata may have lost that it was led in it.
 */
export function unfence(
  catalogue: Catalogue,
  nodeId: number,
  { brokerEpoch, metadataVersion, wasClean, leaderEpochIn = () => -1 }: {
    brokerEpoch: number;
    metadataVersion: number;
    wasClean: boolean;
    leaderEpochIn?: (topicId: Uuid, partition: Partition) => number;
  },
): NewRecord[] {
  const records: NewRecord[] = [];
  const value = { brokerId: nodeId, brokerEpoch };
  if (metadataVersion >= 30) {
    records.push({
      kind: "BrokerRegistrationChangeRecord",
      version: 3,
      value: { ...value, cordonedLogDirs: [] },
    });
  }
  records.push({
    kind: "BrokerRegistrationChangeRecord",
    version: 0,
    value: { ...value, fenced: -1 },
  });
  for (const topic of catalogue.topics()) {
    for (const partition of topic.partitions) {
      if (!partition.replicas.includes(nodeId)) continue;
      const held = leaderEpochIn(topic.id, partition);
      if (held > partition.leaderEpoch) {
        // A change record raises an epoch by one; this says outright what it is.
        const led = {
          ...partition,
          leaderId: nodeId,
          isr: [nodeId],
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
          isRecovering: false,
          leaderEpoch: held + 1,
          partitionEpoch: partition.partitionEpoch + 1,
        };
        records.push(partitionRecord(topic, led, metadataVersion));
        continue;
      }
      // After a clean stop a leader goes on as it was. After a crash it begins a new epoch, so that clients which saw
      // records the crash took notice (KIP-320).
      if (partition.leaderId === nodeId && wasClean) continue;
      records.push(lead(topic, partition, nodeId, metadataVersion));
    }
  }
  return records;
}

function lead(
  topic: Topic,
  partition: Partition,
  nodeId: number,
  metadataVersion: number,
): NewRecord {
  const { isr, eligibleLeaderReplicas, lastKnownElr } = partition;
  const isAlone = isr.length === 1 && isr[0] === nodeId;
  return {
    kind: "PartitionChangeRecord",
    version: partitionVersion(metadataVersion),
    value: {
      partitionId: partition.index,
      topicId: topic.id,
      leader: nodeId,
      isr: isAlone ? null : [nodeId],
      leaderRecoveryState: partition.isRecovering ? 0 : -1,
      eligibleLeaderReplicas: eligibleLeaderReplicas.length > 0 ? [] : null,
      lastKnownElr: lastKnownElr.length > 0 ? [] : null,
    },
  };
}

/** All that there is of a partition. */
export function partitionRecord(
  topic: Topic,
  partition: Partition,
  metadataVersion: number,
): NewRecord {
  const { eligibleLeaderReplicas: eligible, lastKnownElr } = partition;
  return {
    kind: "PartitionRecord",
    version: partitionVersion(metadataVersion),
    value: {
      partitionId: partition.index,
      topicId: topic.id,
      replicas: partition.replicas,
      isr: partition.isr,
      removingReplicas: partition.removingReplicas,
      addingReplicas: partition.addingReplicas,
      leader: partition.leaderId,
      leaderRecoveryState: partition.isRecovering ? 1 : 0,
      leaderEpoch: partition.leaderEpoch,
      partitionEpoch: partition.partitionEpoch,
      directories: partition.directories,
      eligibleLeaderReplicas: eligible.length > 0 ? eligible : null,
      lastKnownElr: lastKnownElr.length > 0 ? lastKnownElr : null,
    },
  };
}

/** Of PartitionRecord and PartitionChangeRecord: 1 knows directories, 2 eligible leader replicas. */
export function partitionVersion(metadataVersion: number): number {
  return metadataVersion >= 23 ? 2 : 1;
}

function featureLevel(name: string, level: number): NewRecord {
  return { kind: "FeatureLevelRecord", version: 0, value: { name, featureLevel: level } };
}
