/** withCluster: a command's work on a cluster, to which connections are closed behind it. */
import { Cluster } from "../client/cluster.ts";
import type { Reached } from "./reach.ts";
import { Troubles } from "./troubles.ts";

/** How a command speaks to a cluster; who opens it closes it. */
export function openCluster({ bootstrap, security }: Reached): Cluster {
  const troubles = new Troubles();
  return new Cluster({
    bootstrap,
    ...security,
    callTimeoutMs: CALL_TIMEOUT_MS,
    onConnect: (address, failure) => troubles.heard(address, failure),
  });
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
