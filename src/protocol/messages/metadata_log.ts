/**
 * Records of the metadata log (`__cluster_metadata`): topics, partitions, configs, brokers, access.
 *
 * On disk each follows a frame version, its own key and its version, all as unsigned varints: see log_record.ts.
 */
import {
  array,
  bool,
  bytes,
  float64,
  int16,
  int32,
  int64,
  int8,
  message,
  string,
  uint16,
  uuid,
} from "../schema.ts";

export const RegisterBrokerRecord = message({
  name: "RegisterBrokerRecord",
  key: 0,
  versions: "0-4",
  flexible: "0+",
  fields: {
    brokerId: int32,
    isMigratingZkBroker: bool.in("2+"),
    incarnationId: uuid,
    brokerEpoch: int64,
    endPoints: array({
      name: string,
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: string,
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
    rack: string.nullable(),
    fenced: bool.default(true),
    inControlledShutdown: bool.in("1+"),
    logDirs: array(uuid).tag(0, "3+"),
    cordonedLogDirs: array(uuid).nullable().tag(1, "4+"),
  },
});

export const UnregisterBrokerRecord = message({
  name: "UnregisterBrokerRecord",
  key: 1,
  versions: "0",
  flexible: "0+",
  fields: {
    brokerId: int32,
    brokerEpoch: int64,
  },
});

export const TopicRecord = message({
  name: "TopicRecord",
  key: 2,
  versions: "0",
  flexible: "0+",
  fields: {
    name: string,
    topicId: uuid,
  },
});

export const PartitionRecord = message({
  name: "PartitionRecord",
  key: 3,
  versions: "0-2",
  flexible: "0+",
  fields: {
    partitionId: int32.default(-1),
    topicId: uuid,
    replicas: array(int32),
    isr: array(int32),
    removingReplicas: array(int32),
    addingReplicas: array(int32),
    leader: int32.default(-1),
    leaderRecoveryState: int8.tag(0, "0+"), // 0 recovered, 1 recovering
    leaderEpoch: int32.default(-1),
    partitionEpoch: int32.default(-1),
    directories: array(uuid).in("1+"),
    eligibleLeaderReplicas: array(int32).nullable().tag(1, "2+"),
    lastKnownElr: array(int32).nullable().tag(2, "2+"),
  },
});

export const ConfigRecord = message({
  name: "ConfigRecord",
  key: 4,
  versions: "0",
  flexible: "0+",
  fields: {
    resourceType: int8, // 2 topic, 4 broker, 16 client metrics, 32 group
    resourceName: string,
    name: string,
    value: string.nullable(),
  },
});

export const PartitionChangeRecord = message({
  name: "PartitionChangeRecord",
  key: 5,
  versions: "0-2",
  flexible: "0+",
  fields: {
    partitionId: int32.default(-1),
    topicId: uuid,
    isr: array(int32).nullable().tag(0, "0+"),
    leader: int32.default(-2).tag(1, "0+"), // -2: unchanged
    replicas: array(int32).nullable().tag(2, "0+"),
    removingReplicas: array(int32).nullable().tag(3, "0+"),
    addingReplicas: array(int32).nullable().tag(4, "0+"),
    leaderRecoveryState: int8.default(-1).tag(5, "0+"),
    directories: array(uuid).nullable().tag(8, "1+"),
    eligibleLeaderReplicas: array(int32).nullable().tag(6, "2+"),
    lastKnownElr: array(int32).nullable().tag(7, "2+"),
  },
});

export const FenceBrokerRecord = message({
  name: "FenceBrokerRecord",
  key: 7,
  versions: "0",
  flexible: "0+",
  fields: {
    id: int32,
    epoch: int64,
  },
});

export const UnfenceBrokerRecord = message({
  name: "UnfenceBrokerRecord",
  key: 8,
  versions: "0",
  flexible: "0+",
  fields: {
    id: int32,
    epoch: int64,
  },
});

export const RemoveTopicRecord = message({
  name: "RemoveTopicRecord",
  key: 9,
  versions: "0",
  flexible: "0+",
  fields: {
    topicId: uuid,
  },
});

export const DelegationTokenRecord = message({
  name: "DelegationTokenRecord",
  key: 10,
  versions: "0",
  flexible: "0+",
  fields: {
    owner: string,
    requester: string,
    renewers: array(string),
    issueTimestamp: int64,
    maxTimestamp: int64,
    expirationTimestamp: int64,
    tokenId: string,
  },
});

export const UserScramCredentialRecord = message({
  name: "UserScramCredentialRecord",
  key: 11,
  versions: "0",
  flexible: "0+",
  fields: {
    name: string,
    mechanism: int8,
    salt: bytes,
    storedKey: bytes,
    serverKey: bytes,
    iterations: int32,
  },
});

export const FeatureLevelRecord = message({
  name: "FeatureLevelRecord",
  key: 12,
  versions: "0",
  flexible: "0+",
  fields: {
    name: string,
    featureLevel: int16,
  },
});

export const ClientQuotaRecord = message({
  name: "ClientQuotaRecord",
  key: 14,
  versions: "0",
  flexible: "0+",
  fields: {
    entity: array({
      entityType: string,
      entityName: string.nullable(),
    }),
    key: string,
    value: float64,
    remove: bool,
  },
});

export const ProducerIdsRecord = message({
  name: "ProducerIdsRecord",
  key: 15,
  versions: "0",
  flexible: "0+",
  fields: {
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    nextProducerId: int64,
  },
});

export const BrokerRegistrationChangeRecord = message({
  name: "BrokerRegistrationChangeRecord",
  key: 17,
  versions: "0-3",
  flexible: "0+",
  fields: {
    brokerId: int32,
    brokerEpoch: int64,
    fenced: int8.tag(0, "0+"), // -1 unfenced, 0 unchanged, 1 fenced
    inControlledShutdown: int8.tag(1, "1+"),
    logDirs: array(uuid).tag(2, "2+"),
    cordonedLogDirs: array(uuid).nullable().tag(3, "3+"),
  },
});

export const AccessControlEntryRecord = message({
  name: "AccessControlEntryRecord",
  key: 18,
  versions: "0",
  flexible: "0+",
  fields: {
    id: uuid,
    resourceType: int8,
    resourceName: string,
    patternType: int8,
    principal: string,
    host: string,
    operation: int8,
    permissionType: int8,
  },
});

export const RemoveAccessControlEntryRecord = message({
  name: "RemoveAccessControlEntryRecord",
  key: 19,
  versions: "0",
  flexible: "0+",
  fields: {
    id: uuid,
  },
});

/** Kafka writes one every 500 ms, to see its log move. */
export const NoOpRecord = message({
  name: "NoOpRecord",
  key: 20,
  versions: "0",
  flexible: "0+",
  fields: {},
});

export const ZkMigrationStateRecord = message({
  name: "ZkMigrationStateRecord",
  key: 21,
  versions: "0",
  flexible: "0+",
  fields: {
    zkMigrationState: int8,
  },
});

export const RemoveUserScramCredentialRecord = message({
  name: "RemoveUserScramCredentialRecord",
  key: 22,
  versions: "0",
  flexible: "0+",
  fields: {
    name: string,
    mechanism: int8,
  },
});

export const BeginTransactionRecord = message({
  name: "BeginTransactionRecord",
  key: 23,
  versions: "0",
  flexible: "0+",
  fields: {
    name: string.nullable().tag(0, "0+"),
  },
});

export const EndTransactionRecord = message({
  name: "EndTransactionRecord",
  key: 24,
  versions: "0",
  flexible: "0+",
  fields: {},
});

export const AbortTransactionRecord = message({
  name: "AbortTransactionRecord",
  key: 25,
  versions: "0",
  flexible: "0+",
  fields: {
    reason: string.nullable().tag(0, "0+"),
  },
});

export const RemoveDelegationTokenRecord = message({
  name: "RemoveDelegationTokenRecord",
  key: 26,
  versions: "0",
  flexible: "0+",
  fields: {
    tokenId: string,
  },
});

export const RegisterControllerRecord = message({
  name: "RegisterControllerRecord",
  key: 27,
  versions: "0",
  flexible: "0+",
  fields: {
    controllerId: int32,
    incarnationId: uuid,
    zkMigrationReady: bool,
    endPoints: array({
      name: string,
      host: string,
      port: uint16,
      securityProtocol: int16,
    }),
    features: array({
      name: string,
      minSupportedVersion: int16,
      maxSupportedVersion: int16,
    }),
  },
});

export const ClearElrRecord = message({
  name: "ClearElrRecord",
  key: 28,
  versions: "0",
  flexible: "0+",
  fields: {
    topicName: string,
  },
});

export const UnregisterControllerRecord = message({
  name: "UnregisterControllerRecord",
  key: 29,
  versions: "0",
  flexible: "0+",
  fields: {
    controllerId: int32,
  },
});
