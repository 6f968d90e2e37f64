/** Connected: a client command's way to its broker and back: it connects, does its work, tells what went wrong. */
import { Cluster } from "../client/cluster.ts";
import { ConnectionError, KafkaError } from "../client/errors.ts";
import { clientErrorLine, configOf } from "./arguments.ts";
import type { Call } from "./call.ts";
import { Output, OutputClosed } from "./output.ts";
import { reachedBy } from "./reach.ts";

export interface Connected {
  readonly cluster: Cluster;
  readonly out: Output;
  /** "127.0.0.1:9092" */
  readonly bootstrap: string;
}

/** Resolves with the exit code: the work's own, or 1 where the broker could not be reached or refused. */
export async function connected(
  call: Call,
  work: (connected: Connected) => Promise<number>,
): Promise<number> {
  const { bootstrap, security } = reachedBy(call, await configOf(call.options));
  const cluster = new Cluster({ bootstrap, ...security, callTimeoutMs: CALL_TIMEOUT_MS });
  try {
    await cluster.anyConnection(); // once, so that a wrong address is told at once
    return await work({ cluster, out: new Output({ isJson: call.has("--json") }), bootstrap });
  } catch (error) {
    if (error instanceof OutputClosed) return 0;
    if (!(error instanceof ConnectionError || error instanceof KafkaError)) throw error;
    console.error(`runnel: ${clientErrorLine(error)}`);
    return 1;
  } finally {
    cluster.close();
  }
}

const CALL_TIMEOUT_MS = 10_000;
