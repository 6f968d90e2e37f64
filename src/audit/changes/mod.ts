/**
 * The table of changes: of every API whether it changes something, and how. What it does not name does not change anything
 * that a line is written of: records, offsets and transactions of those who consume and produce, and everything that only
 * asks. A test holds it against the handlers, so that none is added without a word here.
 */
import { AddOffsetsToTxn } from "../../protocol/messages/add_offsets_to_txn.ts";
import { AddPartitionsToTxn } from "../../protocol/messages/add_partitions_to_txn.ts";
import { ApiVersions } from "../../protocol/messages/api_versions.ts";
import { ConsumerGroupDescribe } from "../../protocol/messages/consumer_group_describe.ts";
import { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer_group_heartbeat.ts";
import { DescribeAcls } from "../../protocol/messages/describe_acls.ts";
import { DescribeClientQuotas } from "../../protocol/messages/describe_client_quotas.ts";
import { DescribeCluster } from "../../protocol/messages/describe_cluster.ts";
import { DescribeConfigs } from "../../protocol/messages/describe_configs.ts";
import { DescribeDelegationToken } from "../../protocol/messages/describe_delegation_token.ts";
import { DescribeGroups } from "../../protocol/messages/describe_groups.ts";
import { DescribeLogDirs } from "../../protocol/messages/describe_log_dirs.ts";
import { DescribeProducers } from "../../protocol/messages/describe_producers.ts";
import { DescribeTopicPartitions } from "../../protocol/messages/describe_topic_partitions.ts";
import { DescribeTransactions } from "../../protocol/messages/describe_transactions.ts";
import { DescribeUserScramCredentials } from "../../protocol/messages/describe_user_scram_credentials.ts";
import { EndTxn } from "../../protocol/messages/end_txn.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../protocol/messages/find_coordinator.ts";
import { GetTelemetrySubscriptions } from "../../protocol/messages/get_telemetry_subscriptions.ts";
import { Heartbeat } from "../../protocol/messages/heartbeat.ts";
import { JoinGroup } from "../../protocol/messages/join_group.ts";
import { ListConfigResources } from "../../protocol/messages/list_config_resources.ts";
import { ListGroups } from "../../protocol/messages/list_groups.ts";
import { ListOffsets } from "../../protocol/messages/list_offsets.ts";
import { ListPartitionReassignments } from "../../protocol/messages/list_partition_reassignments.ts";
import { ListTransactions } from "../../protocol/messages/list_transactions.ts";
import { OffsetFetch } from "../../protocol/messages/offset_fetch.ts";
import { OffsetForLeaderEpoch } from "../../protocol/messages/offset_for_leader_epoch.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { PushTelemetry } from "../../protocol/messages/push_telemetry.ts";
import { SaslAuthenticate } from "../../protocol/messages/sasl_authenticate.ts";
import { SaslHandshake } from "../../protocol/messages/sasl_handshake.ts";
import { SyncGroup } from "../../protocol/messages/sync_group.ts";
import { TxnOffsetCommit } from "../../protocol/messages/txn_offset_commit.ts";
import type { Change } from "./change.ts";
import { clusterChanges } from "./cluster_changes.ts";
import { configChanges } from "./config_changes.ts";
import { groupChanges } from "./group_changes.ts";
import { securityChanges } from "./security_changes.ts";
import { topicChanges } from "./topic_changes.ts";

export const CHANGES: readonly Change[] = [
  ...topicChanges,
  ...configChanges,
  ...securityChanges,
  ...groupChanges,
  ...clusterChanges,
];

/** Of these only denials are written; log-ins as what they are. */
export const NO_CHANGES: readonly { readonly key: number; readonly name: string }[] = [
  Produce,
  Fetch,
  ListOffsets,
  OffsetFetch,
  FindCoordinator,
  JoinGroup,
  Heartbeat,
  SyncGroup,
  DescribeGroups,
  ListGroups,
  SaslHandshake,
  ApiVersions,
  OffsetForLeaderEpoch,
  AddPartitionsToTxn,
  AddOffsetsToTxn,
  EndTxn,
  TxnOffsetCommit,
  DescribeAcls,
  DescribeConfigs,
  DescribeLogDirs,
  SaslAuthenticate,
  DescribeDelegationToken,
  ListPartitionReassignments,
  DescribeClientQuotas,
  DescribeUserScramCredentials,
  DescribeCluster,
  DescribeProducers,
  DescribeTransactions,
  ListTransactions,
  ConsumerGroupHeartbeat,
  ConsumerGroupDescribe,
  GetTelemetrySubscriptions,
  PushTelemetry,
  ListConfigResources,
  DescribeTopicPartitions,
];
