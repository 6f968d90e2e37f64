/**
 * First answer: what a command asks a cluster before all else, so that a wrong address, or a log-in that is missing, is told
 * at once. Who accepts and says nothing has half a minute: after a few seconds it is said what is waited for.
 */
import type { Cluster } from "../client/cluster.ts";
import { printable } from "./table.ts";

/** `address`, for people: "127.0.0.1:9092". Throws as Cluster.nodes(). */
export async function firstAnswer(
  cluster: Cluster,
  address: string,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<void> {
  const timer = setTimeout(() => {
    console.error(
      `runnel: ${printable(address)} has not answered for ${patienceMs / 1000} s: waiting on. ` +
        "Is it a Kafka broker, and spoken to as its listener wants (--client-config)?",
    );
  }, patienceMs);
  try {
    await cluster.nodes();
  } finally {
    clearTimeout(timer);
  }
}

const PATIENCE_MS = 3000;
