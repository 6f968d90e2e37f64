/** One request of every API that changes something, and some that change nothing. */
import { ZERO_UUID } from "../bytes/uuid.ts";
import type { Uuid } from "../bytes/uuid.ts";
import type { AskedChange } from "../audit/changes/change.ts";
import type { Api } from "../protocol/schema.ts";

export const POLICY_VIOLATION = 44;

interface Sample extends AskedChange {
  readonly request: Readonly<Record<string, unknown>>;
}

const ID = "AAAAAAAAQAGAAAAAAAAAAQ" as Uuid;
const KNOWN = {
  nameOf: (topicId: Uuid) => topicId === ID ? "by-id" : undefined,
  has: (name: string) => name === "known",
  areMadeWhenAskedFor: true,
};
const SECRET = new TextEncoder().encode("SECRET");

const named = (name: string) => ({ name, topicId: ZERO_UUID });
const RESOURCE = { resourceType: 2, resourceName: "orders" };
const config = (name: string, value: string) => ({ name, value, configOperation: 0 });

/** By API: a change, and what is none. */
const REQUESTS: Readonly<
  Record<string, readonly [change: Sample["request"], ...quiet: Sample["request"][]]>
> = {
  CreateTopics: [
    {
      topics: [{
        name: "orders",
        numPartitions: 3,
        replicationFactor: 1,
        assignments: [],
        configs: [config("retention.ms", "1")],
      }, {
        name: "payments",
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [{ partitionIndex: 0, brokerIds: [0] }],
        configs: [],
      }],
      validateOnly: false,
    },
    { topics: [{ name: "orders", assignments: [], configs: [] }], validateOnly: true },
  ],
  Metadata: [
    { topics: [named("new"), named("known")], allowAutoTopicCreation: true },
    { topics: [named("new")], allowAutoTopicCreation: false },
    { topics: [named("known")], allowAutoTopicCreation: true },
    { topics: null, allowAutoTopicCreation: true },
    { topics: [{ name: null, topicId: ID }], allowAutoTopicCreation: true },
  ],
  DeleteTopics: [{ topics: [named("orders"), { name: null, topicId: ID }] }],
  CreatePartitions: [
    { topics: [{ name: "orders", count: 5, assignments: null }], validateOnly: false },
    { topics: [{ name: "orders", count: 5, assignments: null }], validateOnly: true },
  ],
  DeleteRecords: [{
    topics: [{ name: "orders", partitions: [{ partitionIndex: 0, offset: 5 }] }],
  }],
  AlterReplicaLogDirs: [{ dirs: [{ path: "/d", topics: [{ name: "orders", partitions: [0] }] }] }],
  AlterPartitionReassignments: [{
    topics: [{ name: "orders", partitions: [{ partitionIndex: 0, replicas: [0] }] }],
  }],
  ElectLeaders: [{ electionType: 1, topicPartitions: [{ topic: "orders", partitions: [0] }] }],
  AlterConfigs: [
    {
      resources: [{ ...RESOURCE, configs: [config("sasl.jaas.config", "SECRET")] }],
      validateOnly: false,
    },
    { resources: [{ ...RESOURCE, configs: [] }], validateOnly: true },
  ],
  IncrementalAlterConfigs: [
    {
      resources: [{
        ...RESOURCE,
        configs: [
          config("listener.name.ssl.key.password", "SECRET"),
          ...Array.from({ length: 50 }, (_, i) => config(`config.${i}`, "x")),
        ],
      }],
      validateOnly: false,
    },
    { resources: [{ ...RESOURCE, configs: [] }], validateOnly: true },
  ],
  CreateAcls: [{
    creations: [{
      resourceType: 2,
      resourceName: "orders",
      resourcePatternType: 3,
      principal: "User:alice",
      host: "*",
      operation: 3,
      permissionType: 3,
    }],
  }],
  DeleteAcls: [{
    filters: [{
      resourceTypeFilter: 1,
      resourceNameFilter: null,
      patternTypeFilter: 1,
      principalFilter: "User:alice",
      hostFilter: null,
      operation: 1,
      permissionType: 1,
    }],
  }],
  AlterUserScramCredentials: [{
    deletions: [{ name: "bob", mechanism: 1 }],
    upsertions: [{
      name: "alice",
      mechanism: 2,
      iterations: 4096,
      salt: SECRET,
      saltedPassword: SECRET,
    }],
  }],
  AlterClientQuotas: [
    {
      entries: [{
        entity: [
          { entityType: "user", entityName: "alice" },
          { entityType: "client-id", entityName: null },
        ],
        ops: [{ key: "producer_byte_rate", value: 1000, remove: false }],
      }],
      validateOnly: false,
    },
    { entries: [{ entity: [], ops: [] }], validateOnly: true },
  ],
  CreateDelegationToken: [{
    ownerPrincipalType: "User",
    ownerPrincipalName: "alice",
    renewers: [{ principalType: "User", principalName: "bob" }],
    maxLifetimeMs: -1,
  }],
  RenewDelegationToken: [{ hmac: SECRET, renewPeriodMs: 1 }],
  ExpireDelegationToken: [{ hmac: SECRET, expiryTimePeriodMs: -1 }],
  DeleteGroups: [{ groupsNames: ["g"] }],
  OffsetDelete: [{
    groupId: "g",
    topics: [{ name: "orders", partitions: [{ partitionIndex: 0 }] }],
  }],
  OffsetCommit: [
    {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      topics: [
        { ...named("orders"), partitions: [{ partitionIndex: 0, committedOffset: 2n ** 60n }] },
        { name: "", topicId: ID, partitions: [{ partitionIndex: 0, committedOffset: 1n }] },
      ],
    },
    {
      groupId: "g",
      generationIdOrMemberEpoch: 3,
      memberId: "m",
      topics: [
        { ...named("orders"), partitions: [{ partitionIndex: 0, committedOffset: 1n }] },
      ],
    },
  ],
  LeaveGroup: [
    { groupId: "g", memberId: "", members: [{ memberId: "", groupInstanceId: "i" }] },
    { groupId: "g", memberId: "", members: [{ memberId: "m", groupInstanceId: null }] },
  ],
  WriteTxnMarkers: [{
    markers: [{
      producerId: 7,
      producerEpoch: 1,
      transactionResult: false,
      topics: [{ name: "orders", partitionIndexes: [0, 1] }],
      coordinatorEpoch: 0,
    }],
  }],
  InitProducerId: [
    { transactionalId: "t", producerId: -1 },
    { transactionalId: "t", producerId: 7 },
    { transactionalId: null, producerId: -1 },
  ],
  UpdateFeatures: [
    { featureUpdates: [{ feature: "metadata.version", maxVersionLevel: 20 }], validateOnly: false },
    { featureUpdates: [{ feature: "metadata.version", maxVersionLevel: 20 }], validateOnly: true },
  ],
  UnregisterBroker: [{ brokerId: 1 }],
  DescribeQuorum: [{ topics: [] }],
};

export function samples(api: Api): { readonly asked: Sample; readonly quiet: readonly Sample[] } {
  const [change, ...quiet] = REQUESTS[api.name];
  const isBackup = api.name === "DescribeQuorum";
  const sample = (request: Sample["request"], clientId: string): Sample => ({
    request,
    apiVersion: api.max,
    clientId,
    topics: KNOWN,
  });
  return {
    asked: sample(change, isBackup ? "runnel-backup" : "tool"),
    quiet: isBackup ? [sample(change, "tool")] : quiet.map((one) => sample(one, "tool")),
  };
}
