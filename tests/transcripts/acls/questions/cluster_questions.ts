/** What is asked of the cluster: ACLs, users, quotas, brokers. */
import { AlterClientQuotas } from "../../../../src/protocol/messages/alter_client_quotas.ts";
import { AlterPartitionReassignments } from "../../../../src/protocol/messages/alter_partition_reassignments.ts";
import { AlterReplicaLogDirs } from "../../../../src/protocol/messages/alter_replica_log_dirs.ts";
import { AlterUserScramCredentials } from "../../../../src/protocol/messages/alter_user_scram_credentials.ts";
import { CreateAcls } from "../../../../src/protocol/messages/create_acls.ts";
import { DeleteAcls } from "../../../../src/protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../../../../src/protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../../../../src/protocol/messages/describe_client_quotas.ts";
import { DescribeCluster } from "../../../../src/protocol/messages/describe_cluster.ts";
import { DescribeLogDirs } from "../../../../src/protocol/messages/describe_log_dirs.ts";
import { DescribeQuorum } from "../../../../src/protocol/messages/describe_quorum.ts";
import { DescribeUserScramCredentials } from "../../../../src/protocol/messages/describe_user_scram_credentials.ts";
import { ElectLeaders } from "../../../../src/protocol/messages/elect_leaders.ts";
import { ListPartitionReassignments } from "../../../../src/protocol/messages/list_partition_reassignments.ts";
import { UnregisterBroker } from "../../../../src/protocol/messages/unregister_broker.ts";
import { UpdateFeatures } from "../../../../src/protocol/messages/update_features.ts";
import { type Asking, ALTER, DESCRIBE, D_CONFIGS, A_CONFIGS, cluster } from "./question.ts";

export function clusterQuestions({ ask }: Asking): void {
  const anyAcl = { resourceTypeFilter: 2, resourceNameFilter: "nobody's", patternTypeFilter: 3 };
  const anybody = { principalFilter: "User:nobody", hostFilter: "*", operation: 3, permissionType: 3 };
  ask("ACLs described", DescribeAcls, 3, { ...anyAcl, ...anybody }, [cluster(DESCRIBE)]);
  const rule = { resourceType: 2, resourceName: "", principal: "User:nobody", host: "*" };
  ask("ACLs made", CreateAcls, 3, {
    creations: [
      { ...rule, operation: 3, permissionType: 3 },
      { ...rule, resourceType: 4, resourceName: "other-cluster", operation: 3, permissionType: 3 },
      { ...rule, resourceName: "t", principal: "nobody", operation: 3, permissionType: 3 },
    ],
  }, [cluster(ALTER)]);
  ask("ACLs deleted", DeleteAcls, 3, { filters: [{ ...anyAcl, ...anybody }] }, [cluster(ALTER)]);
  ask("the cluster described", DescribeCluster, 0, { includeClusterAuthorizedOperations: true }, [
    cluster(DESCRIBE),
    cluster(ALTER),
  ]);
  ask("the quorum", DescribeQuorum, 0, {
    topics: [{ topicName: "nothing", partitions: [{ partitionIndex: 0 }] }],
  }, [cluster(DESCRIBE)]);
  ask("directories", DescribeLogDirs, 4, { topics: [] }, [cluster(DESCRIBE)]);
  ask("moves listed", ListPartitionReassignments, 0, { topics: null, timeoutMs: 1000 }, [
    cluster(DESCRIBE),
  ]);
  ask("moves", AlterPartitionReassignments, 0, {
    timeoutMs: 1000,
    topics: [{ name: "none", partitions: [{ partitionIndex: 0, replicas: null }] }],
  }, [cluster(ALTER)]);
  ask("moves between directories", AlterReplicaLogDirs, 2, {
    dirs: [{ path: "/nowhere", topics: [{ name: "shown", partitions: [0] }] }],
  }, [cluster(ALTER)]);
  ask("elections", ElectLeaders, 2, {
    electionType: 0,
    timeoutMs: 1000,
    topicPartitions: [{ topic: "shown", partitions: [0] }],
  }, [cluster(ALTER)]);
  ask("users described", DescribeUserScramCredentials, 0, { users: [{ name: "nobody" }] }, [
    cluster(DESCRIBE),
  ]);
  ask("users altered", AlterUserScramCredentials, 0, {
    deletions: [{ name: "nobody", mechanism: 1 }],
    upsertions: [],
  }, [cluster(ALTER)]);
  ask("quotas described", DescribeClientQuotas, 1, {
    components: [{ entityType: "user", matchType: 0, match: "nobody" }],
    strict: true,
  }, [cluster(D_CONFIGS)]);
  ask("quotas altered", AlterClientQuotas, 1, {
    entries: [{ entity: [{ entityType: "bad", entityName: "x" }], ops: [] }],
    validateOnly: true,
  }, [cluster(A_CONFIGS)]);
  ask("features", UpdateFeatures, 1, {
    timeoutMs: 1000,
    validateOnly: true,
    featureUpdates: [{ feature: "nothing", maxVersionLevel: 1, upgradeType: 1 }],
  }, [cluster(ALTER)]);
  ask("a broker taken out", UnregisterBroker, 0, { brokerId: 77 }, [cluster(ALTER)]);
}
