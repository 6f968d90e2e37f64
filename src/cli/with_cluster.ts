/** withCluster: a command's work on a cluster. What the cluster refuses, or nobody answers, is told in one line. */
import { Cluster } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { clientErrorLine } from "./client_error_line.ts";
import type { ClientSecurity } from "./client_config.ts";

/** Resolves with the exit code: the work's own, or 1. */
export async function withCluster(
  { bootstrap, security }: { readonly bootstrap: string; readonly security: ClientSecurity },
  work: (cluster: Cluster) => Promise<number>,
): Promise<number> {
  const cluster = new Cluster({ bootstrap, ...security, callTimeoutMs: CALL_TIMEOUT_MS });
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
