/** Guards of what is asked of the cluster: one right for the whole request, refused as each API refuses everything. */
import { AlterClientQuotas } from "../../protocol/messages/alter_client_quotas.ts";
import { AlterPartitionReassignments } from "../../protocol/messages/alter_partition_reassignments.ts";
import { AlterReplicaLogDirs } from "../../protocol/messages/alter_replica_log_dirs.ts";
import { AlterUserScramCredentials } from "../../protocol/messages/alter_user_scram_credentials.ts";
import { ApiVersions } from "../../protocol/messages/api_versions.ts";
import { SaslAuthenticate } from "../../protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../../protocol/messages/sasl_handshake.ts";
import { CreateAcls } from "../../protocol/messages/create_acls.ts";
import { DeleteAcls } from "../../protocol/messages/delete_acls.ts";
import { DescribeAcls } from "../../protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../../protocol/messages/describe_client_quotas.ts";
import { DescribeCluster } from "../../protocol/messages/describe_cluster.ts";
import { DescribeLogDirs } from "../../protocol/messages/describe_log_dirs.ts";
import { DescribeQuorum } from "../../protocol/messages/describe_quorum.ts";
import { DescribeUserScramCredentials } from "../../protocol/messages/describe_user_scram_credentials.ts";
import { ElectLeaders } from "../../protocol/messages/elect_leaders.ts";
import { GetTelemetrySubscriptions } from "../../protocol/messages/get_telemetry_subscriptions.ts";
import { ListConfigResources } from "../../protocol/messages/list_config_resources.ts";
import { ListPartitionReassignments } from "../../protocol/messages/list_partition_reassignments.ts";
import { PushTelemetry } from "../../protocol/messages/push_telemetry.ts";
import { UnregisterBroker } from "../../protocol/messages/unregister_broker.ts";
import { UpdateFeatures } from "../../protocol/messages/update_features.ts";
import { WriteTxnMarkers } from "../../protocol/messages/write_txn_markers.ts";
import type { Api, Decoded, Encodable, Fields, Message } from "../../protocol/schema.ts";
import { type Guard, guard } from "../guard.ts";
import {
  ALTER,
  ALTER_CONFIGS,
  CLUSTER_ACTION,
  CLUSTER_REFUSED,
  DESCRIBE,
  DESCRIBE_CONFIGS,
  onCluster,
  refusal,
} from "./rights.ts";

const REFUSED = refusal(CLUSTER_REFUSED);

/** An API that needs one right on the cluster. */
function needs<Q extends Fields, R extends Fields>(
  api: Api<Q, R>,
  operation: number,
  refused: (request: Decoded<Message<Q>>, apiVersion: number) => Encodable<Message<R>>,
): Guard {
  return guard(
    api,
    [onCluster(operation)],
    (request, { access, apiVersion }, rest) =>
      access.mayCluster(operation) ? rest(request) : refused(request, apiVersion),
  );
}

export const clusterGuards: readonly Guard[] = [
  guard(ApiVersions, []),
  guard(SaslHandshake, []),
  guard(SaslAuthenticate, []),
  guard(GetTelemetrySubscriptions, []),
  guard(PushTelemetry, []),
  // Asked for its field of authorized operations, where that is wanted.
  guard(DescribeCluster, [onCluster(DESCRIBE)]),
  needs(DescribeAcls, DESCRIBE, () => REFUSED),
  needs(CreateAcls, ALTER, ({ creations }) => ({ results: creations.map(() => REFUSED) })),
  needs(DeleteAcls, ALTER, ({ filters }) => ({ filterResults: filters.map(() => REFUSED) })),
  needs(DescribeQuorum, DESCRIBE, () => REFUSED),
  needs(DescribeLogDirs, DESCRIBE, () => ({ errorCode: CLUSTER_REFUSED, results: [] })),
  needs(ListPartitionReassignments, DESCRIBE, () => REFUSED),
  needs(
    DescribeUserScramCredentials,
    DESCRIBE,
    () => ({ ...REFUSED, results: [{ user: "", ...REFUSED }] }),
  ),
  needs(DescribeClientQuotas, DESCRIBE_CONFIGS, () => ({ ...REFUSED, entries: null })),
  needs(ListConfigResources, DESCRIBE_CONFIGS, () => ({ errorCode: CLUSTER_REFUSED })),
  needs(UpdateFeatures, ALTER, () => REFUSED),
  needs(UnregisterBroker, ALTER, () => REFUSED),
  needs(
    AlterClientQuotas,
    ALTER_CONFIGS,
    ({ entries }) => ({ entries: entries.map(({ entity }) => ({ entity, ...REFUSED })) }),
  ),
  needs(AlterUserScramCredentials, ALTER, ({ deletions, upsertions }) => {
    const users = new Set([...deletions, ...upsertions].map(({ name }) => name));
    return { results: [...users].map((user) => ({ user, ...REFUSED })) };
  }),
  needs(AlterReplicaLogDirs, ALTER, ({ dirs }) => ({
    results: dirs.flatMap(({ topics }) => topics).map(({ name, partitions }) => ({
      topicName: name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        errorCode: CLUSTER_REFUSED,
      })),
    })),
  })),
  needs(ElectLeaders, ALTER, ({ topicPartitions }, apiVersion) => ({
    ...apiVersion >= 1 ? { errorCode: CLUSTER_REFUSED } : {},
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, ...REFUSED })),
    })),
  })),
  needs(AlterPartitionReassignments, ALTER, ({ topics, allowReplicationFactorChange }) => ({
    ...REFUSED,
    allowReplicationFactorChange,
    responses: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...REFUSED })),
    })),
  })),
  guard(
    WriteTxnMarkers,
    [onCluster(ALTER), onCluster(CLUSTER_ACTION)],
    (request, { access }, rest) =>
      access.mayCluster(ALTER) || access.mayCluster(CLUSTER_ACTION) ? rest(request) : {
        markers: request.markers.map(({ producerId, topics }) => ({
          producerId,
          topics: topics.map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({
              partitionIndex,
              errorCode: CLUSTER_REFUSED,
            })),
          })),
        })),
      },
  ),
];
