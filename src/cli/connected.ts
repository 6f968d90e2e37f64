/** Connected: a client command's way to its broker and back: it connects, and does its work. */
import type { Cluster } from "../client/cluster.ts";
import type { Call } from "./call.ts";
import { firstAnswer } from "./first_answer.ts";
import { Output, OutputClosed } from "./output.ts";
import { configOf, reachedBy } from "./reach.ts";
import { openCluster, withCluster } from "./with_cluster.ts";

export interface Connected {
  readonly cluster: Cluster;
  readonly out: Output;
  /** "127.0.0.1:9092" */
  readonly bootstrap: string;
  /** One more like `cluster`, with connections of its own, which the work closes. */
  readonly another: () => Cluster;
}

/** What is done with a cluster; resolves with the exit code. */
export type Work = (connected: Connected) => Promise<number>;

/** Resolves with the work's exit code; throws KafkaError and ConnectionError as it does. */
export async function connected(
  call: Call,
  work: Work,
  { endsUnread = false }: { readonly endsUnread?: boolean } = {},
): Promise<number> {
  const reached = reachedBy(call, await configOf(call.options)), { bootstrap } = reached;
  return await withCluster(reached, async (cluster) => {
    await firstAnswer(cluster, bootstrap);
    try {
      const out = new Output({ isJson: call.has("--json"), endsUnread });
      return await work({ cluster, out, bootstrap, another: () => openCluster(reached) });
    } catch (error) {
      if (error instanceof OutputClosed) return 0;
      throw error;
    }
  });
}
