/** Broker facts: what each broker of a cluster is, speaks and stores, as it says itself. */
import { ErrorCode } from "../protocol/errors.ts";
import { ApiVersions } from "../protocol/messages/api_versions.ts";
import { DescribeLogDirs } from "../protocol/messages/describe_log_dirs.ts";
import { Metadata } from "../protocol/messages/metadata.ts";
import { apiByKey } from "../protocol/messages/mod.ts";
import { VERSION } from "../version.ts";
import type { Cluster } from "./cluster.ts";
import { check } from "./errors.ts";

export interface ClusterFacts {
  readonly clusterId: string;
  /** -1: none is known. */
  readonly controllerId: number;
  /** By id. */
  readonly brokers: readonly BrokerFacts[];
}

export interface BrokerFacts {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly features: readonly FeatureFacts[];
  /** By key. */
  readonly apis: readonly ApiRange[];
  /** Null where they are shown only to who may describe the cluster. */
  readonly dirs: readonly LogDir[] | null;
}

export interface FeatureFacts {
  readonly name: string;
  /** What the cluster goes by; null: it does not go by it. */
  readonly level: number | null;
  /** What this broker could go by. */
  readonly min: number;
  readonly max: number;
}

export interface ApiRange {
  readonly key: number;
  /** null of one that is not known here. */
  readonly name: string | null;
  readonly min: number;
  readonly max: number;
}

export interface LogDir {
  readonly path: string;
  /** Of the logs in it. */
  readonly bytes: bigint;
  readonly replicas: number;
  /** Of its file system; null where the broker does not say. */
  readonly totalBytes: bigint | null;
  readonly usableBytes: bigint | null;
}

/** Retries; throws KafkaError and ConnectionError for the first broker that does not answer. */
export async function clusterFacts(cluster: Cluster): Promise<ClusterFacts> {
  const { clusterId, controllerId, brokers } = await cluster.retry(async () => {
    const any = await cluster.anyConnection();
    // Which brokers of any age answer; DescribeCluster says no more than this, since Kafka 2.8.
    const response = await any.request(Metadata, any.versionFor(Metadata), {
      topics: [],
      allowAutoTopicCreation: false,
    });
    check(response.errorCode, "cluster");
    return response;
  });
  const known = brokers.map(({ nodeId: id, host, port, rack }) => ({ id, host, port, rack }))
    .sort((a, b) => a.id - b.id);
  const facts: BrokerFacts[] = [];
  for (const broker of known) {
    const spoken = await cluster.retry(() => versionsOf(cluster, broker.id));
    const dirs = await cluster.retry(() => logDirsOf(cluster, broker.id));
    facts.push({ ...broker, ...spoken, dirs });
  }
  return { clusterId: clusterId ?? "", controllerId, brokers: facts };
}

async function versionsOf(
  cluster: Cluster,
  id: number,
): Promise<Pick<BrokerFacts, "features" | "apis">> {
  const connection = await cluster.connectionTo(id);
  const response = await connection.request(ApiVersions, connection.versionFor(ApiVersions, 4), {
    clientSoftwareName: "runnel",
    clientSoftwareVersion: VERSION,
  });
  check(response.errorCode, `versions of broker ${id}`);
  const levels = new Map(
    response.finalizedFeatures.map((one) => [one.name, one.maxVersionLevel]),
  );
  return {
    features: response.supportedFeatures.map(({ name, minVersion, maxVersion }) => ({
      name,
      level: levels.get(name) ?? null,
      min: minVersion,
      max: maxVersion,
    })).sort((a, b) => a.name < b.name ? -1 : 1),
    apis: response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => ({
      key: apiKey,
      name: apiByKey(apiKey)?.name ?? null,
      min: minVersion,
      max: maxVersion,
    })).sort((a, b) => a.key - b.key),
  };
}

async function logDirsOf(cluster: Cluster, id: number): Promise<LogDir[] | null> {
  const connection = await cluster.connectionTo(id);
  const version = connection.versionFor(DescribeLogDirs);
  const response = await connection.request(DescribeLogDirs, version, { topics: null });
  if (response.errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED) return null;
  check(response.errorCode ?? 0, `log directories of broker ${id}`);
  return response.results.map(({ logDir, topics, totalBytes, usableBytes }) => {
    const partitions = topics.flatMap((topic) => topic.partitions);
    return {
      path: logDir,
      bytes: partitions.reduce((sum, one) => sum + BigInt(one.partitionSize), 0n),
      replicas: partitions.length,
      totalBytes: known(totalBytes),
      usableBytes: known(usableBytes),
    };
  });
}

function known(bytes: number | bigint): bigint | null {
  return bytes < 0 ? null : BigInt(bytes);
}
