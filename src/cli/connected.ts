/** Connected: a client command's way to its broker and back: it connects, does its work, tells what went wrong. */
import { Cluster } from "../client/cluster.ts";
import { configOf } from "./arguments.ts";
import type { Call } from "./call.ts";
import { Output, OutputClosed } from "./output.ts";
import { reachedBy } from "./reach.ts";
import { clusterOptionsOf, withCluster } from "./with_cluster.ts";

export interface Connected {
  readonly cluster: Cluster;
  readonly out: Output;
  /** "127.0.0.1:9092" */
  readonly bootstrap: string;
  /** One more like `cluster`, with connections of its own, which the work closes. */
  readonly another: () => Cluster;
}

/** Resolves with the exit code: the work's own, or 1 where the broker could not be reached or refused. */
export async function connected(
  call: Call,
  work: (connected: Connected) => Promise<number>,
): Promise<number> {
  const { bootstrap, security } = reachedBy(call, await configOf(call.options));
  return await withCluster({ bootstrap, security }, async (cluster) => {
    await cluster.anyConnection(); // once, so that a wrong address is told at once
    try {
      const out = new Output({ isJson: call.has("--json") });
      const another = () => new Cluster(clusterOptionsOf({ bootstrap, security }));
      return await work({ cluster, out, bootstrap, another });
    } catch (error) {
      if (error instanceof OutputClosed) return 0;
      throw error;
    }
  });
}
