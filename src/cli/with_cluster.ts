/** withCluster: a command's work on a cluster, to which connections are closed behind it. */
import { Cluster } from "../client/cluster.ts";
import type { Reached } from "./reach.ts";

/** How a command speaks to a cluster; who opens it closes it. */
export function openCluster({ bootstrap, security }: Reached): Cluster {
  return new Cluster({ bootstrap, ...security, callTimeoutMs: CALL_TIMEOUT_MS });
}

/** Resolves with the exit code of the work; throws what it throws. */
export async function withCluster(
  reached: Reached,
  work: (cluster: Cluster) => Promise<number>,
): Promise<number> {
  const cluster = openCluster(reached);
  try {
    return await work(cluster);
  } finally {
    cluster.close();
  }
}

const CALL_TIMEOUT_MS = 10_000;
