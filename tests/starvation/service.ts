/** Service: the broker under starvation as a process, with what was acknowledged by it kept outside. */
import { Connection } from "../../src/client/connection.ts";
import { Victim } from "../crash/victim.ts";

export interface Ports {
  readonly kafka: number;
  readonly http: number;
}

/** How the process is started: `wrap` puts a command line before it ("ulimit -n 200;"). */
export interface Launch {
  readonly flags: readonly string[];
  readonly ports: Ports;
  readonly log: string;
  readonly wrap: string;
}

/** What a shell does before it becomes the broker. */
export function spawned({ flags, ports, log, wrap }: Launch): Victim {
  return Victim.spawn({ flags, ports, log, before: wrap });
}

/** What was answered with success, and so has to hold. */
export class Promises {
  /** Of "base-0", by offset. */
  readonly values = new Map<number, string>();
  committed = -1;
  readonly created = new Set<string>();
  readonly deleted = new Set<string>();
  /** Of "trim-0": no record below may be seen again. */
  trimmedTo = 0;
}

export async function connect(ports: Ports, requestTimeoutMs = 10_000): Promise<Connection> {
  return await Connection.open({ host: "127.0.0.1", port: ports.kafka, requestTimeoutMs });
}

/** The text of /metrics, or null where it does not answer. */
export async function scrape(ports: Ports): Promise<string | null> {
  return (await get(ports, "/metrics"))?.body ?? null;
}

/** Status and body of /readyz; null where it does not answer. */
export function readiness(ports: Ports): Promise<{ status: number; body: string } | null> {
  return get(ports, "/readyz");
}

async function get(
  ports: Ports,
  path: string,
): Promise<{ status: number; body: string } | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${ports.http}${path}`, {
      signal: AbortSignal.timeout(HTTP_LIMIT_MS),
    });
    return { status: answer.status, body: await answer.text() };
  } catch {
    return null;
  }
}

/** A sample without labels ("runnel_partitions_offline"); null when it is not there. */
export function sample(text: string, name: string): number | null {
  const line = text.split("\n").find((line) => line.startsWith(`${name} `));
  return line === undefined ? null : Number(line.slice(name.length + 1));
}

const HTTP_LIMIT_MS = 5000;
