/** withCluster: a command's work on a cluster. What the cluster refuses, or nobody answers, is told in one line. */
import { Cluster, type ClusterOptions } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { clientErrorLine } from "./arguments.ts";
import type { ClientSecurity } from "./client_config.ts";

export interface ClusterPlace {
  readonly bootstrap: string;
  readonly security: ClientSecurity;
}

/** How a command speaks to a cluster. */
export function clusterOptionsOf({ bootstrap, security }: ClusterPlace): ClusterOptions {
  return { bootstrap, ...security, callTimeoutMs: CALL_TIMEOUT_MS };
}

/** Resolves with the exit code: the work's own, or 1. */
export async function withCluster(
  place: ClusterPlace,
  work: (cluster: Cluster) => Promise<number>,
): Promise<number> {
  const cluster = new Cluster(clusterOptionsOf(place));
  try {
    return await work(cluster);
  } catch (error) {
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

const CALL_TIMEOUT_MS = 10_000;
